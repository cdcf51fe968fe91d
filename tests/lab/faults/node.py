"""Faults of a node as a whole: its card, its neighbours, its sysctls, its MTUs."""

from __future__ import annotations

import msgspec

from tests.lab.faults.base import Fault, Target, at, dual, fault, steps, tunnelled
from tests.lab.topology import Cluster, with_pod

_NO_NEEDED = "-p icmp -m icmp --icmp-type fragmentation-needed -j DROP"


def _big_pods(cluster: Cluster, target: Target) -> Cluster:
    """Two pods whose CNI did not know of the tunnel."""
    for name in (target.pod, target.other):
        pod = msgspec.structs.replace(cluster.pod(name), mtu=1500)
        cluster = with_pod(cluster, pod)
    return cluster


FAULTS: tuple[Fault, ...] = (
    fault(
        "neighbour-wrong-mac",
        "neighbour-wrong-mac",
        at("node", "ip neigh replace {pod.ip} lladdr 02:00:00:00:be:ef dev cni0 nud permanent"),
    ),
    fault(
        "neighbour-of-mate",
        "neighbour-wrong-mac",
        at("node", "ip neigh replace {pod.ip} lladdr {mate_mac} dev cni0 nud permanent"),
        fits=lambda _, t: bool(t.mate),
        also=("address-conflict", "mac-mismatch"),
    ),
    fault(
        "gateway-wrong-mac",
        "neighbour-wrong-mac",
        at("node", "ip neigh replace {node.gateway} lladdr 02:00:00:00:be:ef dev eth0"),
        fits=lambda c, t: c.node(t.node).subnet != c.node(t.peer).subnet,
    ),
    fault(
        "node-arp-ignore",
        "arp-ignore-set",
        at("node", "sysctl ipv4/conf/all/arp_ignore=8"),
        cold=True,
        also=("neighbour-failed", "neighbour-missing"),
        # Pods learn the node's MAC from its own questions, so what else goes on decides.
        unmodelled=True,
    ),
    fault("nic-down", "node-nic-down", at("node", "ip link set eth0 down"), also=("link-down",)),
    fault(
        "node-ip-changed",
        "node-ip-changed",
        at(
            "node",
            "ip addr flush dev eth0",
            "ip addr add 172.30.9{node.subnet}.{node.index}/24 dev eth0",
        ),
    ),
    fault(
        "node-with-the-address-of-another",
        "address-conflict",
        at("third", "ip addr add {peer.ip}/24 dev eth0"),
        fits=lambda c, t: bool(t.third) and c.node(t.third).subnet == c.node(t.peer).subnet,
        # Who answers first gets the traffic.
        unmodelled=True,
    ),
    fault(
        "node-echo-ignored",
        "icmp-echo-ignored",
        at("node", "sysctl ipv4/icmp_echo_ignore_all=1"),
        pings=True,
    ),
    fault("ip-forward-off", "ip-forward-off", at("node", "sysctl ipv4/ip_forward=0")),
    fault(
        "bridge-forwarding-off",
        "per-interface-forwarding-off",
        at("node", "sysctl ipv4/conf/cni0/forwarding=0"),
    ),
    fault(
        "tunnel-forwarding-off",
        "per-interface-forwarding-off",
        at("node", "sysctl ipv4/conf/flannel.1/forwarding=0"),
        fits=tunnelled,
    ),
    fault(
        "nic-forwarding-off",
        "per-interface-forwarding-off",
        at("node", "sysctl ipv4/conf/eth0/forwarding=0"),
    ),
    fault(
        "ipv6-forwarding-off",
        "v6-forwarding-off",
        at("node", "sysctl ipv6/conf/all/forwarding=0"),
        fits=dual,
    ),
    fault(
        "node-ipv6-disabled",
        "disable-ipv6-set",
        at("node", "sysctl ipv6/conf/all/disable_ipv6=1"),
        fits=dual,
    ),
    fault(
        "route-localnet-off",
        "route-localnet-off",
        at("node", "sysctl ipv4/conf/all/route_localnet=0"),
    ),
    fault(
        "rp-filter-strict",
        "rp-filter-drop",
        at("node", "sysctl ipv4/conf/all/rp_filter=1"),
        harmless="routes of a clean cluster are symmetric",
    ),
    fault(
        "rp-filter-strict-asymmetric",
        "rp-filter-drop",
        at(
            "node",
            "sysctl ipv4/conf/all/rp_filter=1",
            "ip route del {peer.pod_cidr}",
            "ip route add {peer.pod_cidr} via {node.gateway}",
        ),
        also=("route-asymmetric", "route-wrong-nexthop", "route-wrong-device"),
    ),
    fault(
        "martian-source",
        "local-table-capture",
        at("node", "ip addr add {pod.ip}/32 dev lo"),
        also=("address-conflict", "martian-source"),
    ),
    fault(
        "pmtud-blocked",
        "pmtud-blocked",
        at("node", f"iptables -I OUTPUT {_NO_NEEDED}"),
        reshape=_big_pods,
        fits=lambda c, t: tunnelled(c, t) and c.cni == "hand",
        also=("mtu-pod-exceeds-path",),
    ),
    fault(
        "pmtud-blocked-but-clamped",
        # Of TCP nothing is too big any more; a datagram may be.
        "pmtud-blocked",
        at(
            "nodes",
            f"iptables -I OUTPUT {_NO_NEEDED}",
            "iptables -t mangle -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN "
            "-j TCPMSS --clamp-mss-to-pmtu",
        ),
        reshape=_big_pods,
        fits=lambda c, t: tunnelled(c, t) and c.cni == "hand",
        also=("mtu-pod-exceeds-path", "mtu-node-mismatch"),
    ),
    fault(
        "pod-mtu-too-big",
        "mtu-pod-exceeds-path",
        reshape=_big_pods,
        fits=lambda c, t: tunnelled(c, t) and c.cni == "hand",
        also=("df-too-big", "mtu-overlay-overhead", "mtu-node-mismatch"),
    ),
    fault(
        "underlay-mtu-mismatch",
        "mtu-node-mismatch",
        at("peer", "ip link set eth0 mtu 900"),
        # Below 1280 the kernel takes the device's IPv6 addresses away.
        also=(
            *("mtu-pod-exceeds-path", "mtu-overlay-overhead", "df-too-big"),
            *("node-ip-changed", "tunnel-local-ip-wrong"),
        ),
    ),
    fault(
        "node-mtu-small-no-icmp",
        "pmtud-blocked",
        steps(
            at("node", "ip link set cni0 mtu 900"),
            at("node", f"iptables -I OUTPUT {_NO_NEEDED}"),
        ),
        # Below 1280 the kernel takes the bridge's IPv6 address away.
        also=(
            *("mtu-pod-exceeds-path", "mtu-node-mismatch", "df-too-big"),
            "bridge-address-missing",
        ),
    ),
    fault(
        "guest-firewall",
        "guest-firewall",
        at(
            "node",
            "iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "iptables -A INPUT -i lo -j ACCEPT",
            "iptables -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
            "iptables -P INPUT DROP",
        ),
        also=("filter-drop", "underlay-port-blocked"),
    ),
    fault(
        "guest-firewall-out",
        "guest-firewall",
        at("node", "iptables -P OUTPUT DROP"),
        also=("filter-drop", "underlay-port-blocked"),
    ),
    fault(
        "guest-firewall-forward",
        "guest-firewall",
        at(
            "node",
            "iptables -A FORWARD -j REJECT --reject-with icmp-host-prohibited",
            'iptables -D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
            'iptables -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
        ),
        also=("filter-reject",),
    ),
)
