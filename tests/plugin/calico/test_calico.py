"""Calico in all modes: silent when clean, and each fault told, with a repair that mends."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.cluster.detect.facts import Cni
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.disposition import Level
from skoop.model.kube import Owner, Pod, Workload, build_inventory
from skoop.model.kube.calico import (
    BgpPeer,
    BlockAffinity,
    CalicoNode,
    CalicoObjects,
    FelixConfiguration,
    IpamBlock,
    Tunnelling,
)
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.state import Link, Namespace, Neighbour, Vxlan
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.calico import CalicoPlugin
from skoop.plugin.calico.registered import derived_mac
from skoop.plugin.table import plugin_for
from tests.plugin import faults as f
from tests.plugin.build import namespace_of, with_namespace
from tests.plugin.calico.build import (
    BLOCKS,
    NODES,
    POOL,
    POOLS,
    SETS,
    api_node,
    cluster,
    host,
    pool,
)

DIRECT = cluster(POOLS["no tunnel"])
IPIP = cluster(POOLS["IPIP"])
IPIP_CROSS = cluster(POOLS["IPIP between subnets"])
VXLAN = cluster(POOLS["VXLAN"])
VXLAN_CROSS = cluster(POOLS["VXLAN between subnets"])
K1, K3, WEB = "node/k1", "node/k3", "pod/shop/web"
MAC2 = derived_mac("k2", Family.V4)


def found(view: ClusterView, node: str = "k1") -> tuple[Expectation, ...]:
    return CalicoPlugin().expectations(view, node)


def names(view: ClusterView, node: str = "k1") -> list[str]:
    return [each.suspicion.name for each in found(view, node)]


@pytest.mark.parametrize("mode", POOLS)
@pytest.mark.parametrize("node", NODES)
def test_nothing_is_said_of_a_clean_cluster(mode: str, node: str) -> None:
    view = cluster(POOLS[mode])
    assert view.facts.cni.value is Cni.CALICO
    assert [each.suspicion.message for each in found(view, node)] == []


def test_the_table_has_the_plugin() -> None:
    assert plugin_for(Cni.CALICO).name == "calico"
    assert plugin_for(Cni.CANAL).name == "canal"


def vxlan(**changes: object) -> f.Fault:
    def changed(each: Link) -> Vxlan:
        assert each.vxlan is not None
        return replace(each.vxlan, **changes)

    return f.link("vxlan.calico", vxlan=changed)


ON_NODES = {
    "block route missing, BGP": (DIRECT, f.no_route(BLOCKS["k2"]), "bgp-route-not-present"),
    "block route missing, IPIP": (IPIP, f.no_route(BLOCKS["k2"]), "bgp-route-not-present"),
    "block route missing, VXLAN": (VXLAN, f.no_route(BLOCKS["k2"]), "route-missing"),
    "block route missing, near": (VXLAN_CROSS, f.no_route(BLOCKS["k2"]), "route-missing"),
    "block route by the card instead of IPIP": (
        IPIP,
        f.other_route(f"{BLOCKS['k2']} via {NODES['k2']} dev eth0"),
        "route-wrong-device",
    ),
    "block route to another node": (
        DIRECT,
        f.other_route(f"{BLOCKS['k2']} via 172.30.0.9 dev eth0"),
        "route-wrong-nexthop",
    ),
    "IPIP to another node": (
        IPIP,
        f.other_route(f"{BLOCKS['k2']} via {NODES['k3']} dev tunl0 onlink"),
        "route-wrong-nexthop",
    ),
    "tunnel within a subnet": (
        IPIP_CROSS,
        f.other_route(f"{BLOCKS['k2']} via {NODES['k2']} dev tunl0 onlink"),
        "route-wrong-device",
    ),
    "no tunnel between subnets": (
        IPIP_CROSS,
        f.other_route(f"{BLOCKS['k3']} via 172.30.0.254 dev eth0"),
        "route-wrong-device",
    ),
    "another node's block is a blackhole": (
        DIRECT,
        f.other_route(f"blackhole {BLOCKS['k2']}"),
        "route-blackhole",
    ),
    "one pod of another node by the card": (
        IPIP,
        f.add_route("10.244.0.66/32 via 172.30.0.254 dev eth0"),
        "route-shadowed-by-more-specific",
    ),
    "tunl0 down": (IPIP, f.link_down("tunl0"), "tunnel-down"),
    "tunl0 gone": (IPIP, f.no_link("tunl0"), "vtep-missing"),
    "tunl0 without address": (IPIP, f.no_address("10.244.0.60"), "address-missing"),
    "tunl0 too wide": (IPIP, f.link("tunl0", mtu=1500), "mtu-overlay-overhead"),
    "vxlan.calico down": (VXLAN, f.link_down("vxlan.calico"), "tunnel-down"),
    "vxlan.calico gone": (VXLAN, f.no_link("vxlan.calico"), "vtep-missing"),
    "another VNI": (VXLAN, vxlan(vni=1), "vni-mismatch"),
    "another port": (VXLAN, vxlan(port=8472), "vxlan-port-mismatch"),
    "another MAC": (VXLAN, f.link("vxlan.calico", mac="66:00:00:00:00:01"), "mac-mismatch"),
    "sent from nobody's address": (
        VXLAN,
        vxlan(local=parse_ip("172.30.0.99")),
        "tunnel-local-ip-wrong",
    ),
    "forwarding entry missing": (VXLAN, f.no_fdb(MAC2), "fdb-missing"),
    "forwarding entry to another node": (
        VXLAN,
        f.fdb(MAC2, remote=parse_ip(NODES["k3"])),
        "tunnel-remote-wrong",
    ),
    "neighbour of the tunnel missing": (VXLAN, f.no_neighbour("10.244.0.124"), "neighbour-missing"),
    "neighbour of the tunnel wrong": (
        VXLAN,
        f.neighbour("10.244.0.124", "66:00:00:00:00:01", "vxlan.calico"),
        "neighbour-wrong-mac",
    ),
    "route of a pod missing": (DIRECT, f.no_route("10.244.0.2/32"), "route-missing"),
    "route of a pod by another device": (
        DIRECT,
        f.other_route("10.244.0.2/32 dev calicli"),
        "route-wrong-device",
    ),
    "proxy_arp off": (
        DIRECT,
        f.sysctl("net.ipv4.conf.caliweb.proxy_arp", "0"),
        "proxy-arp-off",
    ),
    "forwarding off for a pod": (
        DIRECT,
        f.sysctl("net.ipv4.conf.caliweb.forwarding", "0"),
        "per-interface-forwarding-off",
    ),
    "the node's end of a pod down": (DIRECT, f.link_down("caliweb"), "veth-peer-down"),
}


@pytest.mark.parametrize(("view", "fault", "name"), ON_NODES.values(), ids=ON_NODES)
def test_a_fault_on_a_node(view: ClusterView, fault: f.Fault, name: str) -> None:
    broken = with_namespace(view, fault(view.hosts["k1"]))
    assert name in names(broken)
    mended = broken
    for each in found(broken):
        if each.repair is not None:
            mended = with_namespace(mended, each.repair(namespace_of(mended, each.namespace)))
    assert names(mended) == []


def test_a_pod_without_routes_gets_the_usual_gateway() -> None:
    lonely = cluster(POOLS["no tunnel"])
    bare = f.both(f.no_route("0.0.0.0/0"), f.no_route("169.254.1.1/32"))
    for name in ("web", "cli"):
        lonely = with_namespace(lonely, bare(lonely.pods[f"pod/shop/{name}"]))
    first = found(lonely)[0]
    assert first.suspicion.name == "pod-default-route-missing"
    assert first.repair is not None
    routes = first.repair(namespace_of(lonely, first.namespace)).routes
    assert routes[-1].nexthops[0].gateway == parse_ip("169.254.1.1")


def test_a_pod_that_was_told_its_gateway_needs_no_proxy_arp() -> None:
    off = f.sysctl("net.ipv4.conf.caliweb.proxy_arp", "0")(DIRECT.hosts["k1"])
    view = with_namespace(DIRECT, off)
    pod = view.pods[WEB]
    entry = Neighbour("eth0", *parse_ip("169.254.1.1"), "ee:ee:ee:ee:ee:ee", "PERMANENT")
    assert names(with_namespace(view, replace(pod, neighbours=(entry,)))) == []


def test_a_node_without_default_route_does_not_answer_for_the_gateway() -> None:
    bare = with_namespace(DIRECT, f.no_route("0.0.0.0/0")(DIRECT.hosts["k1"]))
    told = {each.suspicion.name: each for each in found(bare)}
    assert told["proxy-arp-off"].isolates


def test_a_blackhole_for_the_own_block_is_as_it_should_be() -> None:
    """The podCIDR of k3 holds the block of k1 here, which says nothing with Calico's IPAM."""
    assert names(DIRECT, "k3") == []


