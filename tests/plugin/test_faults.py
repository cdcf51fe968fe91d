"""One broken thing each: exactly that finding, there, and nothing left once it is repaired."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.cluster.detect.facts import Cni
from skoop.model.address import parse_ip, parse_prefix
from skoop.netstack.state import BridgePort, Gap, Link, Vxlan, Wireguard
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.table import plugin_for
from tests.plugin import faults as f
from tests.plugin.build import (
    NODES,
    VIP,
    cluster,
    namespace_of,
    pod_mac,
    public_key,
    vtep_mac,
    with_namespace,
)
from tests.plugin.build import wireguard as built_wireguard

VXLAN = cluster("vxlan")
DUAL = cluster("vxlan", dual=True)
DIRECT = cluster("vxlan", direct=True)
HOST_GW = cluster("host-gw")
IPIP = cluster("ipip")
WIREGUARD = cluster("wireguard")
HAIRPIN = cluster("vxlan", hairpin=True)
K1, WEB = "node/k1", "pod/shop/web"
DOCKER = Link(index=30, name="docker0", kind="bridge", mac="0a:00:00:00:09:09")


def vxlan(**changes: object) -> f.Fault:
    def changed(each: Link) -> Vxlan:
        assert each.vxlan is not None
        return replace(each.vxlan, **changes)

    return f.link("flannel.1", vxlan=changed)


def port(name: str, **changes: object) -> f.Fault:
    return f.link(name, port=BridgePort(hairpin=True, **changes))


def wireguard(**changes: object) -> f.Fault:
    def changed(each: Link) -> Wireguard:
        assert each.wireguard is not None
        return replace(each.wireguard, **changes)

    return f.link("flannel-wg", wireguard=changed)


def peer_k2(**changes: object) -> f.Fault:
    """k1's peer for k2, which is its first."""
    first, *others = built_wireguard("k1").peers
    return wireguard(peers=(replace(first, **changes), *others))


