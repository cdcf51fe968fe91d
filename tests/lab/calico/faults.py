"""Faults of a Calico cluster: those of its own making, and those of the main catalogue that are
about pods, Services and the kernel rather than about flannel."""

from __future__ import annotations

from tests.felix.words import chain_name
from tests.felix.words import veth as veth_name
from tests.lab import commands
from tests.lab.calico.nodes import device, mac
from tests.lab.faults import netfilter, node, pod, routing, service, veth
from tests.lab.faults.base import (
    Fault,
    Fits,
    Scene,
    Step,
    Target,
    at,
    both,
    fault,
    has_mate,
    routed,
    steps,
    third_node,
    tunnelled,
)
from tests.lab.topology import Cluster

TUNNEL = "vxlan.calico"
NO_ROUTE = ("bgp-route-not-present", "return-route-missing", "route-blackhole")


def _vxlan(cluster: Cluster, target: Target) -> bool:
    return device(cluster) == TUNNEL and tunnelled(cluster, target)


def _in_tunnel(cluster: Cluster, target: Target) -> bool:
    return bool(device(cluster)) and tunnelled(cluster, target)


def _with_tunnel(*lines: str) -> Step:
    """Steps on the node; TUNNEL is the cluster's device, END the address a route through it goes
    to, by what stands before the dot: "peer.END"."""

    def step(scene: Scene) -> None:
        name = device(scene.lab.cluster)
        end = "vtep" if name == TUNNEL else "ip"
        for line in lines:
            at("node", line.replace("TUNNEL", name).replace("END", end))(scene)

    return step


def _near(cluster: Cluster, target: Target) -> bool:
    """The third node is on the node's own link."""
    third = bool(target.third)
    return third and cluster.node(target.node).subnet == cluster.node(target.third).subnet


def _instead(line: str) -> Step:
    return at("node", "ip route del {peer.block}", f"ip route add {line}")


def _felix(*rules: str, kind: str = "tw", table: str = "filter") -> Step:
    """Rules of iptables; CHAIN is the pod's own chain, VETH its interface."""

    def step(scene: Scene) -> None:
        own = veth_name(scene.pod.namespace, scene.pod.name)
        for rule in rules:
            text = rule.replace("CHAIN", chain_name(kind, own)).replace("VETH", own)
            namespace = scene.lab.node(scene.node.name)
            scene.lab.iptables(namespace, f"-t {table} {text.format(pod=scene.pod)}")

    return step


def _dispatch_lost(direction: str) -> Step:
    """The dispatch rule of the pod is gone; its interface is unknown then."""

    def step(scene: Scene) -> None:
        own = veth_name(scene.pod.namespace, scene.pod.name)
        namespace = scene.lab.node(scene.node.name)
        chain = f"cali-{direction}-wl-dispatch"
        scene.lab.iptables(namespace, f"-D {chain} {_position(scene, chain, own)}")

    return step


def _position(scene: Scene, chain: str, word: str) -> int:
    """The number of the rule of a chain that speaks of something."""
    name = f"iptables-{scene.lab.cluster.iptables}"
    text = commands.run(scene.lab.node(scene.node.name), (name, "-w", "5", "-S", chain))
    rules = [line for line in text.splitlines() if line.startswith("-A")]
    return next(n for n, line in enumerate(rules, 1) if word in line)


def _peer_mac_lost(scene: Scene) -> None:
    at("node", f"bridge fdb del {mac(scene.peer)} dev {TUNNEL} dst {scene.peer.ip} self")(scene)


def _peer_mac_elsewhere(scene: Scene) -> None:
    line = f"bridge fdb replace {mac(scene.peer)} dev {TUNNEL} dst {scene.third.ip} self"
    at("node", line)(scene)


def _restored(scene: Scene) -> None:
    """Only the device comes back: Felix has not yet noticed."""
    at("node", f"ip link set {TUNNEL} up")(scene)


def _way_by_card(scene: Scene) -> None:
    at("peer", "sysctl ipv4/conf/all/rp_filter=1")(scene)
    at("peer", "ip route del {node.block}", "ip route add {node.block} via {peer.gateway}")(scene)


def _not(fits: Fits) -> Fits:
    return lambda cluster, target: not fits(cluster, target)


