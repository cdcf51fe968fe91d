"""What flannel announces and how it is configured, against what is there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from skoop.cluster.detect.facts import Cni
from skoop.model.address import Family, parse_ip
from skoop.model.disposition import Level
from skoop.model.kube import Condition, ConfigMap, Container, Node, Owner, Pod, Workload
from skoop.netstack.iptables import read_ruleset
from skoop.plugin.base import ClusterView
from skoop.plugin.flannel import FlannelPlugin
from skoop.plugin.linux import LinuxPlugin
from skoop.plugin.table import plugin_for
from tests.plugin import faults as f
from tests.plugin.build import (
    NODES,
    PREFIX,
    cluster,
    namespace_of,
    with_inventory,
    with_namespace,
)


def names(view: ClusterView, node: str = "k1") -> list[str]:
    return [each.suspicion.name for each in FlannelPlugin().expectations(view, node)]


def annotated(**notes: str) -> ClusterView:
    """A cluster where node k2 has these annotations besides its own."""

    def change(node: Node) -> Node:
        if node.name != "k2":
            return node
        new = {PREFIX + key.replace("_", "-"): value for key, value in notes.items()}
        return replace(node, annotations={**node.annotations, **new})

    return cluster("vxlan", change_node=change)


def changed_node(view: ClusterView, name: str, **changes: object) -> ClusterView:
    nodes = [
        replace(node, **changes) if node.name == name else node for node in view.inventory.nodes
    ]
    return with_inventory(view, nodes=nodes)


def test_a_public_address_set_by_hand_is_where_others_send() -> None:
    view = annotated(public_ip_overwrite="203.0.113.2")
    assert names(view, "k1") == ["tunnel-remote-wrong"]
    assert names(view, "k2") == []


def test_a_mac_announced_anew_must_reach_the_others() -> None:
    data = json.dumps({"VNI": 1, "VtepMAC": "02:42:0A:F4:AA:02"})
    view = annotated(backend_data=data)
    assert names(view, "k2") == ["mac-mismatch"]
    (one,) = FlannelPlugin().expectations(view, "k1")
    assert one.suspicion.name == "neighbour-wrong-mac"
    assert one.repair is not None
    mended = with_namespace(view, one.repair(view.hosts["k1"]))
    assert names(mended, "k1") == []


def test_a_node_of_another_backend_is_ignored_by_its_peers() -> None:
    view = annotated(backend_type="host-gw")
    assert "encap-mode-mismatch" in names(view, "k2")
    bare = with_namespace(view, f.no_fdb("02:42:0a:f4:02:00")(view.hosts["k1"]))
    assert names(bare, "k1") == []


def test_a_node_that_flannel_has_not_annotated_has_no_subnet_yet() -> None:
    view = changed_node(cluster(), "k2", annotations={})
    without = f.both(f.no_route("10.244.2.0/24"), f.no_fdb("02:42:0a:f4:02:00"))
    assert names(with_namespace(view, without(view.hosts["k1"])), "k1") == []


def test_without_any_annotation_the_devices_tell_their_macs() -> None:
    nodes = [replace(node, annotations={}) for node in cluster().inventory.nodes]
    view = with_inventory(cluster(), nodes=nodes)
    assert [names(view, node) for node in NODES] == [[], [], []]
    broken = with_namespace(view, f.no_fdb("02:42:0a:f4:02:00")(view.hosts["k1"]))
    assert names(broken, "k1") == ["fdb-missing"]


def test_without_a_config_map_the_usual_port_is_taken_for_right() -> None:
    view = with_inventory(cluster(), config_maps=[])
    assert names(view, "k1") == []
    link = next(each for each in view.hosts["k1"].links if each.vxlan)
    assert link.vxlan is not None
    other = f.link("flannel.1", vxlan=replace(link.vxlan, port=4789))(view.hosts["k1"])
    assert names(with_namespace(view, other), "k1") == ["vxlan-port-mismatch"]


def test_the_bridge_is_the_configured_one() -> None:
    named = cluster(bridge="cbr0")
    assert names(named) == [], "pods of before the change are still on cni0"
    (missing,) = FlannelPlugin().expectations(
        with_namespace(named, f.no_link("cni0")(named.hosts["k1"])), "k1"
    )
    assert missing.suspicion.name == "bridge-missing"
    assert "cbr0" in missing.suspicion.message
    canal = ConfigMap("kube-system", "canal-config", {"cni_network_config": "{}"})
    routed = with_inventory(cluster(), config_maps=[canal])
    for node in NODES:
        routed = with_namespace(routed, f.no_link("cni0")(routed.hosts[node]))
    assert "bridge-missing" not in names(routed, "k1")


@pytest.mark.parametrize("backend", ["vxlan", "host-gw"])
def test_a_node_behind_a_router(backend: str) -> None:
    """host-gw cannot reach it; vxlan with DirectRouting takes the tunnel for it."""
    view = cluster(backend)
    far = parse_ip("172.31.0.2")

    def moved(node: Node) -> Node:
        notes = {**node.annotations, PREFIX + "public-ip": "172.31.0.2"}
        return replace(node, annotations=notes) if node.name == "k2" else node

    view = with_inventory(view, nodes=[moved(node) for node in view.inventory.nodes])
    host = view.hosts["k1"]
    if backend == "host-gw":
        bare = with_namespace(view, f.no_route("10.244.2.0/24")(host))
        assert names(bare, "k1") == ["nexthop-offlink"]
    else:
        right = f.fdb("02:42:0a:f4:02:00", remote=far)(host)
        direct = with_inventory(
            with_namespace(view, right),
            config_maps=cluster(direct=True).inventory.config_maps,
        )
        found = FlannelPlugin().expectations(direct, "k1")
        assert {each.suspicion.name for each in found} == {"route-wrong-device"}
        assert all("node k3" in each.suspicion.message for each in found)


def test_an_mtu_from_the_configuration() -> None:
    view = cluster("vxlan", MTU=1400)
    narrow = f.link("flannel.1", mtu=1350)
    for node in NODES:
        view = with_namespace(view, narrow(view.hosts[node]))
    found = FlannelPlugin().expectations(view, "k1")
    assert {(each.suspicion.name, each.suspicion.level) for each in found} == {
        ("mtu-pod-exceeds-path", Level.WARNING)
    }
    assert {each.namespace for each in found} == {"pod/shop/web", "pod/shop/cli"}


def test_addresses_outside_the_pod_cidr() -> None:
    (cidr,) = cluster().inventory.nodes[2].pod_cidrs
    other = replace(cidr, network=cidr.network + 0x1000)
    assert set(names(changed_node(cluster(), "k3", pod_cidrs=(other,)), "k3")) >= {
        "ip-outside-cidr"
    }


def test_conditions_of_the_node() -> None:
    down = (Condition("Ready", "Unknown", "NodeStatusUnknown"),)
    cut = (Condition("Ready", "True"), Condition("NetworkUnavailable", "True"))
    assert names(changed_node(cluster(), "k1", conditions=down)) == ["node-not-ready"]
    assert names(changed_node(cluster(), "k1", conditions=cut)) == ["node-network-unavailable"]
    assert names(changed_node(cluster(), "k1", conditions=())) == []


def flannel_pod(*, ready: bool) -> Pod:
    return Pod(
        namespace="kube-flannel",
        name="kube-flannel-ds-x",
        node="k1",
        host_network=True,
        phase="Running",
        ready=ready,
        owner=Owner("DaemonSet", "kube-flannel-ds"),
    )


def daemon_set(*args: str) -> Workload:
    return Workload(
        kind="DaemonSet",
        namespace="kube-flannel",
        name="kube-flannel-ds",
        desired=3,
        ready=3,
        containers=(Container(name="kube-flannel", args=args),),
    )


@pytest.mark.parametrize(("ready", "expected"), [(True, []), (False, ["cni-agent-not-ready"])])
def test_the_agent_on_the_node(ready: bool, expected: list[str]) -> None:
    view = cluster()
    pods = [*view.inventory.pods, flannel_pod(ready=ready)]
    assert names(with_inventory(view, pods=pods, daemon_sets=[daemon_set()])) == expected


@pytest.mark.parametrize(
    ("notes", "places"),
    [
        ({"public_ip": "172.30.0.1"}, {"k1", "k2"}),
        ({"public_ip": "172.30.0.2"}, set()),
        ({"public_ip": "172.30.0.1", "public_ip_overwrite": "172.30.0.1"}, set()),
    ],
    ids=["one address twice", "one each", "set by hand, it may be a NAT's"],
)
def test_nodes_that_announce_one_address(notes: dict[str, str], places: set[str]) -> None:
    """The lab's fault `first-card-of-each-machine` asks the kernel what comes of it."""
    view = annotated(**notes)
    assert {node for node in NODES if "wrong-host-interface" in names(view, node)} == places


