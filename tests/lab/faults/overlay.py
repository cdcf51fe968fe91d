"""Faults of flannel's VXLAN: forwarding entries, neighbours, and the device itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from tests.lab import commands
from tests.lab.build import overlay
from tests.lab.faults.base import (
    Fault,
    Scene,
    Step,
    Target,
    at,
    both,
    fault,
    third_node,
    tunnelled,
)
from tests.lab.topology import Cluster

DEVICE = "flannel.1"


def _made_again(change: Callable[[Scene, str], str]) -> Step:
    """The peer's device deleted and made again, with every `ip` line changed by `change`."""

    def step(scene: Scene) -> None:
        namespace = scene.lab.node(scene.peer.name)
        lines, fdb = overlay(scene.lab.cluster, scene.peer, families=(4,))
        mine = [change(scene, line) for line in lines if DEVICE in line]
        commands.ip(namespace, f"link del {DEVICE}", *mine)
        commands.bridge(namespace, *fdb)

    return step


NAT = "10.0.2.15"
"""The address of the first card of every machine made by Vagrant and VirtualBox."""


def _announced(cluster: Cluster, _: Target) -> Cluster:
    nodes = tuple(msgspec.structs.replace(node, announced=NAT) for node in cluster.nodes)
    return msgspec.structs.replace(cluster, nodes=nodes)


def _first_card(scene: Scene) -> None:
    """flannel has taken the card that has the same address on every node."""
    for node in scene.lab.cluster.nodes:
        namespace = scene.lab.node(node.name)
        kind = f"type vxlan id 1 local {NAT} dev nat0 dstport 8472 nolearning"
        lines, fdb = overlay(scene.lab.cluster, node, families=(4,))
        mine = [line for line in lines if DEVICE in line]
        mine[0] = f"link add {DEVICE} address {node.vtep_mac} mtu 1450 {kind}"
        card = [
            "link add nat0 type veth peer name nat1",
            f"addr add {NAT}/24 dev nat0",
            "link set nat0 up",
            "link set nat1 up",
        ]
        commands.ip(namespace, f"link del {DEVICE}", *card, *mine)
        commands.bridge(namespace, *(re.sub(r"dst \S+", f"dst {NAT}", line) for line in fdb))


def _all_tunnelled(cluster: Cluster, target: Target) -> bool:
    return tunnelled(cluster, target) and not cluster.direct_routing and not cluster.dual_stack


def _swap(old: str, new: str) -> Step:
    return _made_again(lambda scene, line: line.replace(old, new.format(peer=scene.peer)))


def _mac(_: Scene, line: str) -> str:
    words = line.split()
    if "address" in words:
        words[words.index("address") + 1] = "02:42:0a:f4:99:99"
    return " ".join(words)


def _local(_: Scene, line: str) -> str:
    words = line.split()
    if "local" in words:
        words[words.index("local") + 1] = "172.30.1.99"
    return " ".join(words)


FAULTS: tuple[Fault, ...] = (
    fault(
        "fdb-missing",
        "fdb-missing",
        at("node", f"bridge fdb del {{peer.vtep_mac}} dev {DEVICE} dst {{peer.ip}} self"),
        fits=tunnelled,
        also=("vtep-missing",),
    ),
    fault(
        "fdb-wrong-remote",
        "tunnel-remote-wrong",
        at("node", f"bridge fdb replace {{peer.vtep_mac}} dev {DEVICE} dst {{third.ip}} self"),
        fits=both(tunnelled, third_node),
        also=("fdb-stale",),
    ),
    fault(
        "fdb-dead-remote",
        "tunnel-remote-wrong",
        at("node", f"bridge fdb replace {{peer.vtep_mac}} dev {DEVICE} dst 172.30.1.199 self"),
        fits=tunnelled,
        also=("fdb-stale",),
    ),
    fault(
        "vtep-neighbour-missing",
        "vtep-missing",
        at("node", f"ip neigh del {{peer.vtep}} dev {DEVICE}"),
        fits=tunnelled,
        also=("neighbour-failed", "neighbour-missing"),
    ),
    fault(
        "vtep-neighbour-wrong-mac",
        "neighbour-wrong-mac",
        at("node", f"ip neigh replace {{peer.vtep}} lladdr 02:42:0a:f4:77:77 dev {DEVICE}"),
        fits=tunnelled,
        also=("fdb-missing",),
    ),
    fault(
        "vtep-mac-changed",
        "mac-mismatch",
        _made_again(_mac),
        fits=tunnelled,
        also=("neighbour-wrong-mac", "fdb-stale"),
    ),
    fault("vni-mismatch", "vni-mismatch", _swap(" id 1 ", " id 7 "), fits=tunnelled),
    fault(
        "vxlan-port-mismatch",
        "vxlan-port-mismatch",
        _swap("dstport 8472", "dstport 4789"),
        fits=tunnelled,
    ),
    fault(
        "vxlan-local-wrong",
        "tunnel-local-ip-wrong",
        _made_again(_local),
        fits=tunnelled,
    ),
    fault(
        "tunnel-down",
        "tunnel-down",
        at("node", f"ip link set {DEVICE} down"),
        fits=tunnelled,
        also=("link-down", "route-missing"),
    ),
    fault(
        "tunnel-flapped",
        "route-missing",
        at("node", f"ip link set {DEVICE} down", f"ip link set {DEVICE} up"),
        fits=tunnelled,
        also=("return-route-missing", "vtep-missing"),
    ),
    fault(
        "tunnel-deleted",
        "vtep-missing",
        at("node", f"ip link del {DEVICE}"),
        fits=tunnelled,
        also=("vtep-missing", "tunnel-down", "route-missing"),
    ),
    fault(
        "tunnel-mtu-small",
        "mtu-pod-exceeds-path",
        at("node", f"ip link set {DEVICE} mtu 900"),
        fits=tunnelled,
        also=("mtu-node-mismatch", "df-too-big"),
    ),
    fault(
        "tunnel-no-address",
        "tunnel-local-ip-wrong",
        at("node", f"ip addr flush dev {DEVICE}"),
        fits=tunnelled,
        also=("wrong-source-selection", "vtep-missing", "address-missing"),
    ),
    fault(
        "underlay-blocks-vxlan-in",
        "underlay-port-blocked",
        at("node", "iptables -I INPUT -p udp -m udp --dport 8472 -j DROP"),
        fits=tunnelled,
        also=("filter-drop",),
    ),
    fault(
        "underlay-blocks-vxlan-out",
        "underlay-port-blocked",
        at("node", "iptables -I OUTPUT -p udp -m udp --dport 8472 -j DROP"),
        fits=tunnelled,
        also=("filter-drop",),
    ),
    fault(
        "underlay-rejects-vxlan",
        "underlay-port-blocked",
        at("node", "iptables -I INPUT -p udp -m udp --dport 8472 -j REJECT"),
        fits=tunnelled,
        also=("filter-reject",),
    ),
    fault(
        "underlay-route-unreachable",
        "route-unreachable",
        at("node", "ip route add unreachable {peer.ip}/32"),
    ),
    fault(
        "first-card-of-each-machine",
        "wrong-host-interface",
        _first_card,
        reshape=_announced,
        fits=_all_tunnelled,
    ),
    fault(
        "underlay-neighbour-wrong",
        "neighbour-wrong-mac",
        at("node", "ip neigh replace {peer.ip} lladdr 02:00:00:00:be:ef dev eth0 nud permanent"),
        fits=lambda c, t: c.node(t.node).subnet == c.node(t.peer).subnet,
    ),
)
