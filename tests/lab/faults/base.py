"""What a fault is, and the small language the catalogue is written in.

A step says where and what: `at("node", "ip route del {peer.pod_cidr}")`. The words in braces are
fields of `Scene`. A line is one command without a shell; `iptables` and `ip6tables` are the
cluster's own backend, and `sysctl key=value` writes below /proc/sys/net ("ipv4/ip_forward=0").
"""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tests.lab import commands, wireguard
from tests.lab.lab import Lab, underlay_port
from tests.lab.namespaces import Netns
from tests.lab.rules.kubeproxy import chain_of
from tests.lab.topology import Cluster, Node, Pod, Service


class Target(Struct, frozen=True):
    """What a fault is done to, by name: a node with two of its pods, another node with a pod of
    its own, a third one ("" in a cluster of two), and a Service with an endpoint."""

    node: str
    pod: str
    mate: str
    peer: str
    other: str
    third: str
    service: str


class Scene:
    """A target on a standing lab: the fields that steps speak of."""

    family = 4
    """The family of the addresses in them."""

    def __init__(self, lab: Lab, target: Target) -> None:
        self.lab = lab
        self.target = target
        cluster = lab.cluster
        self.node: Node = cluster.node(target.node)
        self.peer: Node = cluster.node(target.peer)
        self.third: Node = cluster.node(target.third or target.peer)
        self.pod: Pod = cluster.pod(target.pod)
        self.mate: Pod = cluster.pod(target.mate or target.pod)
        self.other: Pod = cluster.pod(target.other)
        self.service: Service = cluster.service(target.service)

    def field(self, name: str) -> object:
        """The value of a word in braces."""
        if name in ("veth", "mate_veth"):
            return self._veth(self.pod if name == "veth" else self.mate)
        if name in ("pod_mac", "mate_mac"):
            return mac(self.lab.pod((self.pod if name == "pod_mac" else self.mate).name), "eth0")
        if name in ("svc_chain", "sep_chain"):
            kind = "SVC" if name == "svc_chain" else "SEP"
            # The last one: what falls through an earlier chain goes to a later endpoint.
            backend = -1 if kind == "SVC" else sum(b.ready for b in self.service.backends) - 1
            return chain_of(
                self.lab.cluster, self.service.name, kind, self.node.name, backend=backend
            )
        if name in ("node_key", "peer_key"):
            return wireguard.public_key(self.node if name == "node_key" else self.peer)
        if name == "underlay_port":
            return underlay_port(self.peer)
        if name == "service_port":
            return self.service.ports[0]
        if name == "backend":
            return self.service.backends[0]
        return getattr(self, name)

    def said(self, words: list[str]) -> list[str]:
        """A command line in the words of the family."""
        return words

    def _veth(self, pod: Pod) -> str:
        """The node's end of a pod's veth: by hand it has a known name, a plugin invents one."""
        if self.lab.cluster.cni == "hand":
            return self.lab.veth(pod)
        index = _links(self.lab.pod(pod.name), "eth0")[0]["link_index"]
        every = _links(self.lab.node(pod.node))
        return str(next(link["ifname"] for link in every if link["ifindex"] == index))

    def place(self, where: str) -> tuple[Netns, ...]:
        """The namespaces a step's `where` means."""
        if where == "nodes":
            return tuple(self.lab.node(n.name) for n in self.lab.cluster.nodes)
        subject = getattr(self, where)
        if isinstance(subject, Node):
            return (self.lab.node(subject.name),)
        return (self.lab.pod(subject.name),)


class _Fields(dict[str, object]):
    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    def __missing__(self, name: str) -> object:
        return self._scene.field(name)


Step = Callable[[Scene], None]
Reshape = Callable[[Cluster, Target], Cluster]
Fits = Callable[[Cluster, Target], bool]


def at(where: str, *lines: str) -> Step:
    """A step that runs command lines in the namespace(s) that `where` names: "node", "peer",
    "third", "pod", "mate", "other", or "nodes" for every node."""

    def step(scene: Scene) -> None:
        for namespace in scene.place(where):
            for line in lines:
                _run(scene, namespace, line.format_map(_Fields(scene)))

    return step


