"""Faults of flannel's WireGuard backend. They need `tests.guest.machine`, and are in no catalogue.

A device learns where its peer is from whatever the peer sends. A fault about that lasts only until
the peer speaks, which it does by itself some seconds after it had a session (KEEPALIVE_TIMEOUT): it
needs two that have not met, and questions from the node to the peer.
"""

from __future__ import annotations

from tests.lab import commands, wireguard
from tests.lab.faults.base import Fault, Scene, Target, at, fault, steps
from tests.lab.topology import Cluster

_PEER = "wireguard-peer-missing"
_KEYS = "wireguard-key-mismatch"
_ENDPOINT = "wireguard-endpoint-wrong"
_WG = "wg set flannel-wg"


def _on_wireguard(cluster: Cluster, _: Target) -> bool:
    return cluster.backend == "wireguard"


def _other_key(scene: Scene) -> None:
    """The peer comes back with a new key, which nobody was told."""
    where = scene.lab.node(scene.peer.name)
    words = ("wg", "set", "flannel-wg", "private-key", "/dev/stdin")
    commands.run(where, words, text=wireguard.private_key("another"))


def _preshared(scene: Scene) -> None:
    where = scene.lab.node(scene.peer.name)
    key = wireguard.public_key(scene.node)
    words = ("wg", "set", "flannel-wg", "peer", key, "preshared-key", "/dev/stdin")
    commands.run(where, words, text=wireguard.private_key("preshared"))


_NODE_ANEW = at(
    "peer",
    f"{_WG} peer {{node_key}} remove",
    f"{_WG} peer {{node_key}} allowed-ips {{node.pod_cidr}} endpoint {{node.ip}}:51820",
)


def _fault(name: str, finding: str, inject: object, **more: object) -> Fault:
    return fault(name, finding, inject, fits=_on_wireguard, **more)  # type: ignore[arg-type]


FAULTS: tuple[Fault, ...] = (
    _fault("wg-nothing-allowed", _PEER, at("node", f'{_WG} peer {{peer_key}} allowed-ips ""')),
    _fault("wg-peer-removed", _PEER, at("node", f"{_WG} peer {{peer_key}} remove"), also=(_KEYS,)),
    _fault(
        "wg-source-not-allowed",
        _PEER,
        at("peer", f"{_WG} peer {{node_key}} allowed-ips 10.244.{{node.index}}.128/25"),
    ),
    _fault("wg-key-changed", _KEYS, _other_key),
    _fault(
        "wg-endpoint-missing",
        _ENDPOINT,
        at(
            "node",
            f"{_WG} peer {{peer_key}} remove",
            f"{_WG} peer {{peer_key}} allowed-ips {{peer.pod_cidr}}",
        ),
        cold=True,
    ),
    _fault(
        "wg-endpoint-elsewhere",
        _ENDPOINT,
        at("node", f"{_WG} peer {{peer_key}} endpoint {{third.ip}}:51820"),
        also=(_KEYS,),
        cold=True,
    ),
    _fault("wg-listens-elsewhere", _ENDPOINT, at("peer", f"{_WG} listen-port 51999"), cold=True),
    _fault(
        "wg-port-dropped",
        "underlay-port-blocked",
        at("peer", "iptables -I INPUT -p udp --dport 51820 -j DROP"),
    ),
    _fault(
        "wg-port-rejected",
        "underlay-port-blocked",
        at("peer", "iptables -I INPUT -p udp --dport 51820 -j REJECT"),
    ),
    _fault(
        "wg-mark-dropped",
        "underlay-port-blocked",
        at(
            "node",
            f"{_WG} fwmark 0x1234",
            "iptables -I OUTPUT -m mark --mark 0x1234 -j DROP",
        ),
    ),
    _fault(
        "wg-mark-blackholed",
        "route-blackhole",
        at("node", f"{_WG} fwmark 0x1234", "ip rule add fwmark 0x1234 prio 100 blackhole"),
    ),
    _fault(
        "wg-mark-by-the-router",
        "policy-rule-captures",
        at(
            "node",
            f"{_WG} fwmark 0x1234",
            "ip route add default via {node.gateway} table 77",
            "ip rule add fwmark 0x1234 prio 100 lookup 77",
        ),
        harmless="the router sends it to the peer",
    ),
    _fault("wg-mtu-small", "mtu-pod-exceeds-path", at("node", "ip link set flannel-wg mtu 1280")),
    _fault(
        "wg-card-small",
        "mtu-overlay-overhead",
        steps(at("node", "ip link set eth0 mtu 1400"), at("peer", "ip link set eth0 mtu 1400")),
        harmless="the tunnel's packets are fragmented",
    ),
    _fault("wg-down", "tunnel-down", at("node", "ip link set flannel-wg down")),
    _fault(
        "wg-met-again",
        _KEYS,
        _NODE_ANEW,
        harmless="the node's next packet makes a handshake",
        unmodelled=True,
    ),
    _fault("wg-preshared-on-one-side", _KEYS, steps(_NODE_ANEW, _preshared), unmodelled=True),
)
