"""Random configurations of kube-proxy, right ones and wrong ones."""

from __future__ import annotations

import random

from tests.lab.topology import CLUSTER_CIDR, CLUSTER_CIDR6, Cluster, KubeProxy, Node


def settings(rng: random.Random, cluster: Cluster) -> KubeProxy:
    """How kube-proxy tells pods from others, and where it serves NodePorts."""
    detect = rng.choice(
        ("ClusterCIDR", "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")
    )
    names = {"BridgeInterface": ("cni0", "cni0", "br0"),
             "InterfaceNamePrefix": ("cni", "veth", "eth")}.get(detect, ("",))  # fmt: skip
    return KubeProxy(
        detect=detect,
        interface=rng.choice(names),
        cidrs=_cidrs(rng) if detect == "ClusterCIDR" else None,
        node_ports=_node_ports(rng, cluster),
        localhost=rng.random() < 0.8,
        kubelet=rng.random() < 0.6,
    )


def _cidrs(rng: random.Random) -> tuple[str, ...] | None:
    """The pods' networks mostly; none, those of one family, or others."""
    return rng.choice((None, None, None, (), (CLUSTER_CIDR,), (CLUSTER_CIDR6,), ("10.200.0.0/16",)))


def _node_ports(rng: random.Random, cluster: Cluster) -> tuple[str, ...]:
    node: Node = rng.choice(cluster.nodes)
    many = (
        "172.30.0.0/16", "10.244.0.0/16", "127.0.0.0/8", "127.0.0.1/32", "192.0.2.0/24",
        f"{node.ip}/32", f"172.30.{node.subnet + 1}.0/24", f"{node.vtep}/32", "fd00:30::/32",
        f"{node.ip6}/128",
    )  # fmt: skip
    whole: tuple[tuple[str, ...], ...] = (("primary",), ("0.0.0.0/0",), ("0.0.0.0/0", "::/0"))
    if rng.random() < 0.35:
        return ()
    if rng.random() < 0.35:
        return rng.choice(whole)
    return tuple(rng.sample(many, rng.choice((1, 1, 2))))