def test_borrowed_addresses_are_routed_one_by_one() -> None:
    """A pod of k3 has an address of k2's block."""
    pods = [
        replace(pod, ips=(parse_ip("10.244.0.100"),)) if pod.name == "db" else pod
        for pod in IPIP.inventory.pods
    ]
    inventory = build_inventory(
        nodes=IPIP.inventory.nodes,
        pods=pods,
        daemon_sets=IPIP.inventory.daemon_sets,
        config_maps=IPIP.inventory.config_maps,
        calico=IPIP.inventory.calico,
    )
    view = replace(IPIP, inventory=inventory)
    (one,) = found(view)
    assert one.suspicion.name == "bgp-route-not-present"
    assert one.suspicion.level is Level.WARNING
    right = f.add_route(f"10.244.0.100/32 via {NODES['k3']} dev tunl0 onlink")
    assert names(with_namespace(view, right(view.hosts["k1"]))) == []


def test_blocks_are_told_by_blackholes_when_no_list_was_collected() -> None:
    only_pools = CalicoObjects(pools=(POOLS["IPIP"],), known=("ippools",))
    view = cluster(POOLS["IPIP"], calico=only_pools)
    assert [names(view, node) for node in NODES] == [[], [], []]
    broken = with_namespace(view, f.no_route(BLOCKS["k2"])(view.hosts["k1"]))
    assert names(broken) == ["bgp-route-not-present"]


