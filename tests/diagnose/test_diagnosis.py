# ruff: noqa: E501  (one case a line)
"""Whole diagnoses: the cause is named, in its place, with evidence; and the answer adds up."""

from __future__ import annotations

import msgspec
import networkx
import pytest
from msgspec.structs import replace

from skoop.model.address import parse_ip
from skoop.model.diagnosis import Diagnosis, PathNodeKind
from skoop.model.disposition import Direction, Disposition, Level, Result, Verdict
from skoop.model.kube import build_inventory
from skoop.model.request import Overrides, Request
from skoop.report.convert import to_document
from tests.diagnose.diagnosed import diagnose, inventory, session
from tests.diagnose.test_conversation_faults import FAULTS, broken
from tests.diagnose.worlds import B1, K1, K2, change, cluster, with_link, with_rules
from tests.netstack.builders import iptables

FIRST = {
    "client: eth0 down": ("link-down", "t/a1"),
    "client: no default route": ("pod-default-route-missing", "t/a1"),
    "client: OUTPUT drops": ("filter-drop", "t/a1"),
    "server: no listener": ("nothing-listening", "t/b1"),
    "server: listens on loopback": ("loopback-only-listener", "t/b1"),
    "server: listens on v6 only": ("wrong-address-listener", "t/b1"),
    "server: other protocol": ("wrong-protocol-listener", "t/b1"),
    "server: backlog full": ("accept-queue-full", "t/b1"),
    "server: INPUT drops": ("filter-drop", "t/b1"),
    "server: INPUT rejects": ("filter-reject", "t/b1"),
    "server: no way back": ("pod-default-route-missing", "t/b1"),
    "node: bridge down": ("bridge-down", "k1"),
    "node: port blocking": ("stp-blocking", "k1"),
    "node: isolated ports": ("bridge-port-isolated", "k1"),
    "vxlan down": ("tunnel-down", "k1"),
    "vxlan: no fdb entry": ("fdb-missing", "k1"),
    "vxlan: no fdb entry back": ("fdb-missing", "k2"),
    "vxlan: no neighbour": ("neighbour-missing", "k1"),
    "vxlan: other VNI": ("vni-mismatch", "k2"),
    "vxlan: other port": ("vxlan-port-mismatch", "k2"),
    "vxlan: receiver has a v6 socket only": ("vxlan-port-mismatch", "k2"),
    "vxlan: local address not its own": ("tunnel-local-ip-wrong", "k1"),
    "vxlan: wrong VTEP MAC": ("neighbour-wrong-mac", "k2"),
    "vxlan: no route to the other node": ("route-unreachable", "k1"),
    "vxlan: port blocked": ("underlay-port-blocked", "k2"),
    "ip_forward off": ("ip-forward-off", "k1"),
    "forwarding off on the bridge": ("per-interface-forwarding-off", "k1"),
    "forwarding off on the way back": ("per-interface-forwarding-off", "k2"),
    "FORWARD drops": ("forward-policy-drop", "k1"),
    "FORWARD rejects": ("filter-reject", "k1"),
    "conntrack full": ("conntrack-table-full", "k1"),
    "blackhole route": ("route-blackhole", "k1"),
    "prohibit route": ("route-prohibit", "k1"),
    "route into lo": ("route-loop", "k1"),
    "rp_filter strict, way back elsewhere": ("rp-filter-drop", "k2"),
    "NIC without carrier": ("node-nic-down", "k1"),
    "NIC of the other node down": ("node-nic-down", "k2"),
}


def of(fault: str) -> Diagnosis:
    where, target, _, _ = FAULTS[fault]
    return diagnose(broken(where), "a1", target.rpartition(":")[0])


@pytest.mark.parametrize("fault", FIRST)
def test_the_cause_is_named_first(fault: str) -> None:
    made = of(fault)
    assert made.verdict is Verdict.UNREACHABLE
    first = made.suspicions[0]
    assert (first.name, first.where.name, first.blocking) == (*FIRST[fault], True)
    assert first.evidence
    assert all(item.source and item.text for item in first.evidence)
    assert first.message.rstrip(".").lower() in made.summary.lower()


def test_a_missing_route_of_ipv6_is_named_as_such() -> None:
    known = inventory()
    pods = [
        replace(each, ips=(parse_ip(f"fd44:{each.node[1]}::{int(each.name[1]) + 1}"),))
        for each in known.pods
    ]
    dual = build_inventory(nodes=known.nodes, pods=pods)
    request = Request(
        src="pod/t/a1", dst="pod/t/b1", port=80, overrides=Overrides(network_plugin="kindnet")
    )
    made = session(cluster(), dual).diagnose(request)
    assert made.verdict is Verdict.UNREACHABLE
    assert (made.suspicions[0].name, made.suspicions[0].where.name) == ("v6-route-missing", "k1")
    assert "v6-route-missing" not in {
        one.name for one in diagnose(cluster(), "a1", "b1").suspicions
    }


