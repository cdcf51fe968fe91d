"""Faults of a node's routes and policy rules."""

from __future__ import annotations

from tests.lab.faults.base import Fault, Step, at, both, fault, routed, steps, third_node, tunnelled
from tests.lab.topology import SERVICE_CIDR


def _replace(line: str) -> Step:
    return at("node", "ip route del {peer.pod_cidr}", f"ip route add {line}")


FAULTS: tuple[Fault, ...] = (
    fault(
        "route-missing",
        "route-missing",
        at("node", "ip route del {peer.pod_cidr}"),
        also=("return-route-missing",),
    ),
    fault(
        "route-both-missing",
        "route-missing",
        steps(
            at("node", "ip route del {peer.pod_cidr}"),
            at("peer", "ip route del {node.pod_cidr}"),
        ),
        also=("return-route-missing",),
    ),
    fault(
        "route-wrong-vtep",
        "route-wrong-nexthop",
        _replace("{peer.pod_cidr} via {third.vtep} dev flannel.1 onlink"),
        fits=both(tunnelled, third_node),
    ),
    fault(
        "route-wrong-node",
        "route-wrong-nexthop",
        _replace("{peer.pod_cidr} via {third.ip} dev eth0"),
        fits=both(
            routed,
            third_node,
            lambda c, t: c.node(t.node).subnet == c.node(t.third).subnet,
        ),
    ),
    fault(
        "route-wrong-device",
        "route-wrong-device",
        _replace("{peer.pod_cidr} dev eth0"),
        also=("route-wrong-nexthop",),  # host-gw: the device is right, the gateway is gone
    ),
    fault(
        "route-to-bridge",
        "route-wrong-device",
        _replace("{peer.pod_cidr} dev cni0"),
    ),
    fault("route-blackhole", "route-blackhole", _replace("blackhole {peer.pod_cidr}")),
    fault("route-unreachable", "route-unreachable", _replace("unreachable {peer.pod_cidr}")),
    fault("route-prohibit", "route-prohibit", _replace("prohibit {peer.pod_cidr}")),
    fault("route-throw", "route-missing", _replace("throw {peer.pod_cidr}")),
    fault(
        "route-shadowed",
        "route-shadowed-by-more-specific",
        at("node", "ip route add {other.ip}/32 via {node.gateway}"),
        also=("route-wrong-nexthop",),
    ),
    fault(
        "route-half-shadowed",
        "route-shadowed-by-more-specific",
        at("node", "ip route add blackhole 10.244.{peer.index}.0/25"),
        also=("route-blackhole",),
    ),
    fault(
        "route-pod-shadowed",
        "route-shadowed-by-more-specific",
        at("node", "ip route add {pod.ip}/32 dev eth0"),
        also=("route-wrong-device",),
    ),
    fault(
        "route-dead-gateway",
        "nexthop-offlink",
        _replace("{peer.pod_cidr} via 172.30.77.7 dev eth0 onlink"),
        also=("route-wrong-nexthop", "route-wrong-device"),
    ),
    fault(
        "route-via-gateway",
        "route-wrong-nexthop",
        _replace("{peer.pod_cidr} via {node.gateway}"),
        also=("route-wrong-device",),
    ),
    fault(
        "route-loop",
        "route-loop",
        steps(
            at(
                "node",
                "ip route del {third.pod_cidr}",
                "ip route add {third.pod_cidr} via {peer.vtep} dev flannel.1 onlink",
            ),
            at(
                "peer",
                "ip route del {third.pod_cidr}",
                "ip route add {third.pod_cidr} via {node.vtep} dev flannel.1 onlink",
            ),
        ),
        fits=both(tunnelled, third_node),
        also=("route-wrong-nexthop",),
    ),
    fault(
        "route-detour-loop",
        "route-loop",
        steps(
            at(
                "node",
                "ip route del {third.pod_cidr}",
                "ip route add {third.pod_cidr} via {peer.ip} dev eth0",
            ),
            at(
                "peer",
                "ip route del {third.pod_cidr}",
                "ip route add {third.pod_cidr} via {node.ip} dev eth0",
            ),
        ),
        fits=both(routed, third_node, lambda c, t: c.node(t.node).subnet == c.node(t.peer).subnet),
        also=("route-wrong-nexthop",),
    ),
    fault(
        "return-route-missing",
        "return-route-missing",
        at("peer", "ip route del {node.pod_cidr}"),
        also=("route-missing",),
    ),
    fault(
        "return-route-blackhole",
        "route-blackhole",
        at("peer", "ip route del {node.pod_cidr}", "ip route add blackhole {node.pod_cidr}"),
        also=("return-route-missing",),
    ),
    fault(
        "return-asymmetric-rp-strict",
        "rp-filter-drop",
        at(
            "peer",
            "sysctl ipv4/conf/all/rp_filter=1",
            "ip route del {node.pod_cidr}",
            "ip route add {node.pod_cidr} dev cni0",
        ),
        also=("route-asymmetric", "route-wrong-device"),
    ),
    fault(
        "rule-captures-pods",
        "policy-rule-captures",
        at(
            "node",
            "ip rule add from {node.pod_cidr} pref 100 lookup 200",
            "ip route add default via {node.gateway} table 200",
        ),
    ),
    fault(
        "rule-empty-table",
        "policy-rule-captures",
        at(
            "node",
            "ip route add blackhole default table 201",
            "ip rule add to {peer.pod_cidr} pref 101 lookup 201",
        ),
        also=("route-blackhole",),
    ),
    fault(
        "rule-blackhole",
        "policy-rule-captures",
        at("node", "ip rule add to {peer.pod_cidr} pref 100 blackhole"),
        also=("route-blackhole",),
    ),
    fault(
        "rule-unreachable",
        "policy-rule-captures",
        at("node", "ip rule add to {peer.pod_cidr} pref 100 unreachable"),
        also=("route-unreachable",),
    ),
    fault(
        "rule-prohibit-interface",
        "policy-rule-captures",
        at("node", "ip rule add iif cni0 pref 100 prohibit"),
        also=("route-prohibit",),
    ),
    fault(
        "rule-not-from-pods",
        "policy-rule-captures",
        at("node", "ip rule add not from 10.244.0.0/16 to {node.pod_cidr} pref 100 unreachable"),
        also=("route-unreachable",),
    ),
    fault(
        "rule-by-port",
        "policy-rule-captures",
        at("node", "ip rule add ipproto tcp dport 8080 pref 100 unreachable"),
        also=("route-unreachable",),
    ),
    fault(
        "rule-by-mark",
        "policy-rule-captures",
        at("node", "ip rule add fwmark 0x4000/0x4000 pref 100 blackhole"),
        also=("route-blackhole", "mark-collision"),
    ),
    fault("rule-main-deleted", "policy-rule-missing", at("node", "ip rule del pref 32766")),
    fault(
        "rule-goto-skips-main",
        "policy-rule-captures",
        at("node", "ip rule add to {peer.pod_cidr} pref 90 goto 32767"),
        also=("policy-rule-missing", "route-missing"),
    ),
    fault(
        "rule-suppresses-default",
        "policy-rule-missing",
        at(
            "node",
            "ip rule add pref 32000 lookup main suppress_prefixlength 0",
            "ip rule del pref 32766",
        ),
        also=("policy-rule-captures", "route-missing"),
    ),
    fault("node-default-route-missing", "route-missing", at("node", "ip route del default")),
    fault(
        "node-service-route-blackhole",
        "route-blackhole",
        at("node", f"ip route add blackhole {SERVICE_CIDR}"),
    ),
    fault(
        "overlapping-address",
        "cidr-overlap",
        at("node", "ip addr add 10.244.{peer.index}.3/25 dev eth0"),
        also=("route-shadowed-by-more-specific", "route-wrong-device"),
    ),
    fault(
        "local-table-capture",
        "local-table-capture",
        at("node", "ip addr add {other.ip}/32 dev lo"),
    ),
    fault(
        "stale-vip",
        "local-table-capture",
        at("node", "ip addr add {service.cluster_ip}/32 dev lo"),
    ),
)