OVERLAY = {
    "fdb entry missing": (K1, f.no_fdb(vtep_mac("k2")), "fdb-missing"),
    "fdb entry for another node": (
        K1,
        f.fdb(vtep_mac("k2"), remote=parse_ip("172.30.0.3")),
        "tunnel-remote-wrong",
    ),
    "fdb entry with a port of its own": (
        K1,
        f.fdb(vtep_mac("k2"), port=4789),
        "vxlan-port-mismatch",
    ),
    "fdb entry with a VNI of its own": (K1, f.fdb(vtep_mac("k2"), vni=9), "vni-mismatch"),
    "VTEP neighbour missing": (K1, f.no_neighbour("10.244.2.0"), "neighbour-missing"),
    "VTEP neighbour failed": (
        K1,
        f.neighbour("10.244.2.0", "", "flannel.1", "FAILED"),
        "neighbour-missing",
    ),
    "VTEP neighbour not permanent": (
        K1,
        f.neighbour("10.244.2.0", vtep_mac("k2"), "flannel.1", "STALE"),
        "neighbour-missing",
    ),
    "VTEP neighbour wrong": (
        K1,
        f.neighbour("10.244.2.0", "02:00:00:00:00:99", "flannel.1"),
        "neighbour-wrong-mac",
    ),
    "nothing of a peer": (
        K1,
        f.both(f.no_fdb(vtep_mac("k2")), f.no_neighbour("10.244.2.0"), f.no_route("10.244.2.0/24")),
        "route-missing",
    ),
    "tunnel down": (K1, f.link_down("flannel.1"), "tunnel-down"),
    "tunnel deleted": (K1, f.no_link("flannel.1"), "vtep-missing"),
    "tunnel with another VNI": (K1, vxlan(vni=7), "vni-mismatch"),
    "tunnel with another port": (K1, vxlan(port=4789), "vxlan-port-mismatch"),
    "tunnel from an address of nobody": (
        K1,
        vxlan(local=parse_ip("172.30.0.99")),
        "tunnel-local-ip-wrong",
    ),
    "tunnel with another MAC": (K1, f.link("flannel.1", mac="02:42:0a:f4:99:99"), "mac-mismatch"),
    "tunnel without address": (K1, f.no_address("10.244.1.0"), "address-missing"),
    "tunnel too wide": (K1, f.link("flannel.1", mtu=1500), "mtu-overlay-overhead"),
    "tunnel too narrow": (K1, f.link("flannel.1", mtu=900), "mtu-pod-exceeds-path"),
}
ROUTES = {
    "route missing": (K1, f.no_route("10.244.2.0/24"), "route-missing"),
    "route to another VTEP": (
        K1,
        f.other_route("10.244.2.0/24 via 10.244.3.0 dev flannel.1 onlink"),
        "route-wrong-nexthop",
    ),
    "route by the card": (
        K1,
        f.other_route("10.244.2.0/24 via 172.30.0.2 dev eth0"),
        "route-wrong-device",
    ),
    "route to the bridge": (K1, f.other_route("10.244.2.0/24 dev cni0"), "route-wrong-device"),
    "blackhole instead": (K1, f.other_route("blackhole 10.244.2.0/24"), "route-blackhole"),
    "unreachable instead": (K1, f.other_route("unreachable 10.244.2.0/24"), "route-unreachable"),
    "prohibit instead": (K1, f.other_route("prohibit 10.244.2.0/24"), "route-prohibit"),
    "throw instead": (K1, f.other_route("throw 10.244.2.0/24"), "route-missing"),
    "blackhole for one pod": (K1, f.add_route("blackhole 10.244.2.2/32"), "route-blackhole"),
    "blackhole for Services": (K1, f.add_route("blackhole 10.96.0.0/16"), "route-blackhole"),
    "another way for one pod": (
        K1,
        f.add_route("10.244.2.2/32 via 172.30.0.254 dev eth0"),
        "route-shadowed-by-more-specific",
    ),
    "a lower metric elsewhere": (
        K1,
        f.both(
            f.no_route("10.244.2.0/24"),
            f.add_route("10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink", metric=100),
            f.add_route("10.244.2.0/24 via 172.30.0.254 dev eth0"),
        ),
        "route-wrong-device",
    ),
    "own pod elsewhere": (
        K1,
        f.add_route("10.244.1.2/32 dev eth0"),
        "route-shadowed-by-more-specific",
    ),
    "own subnet missing": (K1, f.no_route("10.244.1.0/24"), "route-missing"),
    "a pod's address on lo": (K1, f.add_address("10.244.2.2/32", "lo"), "local-table-capture"),
    "a ClusterIP on lo": (K1, f.add_address(f"{VIP}/32", "lo"), "local-table-capture"),
    "rule to nowhere": (
        K1,
        f.rule(90, action="unreachable", destination="10.244.2.0/24"),
        "policy-rule-captures",
    ),
    "rule to another table": (
        K1,
        f.both(
            f.rule(100, target="200", source="10.244.1.0/24"),
            f.add_route("default via 172.30.0.254 dev eth0", table="200"),
        ),
        "policy-rule-captures",
    ),
    "rule by interface": (K1, f.rule(100, action="prohibit", iif="cni0"), "policy-rule-captures"),
    "rule by port": (
        K1,
        f.rule(100, action="unreachable", ipproto=6, dport=(8080, 8080)),
        "policy-rule-captures",
    ),
    "rule by kube-proxy's mark": (
        K1,
        f.rule(100, action="blackhole", fwmark=(0x4000, 0x4000)),
        "policy-rule-captures",
    ),
    "rule not from pods": (
        K1,
        f.rule(
            100,
            action="unreachable",
            source="10.244.0.0/16",
            destination="10.244.1.0/24",
            inverted=True,
        ),
        "policy-rule-captures",
    ),
    "rule that skips main": (
        K1,
        f.rule(90, action="goto", target="32767", destination="10.244.2.0/24"),
        "policy-rule-captures",
    ),
    "no rule for main": (K1, f.no_rule(32766), "policy-rule-missing"),
    "no rule for local": (K1, f.no_rule(0), "policy-rule-missing"),
    "no rule for default": (K1, f.no_rule(32767), "policy-rule-missing"),
    "main without its default route": (
        K1,
        f.both(f.no_rule(32766), f.rule(32000, target="main", suppress_prefixlength=0)),
        "policy-rule-missing",
    ),
}
CONFLICTS = {
    "a mate's address": (WEB, f.add_address("10.244.1.3/24", "eth0"), "address-conflict"),
    "another node's address": (K1, f.add_address("172.30.0.2/24", "eth0"), "address-conflict"),
}
NODE = {
    "no forwarding": (K1, f.no_forwarding, "ip-forward-off"),
    "no forwarding from the bridge": (
        K1,
        f.sysctl("net.ipv4.conf.cni0.forwarding", "0"),
        "per-interface-forwarding-off",
    ),
    "no forwarding from the tunnel": (
        K1,
        f.sysctl("net.ipv4.conf.flannel/1.forwarding", "0"),
        "per-interface-forwarding-off",
    ),
    "no iptables on bridges": (
        K1,
        f.sysctl("net.bridge.bridge-nf-call-iptables", "0"),
        "bridge-nf-call-off",
    ),
    "no br_netfilter": (K1, f.no_sysctls("net.bridge."), "br-netfilter-absent"),
    "bridge down": (K1, f.link_down("cni0"), "bridge-down"),
    "bridge deleted": (K1, f.no_link("cni0"), "bridge-missing"),
    "bridge without address": (K1, f.no_address("10.244.1.1"), "bridge-address-missing"),
    "bridge too narrow": (K1, f.link("cni0", mtu=900), "mtu-pod-exceeds-path"),
    "card down": (
        K1,
        f.link("eth0", up=False, operstate="DOWN"),
        "node-nic-down",
    ),
    "no default route": (K1, f.no_route("0.0.0.0/0"), "route-missing"),
    "another node's neighbour wrong": (
        K1,
        f.neighbour("172.30.0.2", "02:00:00:00:00:99", "eth0"),
        "neighbour-wrong-mac",
    ),
    "another node unreachable": (
        K1,
        f.add_route("unreachable 172.30.0.2/32"),
        "route-unreachable",
    ),
    "no answer to ARP": (K1, f.sysctl("net.ipv4.conf.all.arp_ignore", "8"), "arp-ignore-set"),
    "NodePorts not on localhost": (
        K1,
        f.sysctl("net.ipv4.conf.all.route_localnet", "0"),
        "route-localnet-off",
    ),
    "pod's MAC on another port": (
        K1,
        f.add_fdb(pod_mac("web"), "vethcli", permanent=True),
        "fdb-stale",
    ),
    "ports isolated": (
        K1,
        f.both(port("vethweb", isolated=True), port("vethcli", isolated=True)),
        "bridge-port-isolated",
    ),
    "pod's neighbour wrong": (
        K1,
        f.neighbour("10.244.1.2", "02:00:00:00:00:99", "cni0"),
        "neighbour-wrong-mac",
    ),
}
PODS = {
    "veth detached": (K1, f.link("vethweb", master="", port=None), "bridge-port-unattached"),
    "veth in another bridge": (
        K1,
        f.both(
            lambda namespace: replace(namespace, links=(*namespace.links, DOCKER)),
            f.link("vethweb", master="docker0"),
        ),
        "veth-wrong-master",
    ),
    "veth's end down": (K1, f.link("vethweb", up=False, operstate="DOWN"), "veth-peer-down"),
    "port blocking": (K1, port("vethweb", state="blocking"), "stp-blocking"),
    "veth's ends differ": (K1, f.link("vethweb", mtu=900), "mtu-node-mismatch"),
    "pod's end down": (WEB, f.link_down("eth0"), "link-down"),
    "no ARP": (WEB, f.link("eth0", arp=False), "arp-suppressed"),
    "no answer to ARP": (WEB, f.sysctl("net.ipv4.conf.eth0.arp_ignore", "8"), "arp-ignore-set"),
    "lo down": (WEB, f.link("lo", up=False), "loopback-down"),
    "wrong mask": (
        WEB,
        f.both(
            f.no_address("10.244.1.2"),
            f.add_address("10.244.1.2/16", "eth0"),
            f.add_route("10.244.0.0/16 dev eth0", protocol="kernel", scope="link"),
        ),
        "wrong-mask",
    ),
    "another address": (
        WEB,
        f.both(f.no_address("10.244.1.2"), f.add_address("10.244.1.99/24", "eth0")),
        "ip-mismatch-api-vs-netns",
    ),
    "no address": (
        WEB,
        f.both(f.no_address("10.244.1.2"), f.without_device("eth0")),
        "ip-mismatch-api-vs-netns",
    ),
    "no default route": (WEB, f.no_route("0.0.0.0/0"), "pod-default-route-missing"),
    "default route by lo": (WEB, f.other_route("0.0.0.0/0 dev lo"), "route-wrong-device"),
    "another gateway": (
        WEB,
        f.other_route("0.0.0.0/0 via 10.244.1.77 dev eth0"),
        "route-wrong-nexthop",
    ),
    "another gateway for one peer": (
        WEB,
        f.add_route("10.244.2.0/24 via 10.244.1.77 dev eth0"),
        "route-wrong-nexthop",
    ),
    "pods by another interface": (WEB, f.add_route("10.244.2.0/24 dev lo"), "route-wrong-device"),
    "gateway's MAC wrong": (
        WEB,
        f.neighbour("10.244.1.1", "02:00:00:00:00:98", "eth0"),
        "neighbour-wrong-mac",
    ),
    "blackhole in the pod": (WEB, f.add_route(f"blackhole {VIP}/32"), "route-blackhole"),
    "rule in the pod": (
        WEB,
        f.rule(100, action="blackhole", destination="10.96.0.0/16"),
        "policy-rule-captures",
    ),
    "somebody's address in the pod": (
        WEB,
        f.add_address("10.244.2.2/32", "lo"),
        "local-table-capture",
    ),
}
CASES = [
    pytest.param(VXLAN, *case, id=name)
    for table in (OVERLAY, ROUTES, CONFLICTS, NODE, PODS)
    for name, case in table.items()
]
CASES += [
    pytest.param(DUAL, K1, f.no_route("fd44:0:0:2::/64"), "route-missing", id="v6 route missing"),
    pytest.param(DUAL, K1, f.no_neighbour("fd44:0:0:2::"), "neighbour-missing", id="v6 neighbour"),
    pytest.param(DUAL, K1, f.link("flannel-v6.1", mtu=1450), "mtu-overlay-overhead", id="v6 MTU"),
    pytest.param(DUAL, K1, f.link_down("flannel-v6.1"), "tunnel-down", id="v6 tunnel down"),
    pytest.param(
        DUAL,
        K1,
        f.sysctl("net.ipv6.conf.all.forwarding", "0"),
        "v6-forwarding-off",
        id="v6 forwarding off",
    ),
    pytest.param(
        DUAL,
        WEB,
        f.both(
            f.no_address("fd44:0:0:1::2"),
            f.no_route("::/0"),
            f.sysctl("net.ipv6.conf.eth0.disable_ipv6", "1"),
        ),
        "disable-ipv6-set",
        id="v6 off in a pod",
    ),
    pytest.param(
        DUAL,
        K1,
        f.both(
            f.no_address("fd44:0:0:1::"),
            f.without_device("flannel-v6.1"),
            f.sysctl("net.ipv6.conf.flannel-v6/1.disable_ipv6", "1"),
        ),
        "disable-ipv6-set",
        id="v6 off on the tunnel",
    ),
    pytest.param(
        HAIRPIN,
        K1,
        f.link("vethweb", port=BridgePort(hairpin=False)),
        "hairpin-off",
        id="hairpin off",
    ),
    pytest.param(
        DUAL, WEB, f.no_route("::/0"), "pod-default-route-missing", id="v6 default route of a pod"
    ),
    pytest.param(DIRECT, K1, f.no_route("10.244.2.0/24"), "route-missing", id="direct route"),
    pytest.param(
        DIRECT,
        K1,
        f.other_route("10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink"),
        "route-wrong-device",
        id="tunnel instead of a direct route",
    ),
    pytest.param(HOST_GW, K1, f.no_route("10.244.2.0/24"), "route-missing", id="host-gw route"),
    pytest.param(
        HOST_GW,
        K1,
        f.other_route("10.244.2.0/24 via 172.30.0.3 dev eth0"),
        "route-wrong-nexthop",
        id="host-gw route to another node",
    ),
    pytest.param(IPIP, K1, f.link_down("flannel.ipip"), "tunnel-down", id="ipip down"),
    pytest.param(IPIP, K1, f.no_link("flannel.ipip"), "vtep-missing", id="ipip deleted"),
    pytest.param(
        IPIP,
        K1,
        f.other_route("10.244.2.0/24 via 172.30.0.3 dev flannel.ipip onlink"),
        "route-wrong-nexthop",
        id="ipip route to another node",
    ),
    pytest.param(
        WIREGUARD, K1, f.link_down("flannel-wg"), "tunnel-down", id="wireguard device down"
    ),
    pytest.param(
        WIREGUARD, K1, f.no_route("10.244.0.0/16"), "route-missing", id="wireguard route missing"
    ),
    pytest.param(
        WIREGUARD, K1, wireguard(peers=()), "wireguard-peer-missing", id="wireguard without peers"
    ),
    pytest.param(
        WIREGUARD, K1, peer_k2(allowed=()), "wireguard-peer-missing", id="wireguard allows nothing"
    ),
    pytest.param(
        WIREGUARD,
        K1,
        peer_k2(key=public_key("k9")),
        "wireguard-peer-missing",
        id="wireguard peer with an old key",
    ),
    pytest.param(
        WIREGUARD, K1, peer_k2(endpoint=None), "wireguard-endpoint-wrong", id="no endpoint"
    ),
    pytest.param(
        WIREGUARD,
        K1,
        peer_k2(endpoint=(*parse_ip("172.30.0.3"), 51820)),
        "wireguard-endpoint-wrong",
        id="the endpoint of another node",
    ),
    pytest.param(
        WIREGUARD,
        K1,
        peer_k2(endpoint=(*parse_ip("172.30.0.2"), 51821)),
        "wireguard-endpoint-wrong",
        id="the endpoint with another port",
    ),
    pytest.param(
        WIREGUARD,
        K1,
        wireguard(key=public_key("k9")),
        "wireguard-key-mismatch",
        id="another key than announced",
    ),
]