def test_blocks_are_told_by_ipam_blocks() -> None:
    blocks = tuple(IpamBlock(parse_prefix(cidr), node) for node, cidr in BLOCKS.items())
    objects = CalicoObjects(pools=(POOLS["IPIP"],), blocks=blocks, known=("ippools", "ipamblocks"))
    view = cluster(POOLS["IPIP"], calico=objects)
    broken = with_namespace(view, f.no_route(BLOCKS["k2"])(view.hosts["k1"]))
    assert names(broken) == ["bgp-route-not-present"]


def test_a_disabled_pool_is_served_on() -> None:
    disabled = pool(ipip=Tunnelling.ALWAYS, disabled=True)
    view = cluster(disabled)
    assert names(view) == []
    broken = with_namespace(view, f.no_route(BLOCKS["k2"])(view.hosts["k1"]))
    assert names(broken) == ["bgp-route-not-present"]


def test_routers_with_bgp_may_carry_what_is_not_tunnelled() -> None:
    peers = replace(
        DIRECT.inventory.calico,
        peers=(BgpPeer(name="tor", peer_ip="172.30.0.254"),),
        mesh=False,
        known=("ippools", "blockaffinities", "bgppeers"),
    )
    view = cluster(POOLS["no tunnel"], calico=peers)
    bare = f.both(f.no_route(BLOCKS["k2"]), f.no_route(BLOCKS["k3"]))(view.hosts["k1"])
    assert names(with_namespace(view, bare)) == []
    on_link = f.add_route("10.244.0.66/32 dev eth0", scope="link")(view.hosts["k1"])
    assert names(with_namespace(view, on_link)) == ["route-shadowed-by-more-specific"]
    assert CalicoPlugin().unroutable(view) == ()
    alone = replace(peers, peers=(), mesh=None)
    assert CalicoPlugin().unroutable(cluster(POOLS["no tunnel"], calico=alone)) == (
        parse_prefix(POOL),
    )


def test_registered_nodes_of_a_cluster_with_its_own_store() -> None:
    nodes = [replace(api_node(node, POOLS["VXLAN"]), annotations={}) for node in NODES]
    own = tuple(
        CalicoNode(
            name=node,
            ipv4=f"{ip}/24",
            vxlan_address=f"10.244.0.{60 + 64 * n}",
            vxlan_mac=derived_mac(node, Family.V4).upper(),
        )
        for n, (node, ip) in enumerate(NODES.items())
    )
    objects = replace(VXLAN.inventory.calico, nodes=own)
    view = cluster(POOLS["VXLAN"], calico=objects, nodes=nodes)
    assert names(view) == []
    broken = with_namespace(view, f.no_fdb(MAC2)(view.hosts["k1"]))
    assert names(broken) == ["fdb-missing"]


def test_nodes_whose_devices_have_their_macs_from_other_names() -> None:
    """As in a snapshot whose names were replaced: the devices tell."""
    view = VXLAN
    macs = {derived_mac(node, Family.V4): f"66:00:00:00:00:0{node[1]}" for node in NODES}

    def renamed(namespace: Namespace) -> Namespace:
        links = (replace(each, mac=macs.get(each.mac, each.mac)) for each in namespace.links)
        known = (replace(each, mac=macs[each.mac]) for each in namespace.neighbours)
        fdb = (replace(each, mac=macs[each.mac]) for each in namespace.fdb)
        return replace(namespace, links=tuple(links), neighbours=tuple(known), fdb=tuple(fdb))

    for node in NODES:
        view = with_namespace(view, renamed(view.hosts[node]))
    assert [names(view, node) for node in NODES] == [[], [], []]
    broken = with_namespace(view, f.no_fdb("66:00:00:00:00:02")(view.hosts["k1"]))
    assert names(broken) == ["fdb-missing"]


