"""Faults of the routes between nodes."""

from __future__ import annotations

from tests.lab.calico.faults.steps import (
    by_routers,
    in_tunnel,
    instead,
    near,
    negated,
    past_tunnel,
    vxlan,
    with_tunnel,
)
from tests.lab.faults.base import Fault, Scene, at, both, fault, routed, third_node

NO_ROUTE = ("bgp-route-not-present", "return-route-missing", "route-blackhole")


def _way_by_card(scene: Scene) -> None:
    at("peer", "sysctl ipv4/conf/all/rp_filter=1")(scene)
    at("peer", "ip route del {node.block}", "ip route add {node.block} via {peer.gateway}")(scene)


FAULTS: tuple[Fault, ...] = (
    fault(
        "calico-block-missing",
        "route-missing",
        at("node", "ip route del {peer.block}"),
        also=NO_ROUTE,
        fits=negated(by_routers),
    ),
    fault(
        "calico-block-missing-back",
        "route-missing",
        at("peer", "ip route del {node.block}"),
        also=NO_ROUTE,
        fits=negated(by_routers),
    ),
    fault(
        "calico-block-to-third",
        "route-wrong-nexthop",
        instead("{peer.block} via {third.ip} dev eth0"),
        also=("route-wrong-device",),
        fits=both(routed, third_node, near),
    ),
    fault(
        "calico-block-to-third-tunnel",
        "route-wrong-nexthop",
        with_tunnel(
            "ip route del {peer.block}",
            "ip route add {peer.block} via {third.END} dev TUNNEL onlink",
        ),
        fits=both(
            in_tunnel, third_node, lambda c, t: not c.direct(c.node(t.node), c.node(t.third))
        ),
    ),
    fault(
        "calico-block-on-link",
        "route-wrong-device",
        instead("{peer.block} dev eth0"),
        also=("route-wrong-nexthop",),
    ),
    fault(
        "calico-block-by-card",
        "route-wrong-device",
        instead("{peer.block} via {node.gateway} dev eth0"),
        fits=in_tunnel,
    ),
    fault(
        "calico-tunnel-within-subnet",
        "route-wrong-device",
        with_tunnel(
            "ip route del {peer.block}",
            "ip route add {peer.block} via {peer.END} dev TUNNEL onlink",
        ),
        fits=past_tunnel,
    ),
    fault("calico-block-blackhole", "route-blackhole", instead("blackhole {peer.block}")),
    fault("calico-block-unreachable", "route-unreachable", instead("unreachable {peer.block}")),
    fault("calico-block-prohibit", "route-prohibit", instead("prohibit {peer.block}")),
    fault(
        "calico-remote-pod-shadowed",
        "route-shadowed-by-more-specific",
        at("node", "ip route add {other.ip}/32 dev eth0"),
        also=("route-wrong-device", "route-wrong-nexthop"),
    ),
    fault(
        "calico-remote-half-blackhole",
        "route-blackhole",
        at("node", "ip route add blackhole {peer.half_block}"),
        also=("route-shadowed-by-more-specific",),
    ),
    fault(
        "calico-remote-pod-by-card",
        "route-shadowed-by-more-specific",
        at("node", "ip route add {other.ip}/32 via {node.gateway} dev eth0"),
        also=("route-wrong-device", "route-wrong-nexthop"),
        fits=in_tunnel,
    ),
    fault(
        "calico-rp-filter-asymmetric",
        "rp-filter-drop",
        _way_by_card,
        also=("route-wrong-device", "route-asymmetric"),
        fits=vxlan,
    ),
    fault(
        "calico-rule-captures-pods",
        "policy-rule-captures",
        at(
            "node",
            "ip rule add from {node.block} pref 100 lookup 200",
            "ip route add default via {node.gateway} table 200",
        ),
        also=("rp-filter-drop",),
    ),
)