def found(view: ClusterView) -> list[Expectation]:
    plugin = plugin_for(Cni.FLANNEL)
    return [each for node in NODES for each in plugin.expectations(view, node)]


def repaired(view: ClusterView, expectation: Expectation) -> ClusterView:
    assert expectation.repair is not None
    before = namespace_of(view, expectation.namespace)
    return with_namespace(view, expectation.repair(before))


@pytest.mark.parametrize(("clean", "where", "fault", "name"), CASES)
def test_one_fault_is_one_finding(
    clean: ClusterView, where: str, fault: f.Fault, name: str
) -> None:
    view = with_namespace(clean, fault(namespace_of(clean, where)))
    expectations = found(view)
    names = {(each.namespace, each.suspicion.name) for each in expectations}
    assert names == {(where, name)}
    for each in expectations:
        assert not each.suspicion.blocking
        assert each.suspicion.where.name == where.partition("/")[2]
        view = repaired(view, each)
    assert found(view) == []


def test_no_peer_at_all_is_one_fault_for_each_other_node() -> None:
    view = with_namespace(WIREGUARD, wireguard(peers=())(WIREGUARD.hosts["k1"]))
    said = [each.suspicion.message for each in found(view)]
    assert [message.rpartition(" ")[2] for message in said] == ["k2", "k3"]


