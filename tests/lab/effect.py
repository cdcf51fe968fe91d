"""What a fault changes: all questions of a standard cluster, before and after."""

from __future__ import annotations

import random
from collections import Counter
from functools import lru_cache

import msgspec
from msgspec import Struct

from tests.lab.faults import Fault, catalogue_of
from tests.lab.generate import standard
from tests.lab.judge import Key, differs
from tests.lab.queries import Query
from tests.lab.round import Injection, Play, Round, aim, reshaped
from tests.lab.topology import (
    NODE_PORT,
    OUTSIDE_IP,
    OUTSIDE_IP6,
    OUTSIDE_PORT,
    Calico,
    Cluster,
    Pod,
    Pool,
)

UNDEFINED_PORT = 81
"""A port that no Service has: kube-proxy has no rule for it."""

Outcomes = dict[Query, frozenset[Key]]


class Effect(Struct, frozen=True):
    """How many of all questions a fault changed, and what the changed ones came to."""

    fault: Fault
    asked: int
    changed: int
    results: tuple[tuple[str, int], ...]

    @property
    def as_documented(self) -> bool:
        """Whether a fault that should do something does, and a harmless one does not."""
        return bool(self.changed) != bool(self.fault.harmless)

    def __str__(self) -> str:
        words = " ".join(f"{name}={count}" for name, count in self.results)
        state = "ok   " if self.as_documented else "WRONG"
        return f"{state} {self.fault.name}: {self.changed} of {self.asked} changed: {words}"


@lru_cache(maxsize=16)
def flavours(backend: str) -> tuple[Cluster, ...]:
    """Standard clusters, one of which every fault fits."""
    return (
        standard(iptables=backend),
        standard(subnets=(0, 1, 1), iptables=backend),
        standard(backend="host-gw", iptables=backend),
        standard(dual_stack=True, iptables=backend),
        standard(proxy="nftables", iptables=backend),
        standard(subnets=(0, 0, 1), iptables=backend, calico=Calico("vxlan", cross=True)),
        standard(iptables=backend, calico=Calico()),
        standard(
            subnets=(0, 0, 1),
            iptables=backend,
            dual_stack=True,
            calico=Calico("vxlan", cross=True, six=Pool("vxlan", cross=True)),
        ),
        standard(iptables=backend, dual_stack=True, calico=Calico()),
    )


def aimed(fault: Fault) -> tuple[Cluster, Injection]:
    """A standard cluster that the fault fits, and a target in it; the same every time."""
    rng = random.Random(fault.name)
    for cluster in flavours(rng.choice(("legacy", "nft"))):
        if fault not in catalogue_of(cluster):
            continue
        if injection := aim(fault, cluster, rng):
            return cluster, injection
    raise LookupError(f"{fault.name} fits no standard cluster")


@lru_cache(maxsize=16)
def _clean(cluster: Cluster) -> Outcomes:
    return outcomes(cluster, ())


def outcomes(cluster: Cluster, injections: tuple[Injection, ...]) -> Outcomes:
    """What every question of `matrix` comes to."""
    queries = matrix(reshaped(cluster, injections))
    with Play(Round(seed=0, cluster=cluster, injections=injections, queries=queries)) as play:
        return {_unnamed(t.query): frozenset(h.key for h in t.hits) for t in play.ask()}


def _unnamed(query: Query) -> Query:
    """The same question wherever it stands in a list."""
    return msgspec.structs.replace(query, id="")


def effect_of(fault: Fault) -> Effect:
    """Measure one fault."""
    cluster, injection = aimed(fault)
    clean, broken = _clean(cluster), outcomes(cluster, (injection,))
    changed = [q for q, found in broken.items() if differs(q, clean.get(q, frozenset()), found)]
    results = Counter(key[0] for q in changed for key in broken[q])
    return Effect(fault, len(broken), len(changed), tuple(sorted(results.items())))


def matrix(cluster: Cluster) -> tuple[Query, ...]:
    """Every source to every destination of a cluster, large and small."""
    found: list[Query] = []

    def add(src: str, dst: str, port: int, protocol: str = "tcp", **more: int) -> None:
        name = f"q{len(found) + 1}"
        found.append(
            Query(id=name, src=src, dst=dst, port=port, protocol=protocol, **more)  # type: ignore[arg-type]
        )

    inside = [p.id for p in cluster.pods] + [n.id for n in cluster.nodes]
    for src in inside:
        for pod in cluster.pods:
            _ask_pod(add, src, pod)
        for service in cluster.services:
            for port in service.ports:
                for dst in (service.id, *service.load_balancer_ips, *service.external_ips):
                    add(src, dst, port.port, port.protocol)
                if service.cluster_ip and service.cluster_ip6:
                    add(src, service.cluster_ip6, port.port, port.protocol)
                if port.protocol == "udp":
                    add(src, service.id, port.port, "udp", sport=5555)
        for family in cluster.families:
            add(src, OUTSIDE_IP if family == 4 else OUTSIDE_IP6, OUTSIDE_PORT)
        if src.startswith("node/"):
            add(src, "::1" if cluster.ipv6_only else "127.0.0.1", 30080)
            for service in cluster.services:
                add(src, service.id, UNDEFINED_PORT)
    for src in (*inside, OUTSIDE_IP6 if cluster.ipv6_only else OUTSIDE_IP):
        for node in cluster.nodes:
            add(src, node.id, NODE_PORT)
            add(src, node.id, 0, "icmp")
            for service in cluster.services:
                for port in service.ports:
                    if port.node_port:
                        add(src, node.id, port.node_port, port.protocol)
            for pod in cluster.pods_on(node.name):
                for entry in pod.host_ports:
                    add(src, node.id, entry.host_port)
    return tuple(found)


def _ask_pod(add: object, src: str, pod: Pod) -> None:
    ask = add
    assert callable(ask)
    for listener in pod.listeners:
        ask(src, pod.id, listener.port, listener.protocol)
    ask(src, pod.id, 0, "icmp")
    if pod.ip and pod.ip6:
        ask(src, pod.ip6, 8080)
        ask(src, pod.ip6, 0, "icmp")
    if not pod.host_network:
        ask(src, pod.id, 8080, size=4000)
        ask(src, pod.id, 5353, "udp", size=1390, df=True)
        ask(src, pod.id, 5353, "udp", size=1440, df=True)
