"""A fault's like in IPv6: the same steps, said in that family's words."""

from __future__ import annotations

import msgspec

from tests.lab.calico.nodes import GATEWAY, GATEWAY6
from tests.lab.faults.base import Fault, Scene, Target
from tests.lab.lab import Lab
from tests.lab.topology import (
    CLUSTER_CIDR,
    CLUSTER_CIDR6,
    SERVICE_CIDR,
    SERVICE_CIDR6,
    Calico,
    Cluster,
    Node,
    Pod,
    Service,
)

_LIKE = {
    "iptables": "ip6tables",
    GATEWAY: GATEWAY6,
    CLUSTER_CIDR: CLUSTER_CIDR6,
    SERVICE_CIDR: SERVICE_CIDR6,
}


class _SixNode(Node, frozen=True):
    """A node whose addresses are those of IPv6."""

    @property
    def ip(self) -> str:
        return self.ip6

    @property
    def gateway(self) -> str:
        return self.gateway6

    @property
    def block(self) -> str:
        return self.block6

    @property
    def half_block(self) -> str:
        return self.half_block6

    @property
    def pod_cidr(self) -> str:
        return self.pod_cidr6

    @property
    def vtep(self) -> str:
        return self.vtep6


class SixScene(Scene):
    """A target whose addresses are those of IPv6."""

    family = 6

    def __init__(self, lab: Lab, target: Target) -> None:
        super().__init__(lab, target)
        self.node, self.peer, self.third = map(_node, (self.node, self.peer, self.third))
        self.pod, self.mate, self.other = map(_pod, (self.pod, self.mate, self.other))
        self.service = _service(self.service)

    def said(self, words: list[str]) -> list[str]:
        found = [_word(each) for each in words]
        return ["ip", "-6", *found[1:]] if found[0] == "ip" else found


def _node(node: Node) -> Node:
    return _SixNode(**msgspec.structs.asdict(node))


def _pod(pod: Pod) -> Pod:
    return msgspec.structs.replace(pod, ip=pod.ip6)


def _service(service: Service) -> Service:
    return msgspec.structs.replace(service, cluster_ip=service.cluster_ip6)


def _word(word: str) -> str:
    if word.endswith("/32"):
        return word.removesuffix("/32") + "/128"
    return _LIKE.get(word, word).replace("ipv4/conf", "ipv6/conf").replace("cali40", "cali60")


def in_six(like: Fault, *also: str) -> Fault:
    """The same fault in IPv6, for clusters that speak it; `also` are more right suspicions."""
    return msgspec.structs.replace(
        like,
        name=f"v6-{like.name}",
        expected=(*like.expected, *also),
        inject=lambda scene: like.inject(SixScene(scene.lab, scene.target)),
        fits=lambda cluster, target: 6 in cluster.families and like.fits(_seen(cluster), target),
    )


def in_four(like: Fault) -> Fault:
    """The fault where there is IPv4."""
    return msgspec.structs.replace(
        like, fits=lambda cluster, target: 4 in cluster.families and like.fits(cluster, target)
    )


def _seen(cluster: Cluster) -> Cluster:
    """The cluster as conditions ask about it."""
    if cluster.calico is None:
        return cluster
    six = cluster.calico.six
    calico = Calico(six.tunnel, six.cross, six.nat_outgoing, mesh=cluster.calico.mesh)
    return msgspec.structs.replace(cluster, calico=calico)