ROAMED = {
    "another address of the node": {"endpoint": (*parse_ip("10.244.2.1"), 51820)},
    "a wider network": {"allowed": (parse_prefix("10.244.2.0/23"),)},
    "never met": {"met": False},
}


@pytest.mark.parametrize("fields", ROAMED.values(), ids=ROAMED.keys())
def test_a_peer_may_be_known_otherwise(fields: dict[str, object]) -> None:
    assert found(with_namespace(WIREGUARD, peer_k2(**fields)(WIREGUARD.hosts["k1"]))) == []


def test_a_node_that_listens_elsewhere_is_missed_by_all_others() -> None:
    view = with_namespace(WIREGUARD, wireguard(port=51999)(WIREGUARD.hosts["k1"]))
    names = [(each.namespace, each.suspicion.name) for each in found(view)]
    assert names == [(f"node/{node}", "wireguard-endpoint-wrong") for node in ("k2", "k3")]
    assert "172.30.0.1:51999" in found(view)[0].suspicion.fix


def test_a_device_that_comes_up_listens() -> None:
    """What an expectation's repair makes of a device that is down is a device that works."""
    view = with_namespace(WIREGUARD, f.link_down("flannel-wg")(WIREGUARD.hosts["k1"]))
    (down,) = found(view)
    host = repaired(view, down).hosts["k1"]
    assert {each.port for each in host.sockets} == {51820}