def proxy_pod(node: str, *, ready: bool = True) -> Pod:
    return replace(
        flannel_pod(ready=ready), namespace="kube-system", name=f"kube-proxy-{node}", node=node,
        owner=Owner("DaemonSet", "kube-proxy"),
    )  # fmt: skip


def proxy_set(*, desired: int = 3, ready: int = 3) -> Workload:
    return Workload(
        kind="DaemonSet", namespace="kube-system", name="kube-proxy", desired=desired, ready=ready
    )


AGENTS = {
    "kube-proxy runs": ([proxy_pod("k1"), proxy_pod("k2")], proxy_set(), []),
    "kube-proxy is not ready": ([proxy_pod("k1", ready=False)], proxy_set(), ["proxy-not-running"]),
    "kube-proxy has no pod here": ([proxy_pod("k2")], proxy_set(ready=1), ["node-agent-down"]),
    "kube-proxy has no pod anywhere": ([], proxy_set(ready=0), ["node-agent-down"]),
    "it is not for every node": ([proxy_pod("k2")], proxy_set(desired=2), []),
    "its pods were not collected": ([], proxy_set(), []),
}


@pytest.mark.parametrize(("pods", "of", "expected"), AGENTS.values(), ids=AGENTS.keys())
def test_kube_proxys_pod_on_the_node(pods: list[Pod], of: Workload, expected: list[str]) -> None:
    view = cluster()
    changed = with_inventory(view, pods=[*view.inventory.pods, *pods], daemon_sets=[of])
    assert names(changed) == expected