BLOCKED = {
    "ipip: protocol 4 blocked": ("ipip", "-A INPUT -p 4 -j DROP", "ipip-proto-blocked"),
    "vxlan: its port blocked": (
        "vxlan",
        "-A INPUT -p udp --dport 8472 -j DROP",
        "underlay-port-blocked",
    ),
    "host-gw: a rule for tunnels": ("host-gw", "-A INPUT -p 4 -j DROP", ""),
}


@pytest.mark.parametrize(("backend", "rule", "name"), BLOCKED.values(), ids=BLOCKED.keys())
def test_a_rule_about_the_tunnel(backend: str, rule: str, name: str) -> None:
    made = diagnose(change(cluster(backend), "node/k2", with_rules(iptables(rule))), "a1", "b1")
    assert [one.name for one in made.suspicions[:1]] == ([name] if name else [])


RETURNING = ("forwarding off on the way back", "vxlan: no fdb entry back", "server: no way back")


@pytest.mark.parametrize("fault", RETURNING)
def test_the_direction_is_told(fault: str) -> None:
    assert of(fault).suspicions[0].direction is Direction.RETURN


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_hop_is_never_a_success(fault: str) -> None:
    """KubeSkoop returns the partial graph of a failed walk as a success."""
    made = of(fault)
    assert made.verdict in (Verdict.UNREACHABLE, Verdict.UNKNOWN) or fault == "peer MTU smaller"
    assert sum(outcome.weight for outcome in made.outcomes) == pytest.approx(1)
    for trace in made.traces:
        assert trace.hops
        if trace.disposition not in (Disposition.DELIVERED, Disposition.LEFT_NETWORK):
            assert trace.hops[-1].steps


def test_a_clean_cluster() -> None:
    made = diagnose(cluster(), "a1", "b1")
    assert (made.verdict, made.suspicions, made.not_checked) == (Verdict.REACHABLE, (), ())
    (outcome,) = made.outcomes
    assert (outcome.result, outcome.weight, outcome.seen_source) == (Result.OK, 1.0, "10.244.1.2")
    assert outcome.server is not None
    assert (outcome.server.namespace, outcome.server.name, outcome.server.port) == ("t", "b1", 80)


def test_the_path_shows_both_ways_and_the_tunnel() -> None:
    path = diagnose(cluster(), "a1", "b1").path
    assert [node.id for node in path.nodes] == ["pod/t/a1", "node/k1", "node/k2", "pod/t/b1"]
    assert {node.kind for node in path.nodes} == {PathNodeKind.POD, PathNodeKind.NODE}
    (tunnel,) = [
        link for link in path.links if link.type == "vxlan" and link.direction is Direction.FORWARD
    ]
    assert (tunnel.source, tunnel.target, tunnel.oif) == ("node/k1", "node/k2", "eth0")
    assert tunnel.encap is not None
    assert (tunnel.packet.destination, tunnel.encap.destination) == (B1, K2)
    graph = networkx.MultiDiGraph((link.source, link.target) for link in path.links)
    assert networkx.has_path(graph, "pod/t/a1", "pod/t/b1")
    assert networkx.has_path(graph, "pod/t/b1", "pod/t/a1")


def test_the_json_keeps_the_encapsulated_packet() -> None:
    """KubeSkoop's drops it."""
    text = msgspec.json.encode(to_document(diagnose(cluster(), "a1", "b1"))).decode()
    (link, *_) = [e for e in msgspec.json.decode(text)["path"]["links"] if e["type"] == "vxlan"]
    assert (B1 in str(link["packet"]), K2 in str(link["encap"])) == (True, True)


def test_forward_sees_the_inner_header_and_the_tunnel_device() -> None:
    """KubeSkoop evaluates FORWARD with the outer header and the NIC as the input."""
    inner = iptables(f"-A FORWARD -i flannel.1 -o cni0 -d {B1} -p tcp --dport 80 -j DROP")
    outer = iptables("-A FORWARD -i eth0 -j DROP", f"-A FORWARD -s {K1} -j DROP")
    hit = diagnose(change(cluster(), "node/k2", with_rules(inner)), "a1", "b1")
    assert hit.verdict is Verdict.UNREACHABLE
    assert "flannel.1" in hit.suspicions[0].evidence[0].text
    missed = diagnose(change(cluster(), "node/k2", with_rules(outer)), "a1", "b1")
    assert missed.verdict is Verdict.REACHABLE


def test_lower_layer_down_is_down() -> None:
    """KubeSkoop takes LOWERLAYERDOWN for up."""
    spaces = change(
        cluster(), "node/k1", with_link("eth0", carrier=False, operstate="LOWERLAYERDOWN")
    )
    made = diagnose(spaces, "a1", "b1")
    assert made.verdict is Verdict.UNREACHABLE
    assert made.suspicions[0].name == "node-nic-down"