def test_a_strict_reverse_path_filter_counts_when_the_way_back_is_another() -> None:
    strict = f.sysctl("net.ipv4.conf.all.rp_filter", "1")
    view = with_namespace(VXLAN, strict(VXLAN.hosts["k1"]))
    assert found(view) == []
    fault = f.both(strict, f.other_route("10.244.2.0/24 via 172.30.0.2 dev eth0"))
    view = with_namespace(VXLAN, fault(VXLAN.hosts["k1"]))
    names = [each.suspicion.name for each in found(view)]
    assert names == ["route-wrong-device", "rp-filter-drop"]
    wrong, filtered = found(view)
    assert found(repaired(view, wrong)) == []
    assert [each.suspicion.name for each in found(repaired(view, filtered))] == [
        "route-wrong-device"
    ]


def test_a_strict_reverse_path_filter_on_the_card() -> None:
    fault = f.both(
        f.sysctl("net.ipv4.conf.eth0.rp_filter", "1"),
        f.other_route("10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink"),
    )
    view = with_namespace(DIRECT, fault(DIRECT.hosts["k1"]))
    names = [each.suspicion.name for each in found(view)]
    assert names == ["route-wrong-device", "rp-filter-drop"]


def test_devices_that_are_made_to_forward_ipv6() -> None:
    off = f.sysctl("net.ipv6.conf.all.forwarding", "0")
    forced = [
        f.sysctl(f"net.ipv6.conf.{device}.force_forwarding", "1")
        for device in ("eth0", "cni0", "flannel/1", "flannel-v6/1")
    ]
    some = found(with_namespace(DUAL, f.both(off, forced[1])(namespace_of(DUAL, K1))))
    assert [each.suspicion.name for each in some] == ["v6-forwarding-off"]
    assert "come in by eth0, flannel.1, flannel-v6.1" in some[0].suspicion.message
    assert found(with_namespace(DUAL, f.both(off, *forced)(namespace_of(DUAL, K1)))) == []


