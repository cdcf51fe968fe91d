"""Nodes of a real Kubernetes 1.36 cluster with kube-proxy in nftables mode, some of them broken.

What each fault does was seen there with real connections.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from skoop.netstack.conntrack import CtStatus
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.nft import read_ruleset, read_text
from tests.netstack.nft.driver import Fate, TestHost, first_packet, walk

DATA = Path(__file__).parents[2] / "data" / "nft" / "real-cluster.jsonl.gz"
with gzip.open(DATA, "rt") as _file:
    NODES = {(row["scenario"], row["node"]): row for row in map(json.loads, _file)}
NUMBER = {"k1": 1, "k2": 2, "k3": 3}
FORMS = ("json", "text")


def read(scenario: str, node: str, form: str = "json") -> Ruleset:
    row = NODES[scenario, node]
    if form == "text":
        return read_text(row["text"], covered=frozenset(), source=scenario)
    return read_ruleset(json.dumps(row["json"]), covered=frozenset(), source=scenario)


def send(scenario: str, node: str, source: str, target: str, port: int, form: str) -> list[Fate]:
    """A first TCP packet as it goes through one node."""
    number = NUMBER[node]
    host = TestHost(
        (f"172.30.0.1{number}", f"10.244.{number}.1"),
        routes=((f"10.244.{number}.0/24", "cni0"), ("10.244.0.0/16", "flannel.1")),
        iif="cni0" if source.startswith(f"10.244.{number}.") else "flannel.1",
    )
    packet = first_packet("tcp", source, target, port)
    fates = walk(read(scenario, node, form), host, packet, local=False)
    assert not any(fate.guesses for fate in fates)
    return fates


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", sorted(NODES), ids=" ".join)
def test_every_rule_of_a_real_node_is_modelled(key, form):
    ruleset = read(*key, form)
    assert ruleset.unmodelled == ()
    names = {chain.name for chain in ruleset.chains}
    assert {"ip kube-proxy nat-prerouting", "ip kube-proxy filter-forward"} <= names


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("node", "works"), [("k1", False), ("k2", True), ("k3", True)], ids=["k1", "k2", "k3"]
)
def test_a_service_address_missing_from_the_map(node, works, form):
    scenario = "nft-service-element-missing"
    fates = send(scenario, node, f"10.244.{NUMBER[node]}.7", "10.96.59.40", 80, form)
    if works:
        assert all(CtStatus.DNAT in fate.ct.status for fate in fates)
        assert len({fate.packet.dst for fate in fates}) >= 3
        assert {fate.packet.dport for fate in fates} == {8080}
    else:
        assert {fate.result for fate in fates} == {"reject"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("node", "target", "port", "result"),
    [
        ("k2", "10.244.2.2", 8080, "drop"),
        ("k2", "10.244.2.2", 8086, "forwarded"),
        ("k2", "10.244.3.3", 8080, "forwarded"),
        ("k1", "10.244.1.3", 8080, "forwarded"),
    ],
)
def test_accept_in_one_chain_does_not_override_a_later_drop(node, target, port, result, form):
    scenario = "nft-accept-does-not-override"
    fates = send(scenario, node, "10.244.9.9", target, port, form)
    assert {fate.result for fate in fates} == {result}
    if result == "drop":
        assert "@ports" in fates[0].effects[-1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("node", "masquerades"), [("k1", True), ("k2", True), ("k3", False)])
def test_a_flushed_masquerading_chain(node, masquerades, form):
    """From outside the pods' network a ClusterIP must be masqueraded."""
    fates = send("nft-masquerade-flushed", node, "172.30.0.250", "10.96.191.245", 80, form)
    assert all(CtStatus.DNAT in fate.ct.status for fate in fates)
    assert {fate.masqueraded for fate in fates} == {masquerades}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("client", "backends"),
    [
        ("10.244.2.3", {"10.244.1.2"}),
        ("10.244.2.8", {"10.244.2.5"}),
        ("172.30.0.11", {"10.244.3.5"}),
        ("10.244.2.99", {"10.244.1.2", "10.244.2.5", "10.244.3.5"}),
    ],
)
def test_session_affinity_by_what_is_in_the_sets(client, backends, form):
    """A client that the listing remembers goes to its backend, any other to all of them."""
    fates = send("nft-service-element-missing", "k2", client, "10.96.119.15", 80, form)
    assert {fate.packet.destination for fate in fates} == backends