def test_masquerading_by_nat_outgoing() -> None:
    empty = SETS.replace(f"add cali40masq-ipam-pools {POOL}\n", "")
    without = replace(DIRECT.hosts["k1"], ipsets=read_ipsets(empty, "ipset"))
    view = with_namespace(DIRECT, without)
    (one,) = found(view)
    assert one.suspicion.name == "masquerade-missing"
    assert one.repair is not None
    assert names(with_namespace(view, one.repair(without))) == []


def test_masquerading_within_the_pools() -> None:
    empty = SETS.replace(f"add cali40all-ipam-pools {POOL}\n", "")
    without = replace(DIRECT.hosts["k1"], ipsets=read_ipsets(empty, "ipset"))
    assert names(with_namespace(DIRECT, without)) == ["unexpected-snat"]


def test_masquerading_that_no_pool_asks_for() -> None:
    quiet = pool(nat_outgoing=False)
    view = cluster(quiet)
    assert names(view) == ["unexpected-snat"]
    empty = SETS.replace(f"add cali40masq-ipam-pools {POOL}\n", "")
    hosts = {node: host(node, quiet, sets=empty) for node in NODES}
    assert names(replace(view, hosts=hosts)) == []


def test_an_address_outside_all_pools() -> None:
    pods = [
        replace(pod, ips=(parse_ip("10.9.0.2"),)) if pod.name == "web" else pod
        for pod in DIRECT.inventory.pods
    ]
    inventory = build_inventory(nodes=DIRECT.inventory.nodes, pods=pods)
    inventory = replace(inventory, calico=DIRECT.inventory.calico)
    assert "ip-outside-cidr" in names(replace(DIRECT, inventory=inventory))


@pytest.mark.parametrize("ready", [True, False])
def test_the_agent_of_a_node(ready: bool) -> None:
    agent = Pod(
        namespace="kube-system",
        name="calico-node-x",
        node="k1",
        host_network=True,
        phase="Running",
        ready=ready,
        owner=Owner("DaemonSet", "calico-node"),
    )
    sets = DIRECT.inventory.daemon_sets
    inventory = build_inventory(
        nodes=DIRECT.inventory.nodes,
        pods=(*DIRECT.inventory.pods, agent),
        daemon_sets=sets,
        config_maps=DIRECT.inventory.config_maps,
        calico=DIRECT.inventory.calico,
    )
    expected = [] if ready else ["cni-agent-not-ready"]
    assert names(replace(DIRECT, inventory=inventory)) == expected


def test_settings_of_one_node() -> None:
    """k1 alone has another VXLAN port."""
    own = (FelixConfiguration("node.k1", {"vxlanPort": "8472"}),)
    view = cluster(POOLS["VXLAN"], calico=replace(VXLAN.inventory.calico, felix=own))
    assert names(view, "k1") == ["vxlan-port-mismatch"]
    assert names(view, "k2") == []


def test_a_node_that_was_not_collected_is_not_judged() -> None:
    bare = ClusterView(IPIP.inventory, IPIP.facts, {}, {})
    assert found(bare) == ()
    assert found(bare, "no-such-node") == ()


def test_canal_has_flannels_ways_and_calicos_pods() -> None:
    sets = Workload(kind="DaemonSet", namespace="kube-system", name="canal", desired=3, ready=3)
    inventory = replace(DIRECT.inventory, daemon_sets=(sets,))
    view = replace(DIRECT, inventory=inventory)
    broken = with_namespace(view, f.no_route("10.244.0.2/32")(view.hosts["k1"]))
    assert "route-missing" in [
        each.suspicion.name for each in plugin_for(Cni.CANAL).expectations(broken, "k1")
    ]


def test_a_confirmed_affinity_counts_and_a_pending_one_does_not() -> None:
    pending = (
        *DIRECT.inventory.calico.affinities,
        BlockAffinity("k2", parse_prefix("10.244.1.0/26"), "pending"),
    )
    view = cluster(POOLS["no tunnel"], calico=replace(DIRECT.inventory.calico, affinities=pending))
    assert names(view) == []