def test_the_rule_for_vrfs_is_only_mentioned() -> None:
    view = with_namespace(VXLAN, f.rule(1000, l3mdev=True)(VXLAN.hosts["k1"]))
    assert [each.suspicion.level.value for each in found(view)] == ["info"]


def test_a_foreign_rule_that_takes_no_pod_traffic_is_only_mentioned() -> None:
    fault = f.both(
        f.rule(5210, target="52", fwmark=(0x80000, 0xFF0000)),
        f.add_route("100.64.0.0/10 dev eth0", table="52"),
    )
    view = with_namespace(VXLAN, fault(VXLAN.hosts["k1"]))
    (only,) = found(view)
    assert (only.suspicion.name, only.suspicion.level.value) == ("policy-rule-captures", "info")
    assert only.repair is None


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("unreachable", "policy rule 90 of node k1 stops pod traffic as unreachable"),
        ("blackhole", "policy rule 90 of node k1 drops pod traffic without an answer"),
    ],
)
def test_a_rule_that_ends_pod_traffic_says_how(action: str, says: str) -> None:
    fault = f.rule(90, action=action, destination="10.244.2.0/24")
    (only,) = found(with_namespace(VXLAN, fault(VXLAN.hosts["k1"])))
    assert (only.suspicion.message, only.suspicion.fix) == (says, "ip rule del pref 90")


def test_a_rule_of_ipv6_is_mended_with_the_command_of_ipv6() -> None:
    fault = f.rule(90, action="unreachable", destination="fd44:0:0:2::/64")
    fixes = [each.suspicion.fix for each in found(with_namespace(DUAL, fault(DUAL.hosts["k1"])))]
    assert "ip -6 rule del pref 90" in fixes


@pytest.mark.parametrize(
    ("where", "part", "fault"),
    [
        (K1, "fdb", f.no_fdb(vtep_mac("k2"))),
        (K1, "neighbours", f.no_neighbour("10.244.2.0")),
        (K1, "routes", f.no_route("10.244.2.0/24")),
        (K1, "sysctls", f.no_forwarding),
        (K1, "rules", f.no_rule(32766)),
        (WEB, "routes", f.no_route("0.0.0.0/0")),
        (WEB, "addresses", f.no_address("10.244.1.2")),
    ],
)
def test_what_was_not_collected_is_not_missed(where: str, part: str, fault: f.Fault) -> None:
    broken = fault(namespace_of(VXLAN, where))
    unseen = replace(broken, gaps=(Gap(part, "not collected"),))
    assert found(with_namespace(VXLAN, unseen)) == []
