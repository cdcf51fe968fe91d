"""Faults that only IPv6 knows."""

from __future__ import annotations

from tests.lab.calico.faults.steps import vxlan, with_tunnel
from tests.lab.faults.base import Fault, at, fault
from tests.lab.faults.six import in_six

_PLAIN: tuple[Fault, ...] = (
    fault(
        "calico-forwarding-off",
        "v6-forwarding-off",
        at("node", "sysctl ipv4/conf/all/forwarding=0"),
    ),
    fault(
        "calico-veth-forwarding-off",
        "v6-forwarding-off",
        at("node", "sysctl ipv4/conf/{veth}/forwarding=0"),
        harmless="whether IPv6 is forwarded is no matter of the device",
    ),
    fault(
        "calico-veth-off",
        "disable-ipv6-set",
        at("node", "sysctl ipv4/conf/{veth}/disable_ipv6=1"),
    ),
    fault(
        "calico-tunnel-off",
        "disable-ipv6-set",
        with_tunnel("sysctl ipv4/conf/TUNNEL/disable_ipv6=1"),
        fits=vxlan,
    ),
    fault(
        "calico-pod-gateway-gone",
        "address-missing",
        at("node", "ip addr flush dev {veth} scope link"),
        cold=True,
    ),
    fault(
        "calico-pod-gateway-wrong",
        "route-wrong-nexthop",
        at("pod", "ip route replace default via fe80::1 dev eth0"),
        cold=True,
    ),
    fault(
        "calico-neighbours-not-asked",
        "filter-drop",
        at("pod", "iptables -I INPUT -p ipv6-icmp -j DROP"),
        also=("neighbour-failed",),
        cold=True,
    ),
    fault(
        "calico-card-hears-no-icmp",
        "filter-drop",
        at("peer", "iptables -I INPUT -i eth0 -p ipv6-icmp -j DROP"),
        also=("neighbour-failed",),
        cold=True,
    ),
)

FAULTS: tuple[Fault, ...] = tuple(in_six(each) for each in _PLAIN)
