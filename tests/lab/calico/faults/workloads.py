"""Faults of the node's end of a pod."""

from __future__ import annotations

from tests.lab.calico.nodes import GATEWAY
from tests.lab.faults.base import Fault, at, fault, has_mate

FAULTS: tuple[Fault, ...] = (
    fault("calico-pod-route-missing", "route-missing", at("node", "ip route del {pod.ip}/32")),
    fault(
        "calico-pod-route-to-mate",
        "route-wrong-device",
        at("node", "ip route replace {pod.ip}/32 dev {mate_veth}"),
        fits=has_mate,
    ),
    fault(
        "calico-pod-route-by-card",
        "route-wrong-device",
        at("node", "ip route replace {pod.ip}/32 dev eth0"),
    ),
    fault(
        "calico-pod-route-blackhole",
        "route-missing",
        at("node", "ip route replace blackhole {pod.ip}/32"),
        also=("route-blackhole",),
    ),
    fault(
        "calico-proxy-arp-off",
        "proxy-arp-off",
        at("node", "sysctl ipv4/conf/{veth}/proxy_arp=0"),
        cold=True,
    ),
    fault(
        "calico-no-default-route",
        "proxy-arp-off",
        at("node", "ip route del default"),
        also=("route-missing",),
        cold=True,
    ),
    fault(
        "calico-forwarding-off",
        "per-interface-forwarding-off",
        at("node", "sysctl ipv4/conf/{veth}/forwarding=0"),
        also=("proxy-arp-off",),
    ),
    fault("calico-ip-forward-off", "ip-forward-off", at("node", "sysctl ipv4/ip_forward=0")),
    fault(
        "calico-veth-down",
        "veth-peer-down",
        at("node", "ip link set {veth} down"),
        also=("link-down",),
    ),
    fault(
        "calico-pod-gateway-wrong-mac",
        "neighbour-wrong-mac",
        at(
            "pod",
            f"ip neigh replace {GATEWAY} lladdr 02:00:00:00:be:ef dev eth0 nud permanent",
        ),
    ),
)
