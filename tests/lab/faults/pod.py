"""Faults inside a pod's own namespace."""

from __future__ import annotations

import msgspec

from tests.lab.faults.base import Fault, Target, at, dual, fault, has_mate
from tests.lab.topology import (
    CLUSTER_CIDR,
    NODE_PORT,
    SERVICE_CIDR,
    Cluster,
    HostPort,
    Listener,
    with_pod,
)


def _listeners(cluster: Cluster, target: Target, listeners: tuple[Listener, ...]) -> Cluster:
    pod = cluster.pod(target.pod)
    return with_pod(cluster, msgspec.structs.replace(pod, listeners=listeners))


def _no_listener(cluster: Cluster, target: Target) -> Cluster:
    return _listeners(cluster, target, ())


def _loopback_only(cluster: Cluster, target: Target) -> Cluster:
    old = cluster.pod(target.pod).listeners
    return _listeners(
        cluster, target, tuple(Listener(x.protocol, x.port, "127.0.0.1") for x in old)
    )


def _other_protocol(cluster: Cluster, target: Target) -> Cluster:
    old = cluster.pod(target.pod).listeners
    swap = {"tcp": "udp", "udp": "tcp"}
    return _listeners(cluster, target, tuple(Listener(swap[x.protocol], x.port) for x in old))


def _twins(cluster: Cluster, target: Target) -> Cluster:
    """Two pods of a node that were given one address."""
    pod, mate = cluster.pod(target.pod), cluster.pod(target.mate)
    listed = tuple(
        msgspec.structs.replace(
            service,
            backends=tuple(
                msgspec.structs.replace(b, ip=pod.ip) if b.pod == mate.name else b
                for b in service.backends
            ),
        )
        for service in cluster.services
    )
    shared = with_pod(cluster, msgspec.structs.replace(mate, ip=pod.ip))
    return msgspec.structs.replace(shared, services=listed)


def _kubelets_port(cluster: Cluster, target: Target) -> Cluster:
    """The pod is given a port of the node that a process of the node listens on."""
    pod = cluster.pod(target.pod)
    return with_pod(cluster, msgspec.structs.replace(pod, host_ports=(HostPort(NODE_PORT, 81),)))