MEDDLING = {
    "dnat": ("-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.244.1.3:81",
             "unexpected-dnat"),
    "redirect": ("-t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 9", "unexpected-dnat"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "name"), MEDDLING.values(), ids=MEDDLING.keys())
def test_a_rule_that_rewrites_is_the_cause(text: str, name: str) -> None:
    made = diagnose(change(cluster(), "node/k1", with_rules(iptables(text))), "a1", "b1")
    assert made.verdict is Verdict.UNREACHABLE
    assert (made.suspicions[0].name, made.suspicions[0].where.name) == (name, "k1")
    assert made.suspicions[0].level in (Level.FATAL, Level.CRITICAL)


def test_a_harmless_rule_is_no_cause() -> None:
    rules = iptables(
        "-t nat -A PREROUTING -d 192.0.2.1 -p tcp --dport 80 -j DNAT --to-destination 10.244.1.3:81",
        "-A FORWARD -s 192.0.2.0/24 -j DROP",
    )
    made = diagnose(change(cluster(), "node/k1", with_rules(rules)), "a1", "b1")
    assert (made.verdict, made.suspicions) == (Verdict.REACHABLE, ())


def test_what_cannot_be_decided_is_listed() -> None:
    rules = iptables("-A FORWARD -m recent --name bad --rcheck --seconds 60 -j DROP")
    made = diagnose(change(cluster(), "node/k1", with_rules(rules)), "a1", "b1")
    assert made.verdict is Verdict.UNKNOWN
    assert any("recent" in each.what and each.why for each in made.not_checked)
    assert "cannot be told" in made.summary


FROM_OUTSIDE = {
    "a neighbour of the nodes": ("172.30.0.9", 80, Verdict.REACHABLE),
    "the internet, where it is answered": ("internet", 80, Verdict.UNKNOWN),
    "an address of the internet": ("203.0.113.9", 80, Verdict.UNKNOWN),
    "the internet, where nobody listens": ("internet", 81, Verdict.UNREACHABLE),
}


@pytest.mark.parametrize(("source", "port", "verdict"), FROM_OUTSIDE.values(), ids=FROM_OUTSIDE)
def test_a_private_address_asked_from_outside(source: str, port: int, verdict: Verdict) -> None:
    """Packets of the internet have no private destination: what translates them is not known
    without a provider."""
    made = diagnose(cluster(), source, "k1", port)
    assert made.verdict is verdict
    noted = [each.why for each in made.not_checked if each.what == "the way in"]
    assert bool(noted) is (source != "172.30.0.9")
    assert all(K1 in why for why in noted)


def test_out_of_sight_is_unknown_and_says_where_it_went() -> None:
    made = diagnose(cluster(), "a1", "192.0.2.7")
    assert made.verdict is Verdict.UNKNOWN
    assert any("192.0.2.7" in each.why for each in made.not_checked)


QUESTIONS = [("a1", "a1"), ("a1", "a2"), ("a1", "b1"), ("a1", "k1"), ("a1", "k2"), ("k1", "b1"),
             ("k1", "k2"), ("k1", "k1")]  # fmt: skip


@pytest.mark.parametrize(("source", "target"), QUESTIONS)
def test_the_same_question_has_the_same_answer(source: str, target: str) -> None:
    assert diagnose(cluster(), source, target) == diagnose(cluster(), source, target)


def test_names_are_nothing_special() -> None:
    """MTU 1500 and 1450, UDP 8472, cni0, eth0 and veth are hard-coded in KubeSkoop."""
    made = diagnose(renamed(), "a1", "b1", size=50_000)
    assert made.verdict is Verdict.REACHABLE


def renamed() -> dict:
    """The cluster with other device names, a jumbo underlay and the standard vxlan port."""
    from msgspec.structs import replace

    names = {"eth0": "ens192", "cni0": "kube-bridge", "flannel.1": "vx.ovl", "veth1": "lxc1"}

    def device(text: str) -> str:
        return names.get(text, text)

    made = {}
    for key, space in cluster().items():
        links = tuple(
            replace(
                e,
                name=device(e.name),
                master=device(e.master),
                mtu=e.mtu + 7500 if e.mtu < 9000 else e.mtu,
                vxlan=replace(e.vxlan, port=4789, underlay="ens192") if e.vxlan else None,
            )
            for e in space.links
        )
        routes = tuple(
            replace(r, nexthops=tuple(replace(h, device=device(h.device)) for h in r.nexthops))
            for r in space.routes
        )
        made[key] = replace(
            space,
            links=links,
            routes=routes,
            addresses=tuple(replace(a, device=device(a.device)) for a in space.addresses),
            neighbours=tuple(replace(n, device=device(n.device)) for n in space.neighbours),
            fdb=tuple(replace(f, device=device(f.device)) for f in space.fdb),
        )
    return made