OWN: tuple[Fault, ...] = (
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
        "calico-block-missing",
        "route-missing",
        at("node", "ip route del {peer.block}"),
        also=NO_ROUTE,
        fits=_not(lambda c, t: not device(c) and c.node(t.node).subnet != c.node(t.peer).subnet),
    ),
    fault(
        "calico-block-missing-back",
        "route-missing",
        at("peer", "ip route del {node.block}"),
        also=NO_ROUTE,
        fits=_not(lambda c, t: not device(c) and c.node(t.node).subnet != c.node(t.peer).subnet),
    ),
    fault(
        "calico-block-to-third",
        "route-wrong-nexthop",
        _instead("{peer.block} via {third.ip} dev eth0"),
        also=("route-wrong-device",),
        fits=both(routed, third_node, _near),
    ),
    fault(
        "calico-block-to-third-tunnel",
        "route-wrong-nexthop",
        _with_tunnel(
            "ip route del {peer.block}",
            "ip route add {peer.block} via {third.END} dev TUNNEL onlink",
        ),
        fits=both(
            _in_tunnel, third_node, lambda c, t: not c.direct(c.node(t.node), c.node(t.third))
        ),
    ),
    fault(
        "calico-block-on-link",
        "route-wrong-device",
        _instead("{peer.block} dev eth0"),
        also=("route-wrong-nexthop",),
    ),
    fault(
        "calico-block-by-card",
        "route-wrong-device",
        _instead("{peer.block} via {node.gateway} dev eth0"),
        fits=_in_tunnel,
    ),
    fault(
        "calico-tunnel-within-subnet",
        "route-wrong-device",
        _with_tunnel(
            "ip route del {peer.block}",
            "ip route add {peer.block} via {peer.END} dev TUNNEL onlink",
        ),
        fits=lambda c, t: bool(device(c)) and routed(c, t),
    ),
    fault("calico-block-blackhole", "route-blackhole", _instead("blackhole {peer.block}")),
    fault("calico-block-unreachable", "route-unreachable", _instead("unreachable {peer.block}")),
    fault("calico-block-prohibit", "route-prohibit", _instead("prohibit {peer.block}")),
    fault(
        "calico-remote-pod-shadowed",
        "route-shadowed-by-more-specific",
        at("node", "ip route add {other.ip}/32 dev eth0"),
        also=("route-wrong-device", "route-wrong-nexthop"),
    ),
    fault(
        "calico-remote-half-blackhole",
        "route-blackhole",
        at("node", "ip route add blackhole 10.244.{peer.index}.0/27"),
        also=("route-shadowed-by-more-specific",),
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
        "calico-pod-drop",
        "filter-drop",
        _felix("-I CHAIN 1 -j DROP"),
        also=("programmed-but-not-declared",),
    ),
    fault(
        "calico-pod-drop-egress",
        "filter-drop",
        _felix("-I CHAIN 1 -j DROP", kind="fw"),
        also=("programmed-but-not-declared",),
    ),
    fault(
        "calico-profile-lost",
        "filter-drop",
        _felix("-F cali-pri-kns.lab"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-profile-lost-egress",
        "filter-drop",
        _felix("-F cali-pro-kns.lab"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-dispatch-lost",
        "filter-drop",
        _dispatch_lost("to"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-dispatch-lost-egress",
        "filter-drop",
        _dispatch_lost("from"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-accept-lost",
        "forward-policy-drop",
        _felix("-P FORWARD DROP", "-F cali-FORWARD"),
    ),
    fault(
        "calico-nat-outgoing-lost",
        "masquerade-missing",
        at("node", "iptables -t nat -F cali-nat-outgoing"),
    ),
    fault(
        "calico-masq-set-empty",
        "masquerade-missing",
        at("node", "ipset flush cali40masq-ipam-pools"),
        also=("ipset-member-missing",),
    ),
    fault(
        "calico-pool-set-empty",
        "unexpected-snat",
        at("node", "ipset flush cali40all-ipam-pools"),
        also=("ipset-member-missing",),
    ),
    fault("calico-fdb-missing", "fdb-missing", _peer_mac_lost, fits=_vxlan),
    fault(
        "calico-fdb-to-third",
        "tunnel-remote-wrong",
        _peer_mac_elsewhere,
        fits=both(_vxlan, third_node),
    ),
    fault(
        "calico-vtep-neighbour-missing",
        "neighbour-missing",
        at("node", f"ip neigh del {{peer.vtep}} dev {TUNNEL}"),
        fits=_vxlan,
    ),
    fault(
        "calico-vtep-neighbour-wrong",
        "neighbour-wrong-mac",
        at("node", f"ip neigh replace {{peer.vtep}} lladdr 66:00:00:00:00:01 dev {TUNNEL}"),
        fits=_vxlan,
    ),
    fault(
        "calico-tunnel-down",
        "tunnel-down",
        _with_tunnel("ip link set TUNNEL down"),
        fits=_in_tunnel,
    ),
    fault(
        "calico-tunnel-flapped",
        "neighbour-missing",
        steps(at("node", f"ip link set {TUNNEL} down"), _restored),
        also=("route-missing",),
        fits=_vxlan,
    ),
    fault(
        "calico-tunnel-gone",
        "vtep-missing",
        at("node", f"ip link del {TUNNEL}"),
        fits=_vxlan,
    ),
    fault(
        "calico-tunnel-address-lost",
        "address-missing",
        _with_tunnel("ip addr flush dev TUNNEL"),
        also=("route-missing", "bgp-route-not-present"),
        fits=_in_tunnel,
    ),
    fault(
        "calico-ipip-blocked",
        "ipip-proto-blocked",
        at("peer", "iptables -I INPUT -p 4 -j DROP"),
        also=("underlay-port-blocked", "filter-drop"),
        fits=lambda c, t: device(c) == "tunl0" and tunnelled(c, t),
    ),
    fault(
        "calico-remote-pod-by-card",
        "route-shadowed-by-more-specific",
        at("node", "ip route add {other.ip}/32 via {node.gateway} dev eth0"),
        also=("route-wrong-device", "route-wrong-nexthop"),
        fits=_in_tunnel,
    ),
    fault(
        "calico-tunnel-mac",
        "mac-mismatch",
        at("node", f"ip link set {TUNNEL} address 66:00:00:00:00:02"),
        also=("neighbour-wrong-mac",),
        fits=_vxlan,
    ),
    fault(
        "calico-tunnel-vni",
        "vni-mismatch",
        at(
            "node",
            f"ip link del {TUNNEL}",
            f"ip link add {TUNNEL} mtu 1450 type vxlan id 4097 local {{node.ip}} dev eth0 "
            "dstport 4789 nolearning",
            f"ip addr add {{node.vtep}}/32 dev {TUNNEL}",
            f"ip link set {TUNNEL} up",
        ),
        also=("mac-mismatch", "route-missing", "neighbour-missing"),
        fits=_vxlan,
    ),
    fault(
        "calico-tunnel-port-blocked",
        "underlay-port-blocked",
        at("peer", "iptables -I INPUT -p udp -m udp --dport 4789 -j DROP"),
        also=("filter-drop",),
        fits=_vxlan,
    ),
    fault(
        "calico-tunnel-own-packets-dropped",
        "underlay-port-blocked",
        at("node", "iptables -I OUTPUT -p udp -m udp --dport 4789 -j DROP"),
        also=("filter-drop",),
        fits=_vxlan,
    ),
    fault(
        "calico-rp-filter-asymmetric",
        "rp-filter-drop",
        _way_by_card,
        also=("route-wrong-device", "route-asymmetric"),
        fits=_vxlan,
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
    fault(
        "calico-pod-gateway-wrong-mac",
        "neighbour-wrong-mac",
        at(
            "pod",
            "ip neigh replace 169.254.1.1 lladdr 02:00:00:00:be:ef dev eth0 nud permanent",
        ),
    ),
)

_SHARED = frozenset(
    (
        "pod-no-listener",
        "pod-loopback-listener",
        "pod-wrong-protocol",
        "pod-link-down",
        "pod-no-default-route",
        "pod-input-drop",
        "pod-input-policy-drop",
        "pod-output-reject",
        "pod-lo-down",
        "pod-blackhole-route",
        "pod-prohibit-route",
        "pod-unreachable-route",
        "pod-rule-blackhole",
        "pod-rule-empty-main",
        "pod-no-address",
        "pod-redirect-broken",
        "pod-inbound-redirect-broken",
        "pod-localnet-address",
        "forward-drop-by-source",
        "forward-drop-by-destination",
        "forward-drop-by-port",
        "forward-reject-port",
        "raw-prerouting-drop",
        "raw-service-drop",
        "rule-blackhole",
        "rule-unreachable",
        "rule-main-deleted",
        "local-table-capture",
    )
)
_MAIN = (*pod.FAULTS, *veth.FAULTS, *routing.FAULTS, *node.FAULTS, *netfilter.FAULTS,
         *service.FAULTS)  # fmt: skip
SHARED: tuple[Fault, ...] = tuple(each for each in _MAIN if each.name in _SHARED)
"""Those of the main catalogue that are the same with Calico."""

CATALOGUE: tuple[Fault, ...] = (*OWN, *SHARED)