FAULTS: tuple[Fault, ...] = (
    fault("pod-no-listener", "nothing-listening", reshape=_no_listener),
    fault("pod-loopback-listener", "loopback-only-listener", reshape=_loopback_only),
    fault("pod-wrong-protocol", "wrong-protocol-listener", reshape=_other_protocol),
    fault(
        "pod-link-down", "link-down", at("pod", "ip link set eth0 down"), also=("veth-peer-down",)
    ),
    fault(
        "pod-no-default-route",
        "pod-default-route-missing",
        at("pod", "ip route del default"),
    ),
    fault(
        "pod-no-routes",
        "pod-default-route-missing",
        at("pod", "ip route del default", f"ip route del {CLUSTER_CIDR}"),
    ),
    fault(
        "pod-wrong-netmask",
        "wrong-mask",
        at(
            "pod",
            "ip addr add {pod.ip}/16 dev eth0",
            "ip addr del {pod.ip}/24 dev eth0",
            f"ip route del {CLUSTER_CIDR} via {{node.pod_gateway}}",
        ),
    ),
    fault(
        "pod-gateway-wrong-mac",
        "neighbour-wrong-mac",
        at(
            "pod",
            "ip neigh replace {node.pod_gateway} lladdr 02:00:00:00:be:ef dev eth0 nud permanent",
        ),
    ),
    fault(
        "pod-input-drop",
        "filter-drop",
        at("pod", "iptables -A INPUT -p tcp -m tcp --dport 8080 -j DROP"),
    ),
    fault(
        "pod-input-policy-drop",
        "filter-drop",
        at("pod", "iptables -P INPUT DROP", "iptables -A INPUT -i lo -j ACCEPT"),
    ),
    fault(
        "pod-output-reject",
        "filter-reject",
        at("pod", f"iptables -A OUTPUT -d {SERVICE_CIDR} -j REJECT"),
    ),
    fault("pod-lo-down", "loopback-down", at("pod", "ip link set lo down")),
    fault(
        "pod-blackhole-route",
        "route-blackhole",
        at("pod", f"ip route add blackhole {SERVICE_CIDR}"),
    ),
    fault(
        "pod-prohibit-route", "route-prohibit", at("pod", "ip route add prohibit {peer.pod_cidr}")
    ),
    fault(
        "pod-unreachable-route",
        "route-unreachable",
        at("pod", "ip route add unreachable {peer.pod_cidr}"),
    ),
    fault(
        "pod-route-shadow",
        "route-wrong-nexthop",
        at("pod", "ip route add {other.ip}/32 via 10.244.{node.index}.250 dev eth0"),
        also=("route-shadowed-by-more-specific",),
    ),
    fault(
        "pod-onlink-peer",
        "route-wrong-device",
        at("pod", "ip route add {peer.pod_cidr} dev eth0"),
        also=("route-shadowed-by-more-specific", "wrong-mask"),
    ),
    fault(
        "pod-rule-blackhole",
        "policy-rule-captures",
        at("pod", f"ip rule add to {SERVICE_CIDR} pref 100 blackhole"),
    ),
    fault(
        "pod-rule-empty-main",
        "policy-rule-missing",
        at("pod", "ip rule del pref 32766"),
    ),
    fault("pod-no-address", "ip-mismatch-api-vs-netns", at("pod", "ip addr flush dev eth0")),
    fault(
        "pod-other-address",
        "ip-mismatch-api-vs-netns",
        at(
            "pod",
            "ip addr flush dev eth0",
            "ip addr add 10.244.{node.index}.200/24 dev eth0",
            "ip route add default via {node.pod_gateway}",
        ),
    ),
    fault(
        "pod-redirect-broken",
        "sidecar-redirect-broken",
        at("pod", "iptables -t nat -A OUTPUT -p tcp ! -o lo -j REDIRECT --to-ports 15001"),
        also=("nothing-listening",),
    ),
    fault(
        "pod-inbound-redirect-broken",
        "sidecar-redirect-broken",
        at("pod", "iptables -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 15006"),
        also=("nothing-listening",),
    ),
    fault(
        "pod-rp-filter",
        "rp-filter-drop",
        at("pod", "sysctl ipv4/conf/all/rp_filter=1"),
        harmless="a pod has one interface, and its routes lead back to it",
    ),
    fault(
        "pod-rp-filter-asymmetric",
        "rp-filter-drop",
        at(
            "pod",
            "sysctl ipv4/conf/all/rp_filter=1",
            "ip route add {peer.pod_cidr} dev lo",
        ),
        also=("route-wrong-device", "route-shadowed-by-more-specific"),
    ),
    fault(
        "pod-ipv6-disabled",
        "disable-ipv6-set",
        at("pod", "sysctl ipv6/conf/all/disable_ipv6=1"),
        fits=dual,
    ),
    fault(
        "pod-arp-ignore",
        "arp-ignore-set",
        at("pod", "sysctl ipv4/conf/all/arp_ignore=8"),
        cold=True,
        also=("neighbour-failed", "neighbour-missing"),
        # The node learns the pod's MAC from the pod's own questions: what else goes on decides.
        unmodelled=True,
    ),
    fault("pod-arp-off", "arp-suppressed", at("pod", "ip link set dev eth0 arp off"), cold=True),
    fault(
        "pod-echo-ignored",
        "icmp-echo-ignored",
        at("pod", "sysctl ipv4/icmp_echo_ignore_all=1"),
        pings=True,
    ),
    fault(
        "pod-echo-ignored-ipv6",
        "icmp-echo-ignored",
        at("pod", "sysctl ipv6/icmp/echo_ignore_all=1"),
        fits=dual,
        pings=True,
    ),
    fault(
        "pod-duplicate-ip",
        "pod-duplicate-ip",
        reshape=_twins,
        fits=lambda c, t: has_mate(c, t) and c.cni == "hand",
        # Who answers first gets the traffic.
        unmodelled=True,
        also=("nothing-listening", "wrong-protocol-listener"),
    ),
    fault("host-port-of-the-node", "hostport-conflict", reshape=_kubelets_port),
    fault(
        "pod-mates-address",
        "address-conflict",
        at("pod", "ip addr add {mate.ip}/24 dev eth0"),
        fits=has_mate,
        unmodelled=True,
    ),
    fault(
        "pod-localnet-address",
        "local-table-capture",
        at("pod", "ip addr add {other.ip}/32 dev lo"),
    ),
)