def _run(scene: Scene, namespace: Netns, line: str) -> None:
    words = scene.said(shlex.split(line))
    if words[0] == "sysctl":
        key, _, value = words[1].partition("=")
        commands.sysctl(namespace, {key: value})
    elif words[0] in ("iptables", "ip6tables"):
        backend = f"{words[0]}-{scene.lab.cluster.iptables}"
        commands.run(namespace, (backend, "-w", "5", *words[1:]))
    else:
        commands.run(namespace, words)


def steps(*parts: Step) -> Step:
    """Several steps in order."""

    def step(scene: Scene) -> None:
        for part in parts:
            part(scene)

    return step


def nothing(_: Scene) -> None:
    """No step: the fault is in the description."""


def as_is(cluster: Cluster, _: Target) -> Cluster:
    """No change of the description."""
    return cluster


def anywhere(_: Cluster, __: Target) -> bool:
    """Any cluster will do."""
    return True


def tunnelled(cluster: Cluster, target: Target) -> bool:
    """The node reaches the peer's pods through flannel's tunnel."""
    return not cluster.direct(cluster.node(target.node), cluster.node(target.peer))


def routed(cluster: Cluster, target: Target) -> bool:
    """The node reaches the peer's pods by a plain route."""
    return not tunnelled(cluster, target)


def third_node(_: Cluster, target: Target) -> bool:
    """There is a third node."""
    return bool(target.third)


def has_mate(_: Cluster, target: Target) -> bool:
    """The node has two pods of its own."""
    return bool(target.mate)


def dual(cluster: Cluster, _: Target) -> bool:
    """The cluster speaks IPv6."""
    return 6 in cluster.families


def both(*conditions: Fits) -> Fits:
    """All conditions together."""

    def fits(cluster: Cluster, target: Target) -> bool:
        return all(condition(cluster, target) for condition in conditions)

    return fits


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that can be wrong.

    `expected` are the names of findings that would be a right first suspicion, the plainest first.
    `inject` does it to a standing lab, `reshape` to the description before it is built (and so to
    the API objects too). `harmless` says why no probe can tell, where that is so; `unmodelled`
    that "unknown" is the only honest answer; `cold` that neighbours learned before would hide it
    until they expire, so that the outcome would depend on the time of asking; `pings` that only
    echoes are concerned.
    """

    name: str
    expected: tuple[str, ...]
    inject: Step = nothing
    reshape: Reshape = as_is
    fits: Fits = anywhere
    harmless: str = ""
    unmodelled: bool = False
    cold: bool = False
    pings: bool = False


def fault(
    name: str,
    finding: str,
    inject: Step = nothing,
    *,
    also: tuple[str, ...] = (),
    reshape: Reshape = as_is,
    fits: Fits = anywhere,
    harmless: str = "",
    unmodelled: bool = False,
    cold: bool = False,
    pings: bool = False,
) -> Fault:
    """A fault whose right first suspicion is `finding`, or one of `also`."""
    return Fault(
        name=name,
        expected=(finding, *also),
        inject=inject,
        reshape=reshape,
        fits=fits,
        harmless=harmless,
        unmodelled=unmodelled,
        cold=cold,
        pings=pings,
    )


def pick(cluster: Cluster, rng: random.Random) -> Target | None:
    """A random target; None when the cluster has no two nodes with pods, or no Service."""
    homes = [n for n in cluster.nodes if cluster.pods_on(n.name)]
    served = [s for s in cluster.services if any(b.ready for b in s.backends)]
    if len(homes) < 2 or not served:
        return None
    node, peer = rng.sample(homes, 2)
    pods = rng.sample(cluster.pods_on(node.name), len(cluster.pods_on(node.name)))
    thirds = [n for n in cluster.nodes if n not in (node, peer)]
    return Target(
        node=node.name,
        pod=pods[0].name,
        mate=pods[1].name if len(pods) > 1 else "",
        peer=peer.name,
        other=rng.choice(cluster.pods_on(peer.name)).name,
        third=rng.choice(thirds).name if thirds else "",
        service=rng.choice(served).name,
    )


def mac(namespace: Netns, device: str) -> str:
    """The MAC of a device."""
    return str(_links(namespace, device)[0]["address"])


def _links(namespace: Netns, *device: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        commands.run(namespace, ("ip", "-j", "link", "show", *device))
    )
    return found
