"""Faults of the tunnels."""

from __future__ import annotations

from tests.lab.calico.faults.steps import (
    in_tunnel,
    ipip,
    other_vni,
    peer_mac_elsewhere,
    peer_mac_lost,
    vxlan,
    with_tunnel,
)
from tests.lab.faults.base import Fault, at, both, fault, steps, third_node

FAULTS: tuple[Fault, ...] = (
    fault("calico-fdb-missing", "fdb-missing", peer_mac_lost, fits=vxlan),
    fault(
        "calico-fdb-to-third",
        "tunnel-remote-wrong",
        peer_mac_elsewhere,
        fits=both(vxlan, third_node),
    ),
    fault(
        "calico-vtep-neighbour-missing",
        "neighbour-missing",
        with_tunnel("ip neigh del {peer.vtep} dev TUNNEL"),
        fits=vxlan,
    ),
    fault(
        "calico-vtep-neighbour-wrong",
        "neighbour-wrong-mac",
        with_tunnel("ip neigh replace {peer.vtep} lladdr 66:00:00:00:00:01 dev TUNNEL"),
        fits=vxlan,
    ),
    fault(
        "calico-tunnel-down",
        "tunnel-down",
        with_tunnel("ip link set TUNNEL down"),
        fits=in_tunnel,
    ),
    fault(
        "calico-tunnel-flapped",
        "neighbour-missing",
        # Only the device comes back: Felix has not yet noticed.
        steps(with_tunnel("ip link set TUNNEL down"), with_tunnel("ip link set TUNNEL up")),
        also=("route-missing",),
        fits=vxlan,
    ),
    fault(
        "calico-tunnel-gone",
        "vtep-missing",
        with_tunnel("ip link del TUNNEL"),
        fits=vxlan,
    ),
    fault(
        "calico-tunnel-address-lost",
        "address-missing",
        with_tunnel("ip addr flush dev TUNNEL"),
        also=("route-missing", "bgp-route-not-present"),
        fits=in_tunnel,
    ),
    fault(
        "calico-ipip-blocked",
        "ipip-proto-blocked",
        at("peer", "iptables -I INPUT -p 4 -j DROP"),
        also=("underlay-port-blocked", "filter-drop"),
        fits=ipip,
    ),
    fault(
        "calico-tunnel-mac",
        "mac-mismatch",
        with_tunnel("ip link set TUNNEL address 66:00:00:00:00:02"),
        also=("neighbour-wrong-mac",),
        fits=vxlan,
    ),
    fault(
        "calico-tunnel-vni",
        "vni-mismatch",
        other_vni,
        also=("mac-mismatch", "route-missing", "neighbour-missing"),
        fits=vxlan,
    ),
    fault(
        "calico-tunnel-port-blocked",
        "underlay-port-blocked",
        at("peer", "iptables -I INPUT -p udp -m udp --dport 4789 -j DROP"),
        also=("filter-drop",),
        fits=vxlan,
    ),
    fault(
        "calico-tunnel-senders-unknown",
        "underlay-port-blocked",
        at("peer", "ipset flush cali40all-vxlan-net"),
        also=("filter-drop", "ipset-member-missing"),
        fits=vxlan,
    ),
    fault(
        "calico-tunnel-own-packets-dropped",
        "underlay-port-blocked",
        at("node", "iptables -I OUTPUT -p udp -m udp --dport 4789 -j DROP"),
        also=("filter-drop",),
        fits=vxlan,
    ),
)