NAT = """*nat
:POSTROUTING ACCEPT [0:0]
:FLANNEL-POSTRTG - [0:0]
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully
COMMIT
"""
NO_JUMP = NAT.replace("-A POSTROUTING", "-A FLANNEL-POSTRTG", 1)
UNDECIDED = NO_JUMP.replace("COMMIT", "-A POSTROUTING -m nothing-known -j MASQUERADE\nCOMMIT")


@pytest.mark.parametrize(
    ("rules", "args", "expected"),
    [
        pytest.param(NAT, ("--ip-masq",), [], id="written"),
        pytest.param("*nat\nCOMMIT\n", ("--ip-masq",), ["masquerade-missing"], id="flushed"),
        pytest.param(NAT.replace("MASQUERADE --random-fully", "RETURN"), ("--ip-masq",),
                     ["masquerade-missing"], id="no target"),
        pytest.param("*nat\nCOMMIT\n", (), [], id="not asked for"),
        pytest.param("*nat\nCOMMIT\n", ("--ip-masq=false",), [], id="refused"),
        pytest.param(UNDECIDED, ("--ip-masq",), [], id="not decidable"),
    ],
)  # fmt: skip
def test_masquerading(rules: str, args: tuple[str, ...], expected: list[str]) -> None:
    view = with_inventory(cluster(), daemon_sets=[daemon_set(*args)])
    ruleset = read_ruleset(rules, engine="iptables-nft", family=Family.V4, source="test")
    view = with_namespace(view, replace(view.hosts["k1"], rulesets=(ruleset,)))
    found = FlannelPlugin().expectations(view, "k1")
    assert [each.suspicion.name for each in found] == expected
    for each in found:
        assert each.repair is not None
        assert names(with_namespace(view, each.repair(view.hosts["k1"]))) == []


def test_a_rule_that_other_cnis_route_by_is_a_warning_only() -> None:
    fault = f.both(
        f.rule(1536, target="100", source="10.244.1.2/32"),
        f.add_route("default via 172.30.0.254 dev eth0", table="100"),
    )
    view = with_namespace(cluster(), fault(namespace_of(cluster(), "node/k1")))
    (found,) = LinuxPlugin().expectations(view, "k1")
    assert (found.suspicion.name, found.suspicion.level) == (
        "policy-rule-captures",
        Level.WARNING,
    )


def test_which_plugin_serves_what() -> None:
    assert plugin_for(Cni.FLANNEL).name == "flannel"
    assert plugin_for(Cni.UNKNOWN).name == "linux"


@given(data=st.text(max_size=40), public=st.text(max_size=20), conf=st.text(max_size=40))
def test_garbage_in_annotations_is_no_crash(data: str, public: str, conf: str) -> None:
    view = annotated(backend_data=data, public_ip=public)
    maps = [*view.inventory.config_maps, ConfigMap("x", "a", {"cni-conf.json": conf})]
    for node in NODES:
        FlannelPlugin().expectations(with_inventory(view, config_maps=maps), node)
