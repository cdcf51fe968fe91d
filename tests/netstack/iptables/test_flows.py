"""kube-proxy's own rulesets: every packet of its unit tests, and what the kernel did with more."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from skoop.model.address import Family, format_ip
from skoop.netstack.iptables import read_ruleset
from tests.netstack.iptables.hookdriver import Driver, End, OneNode, packet

DATA = Path(__file__).parents[2] / "data" / "kube-proxy-flows" / "iptables.jsonl.gz"
FORMS = {
    "rules_fake": "iptables-legacy",
    "rules_iptables_legacy": "iptables-legacy",
    "rules_iptables_nft": "iptables-nft",
}
with gzip.open(DATA, "rt") as lines:
    RECORDS = [json.loads(line) for line in lines]


def driver(record: dict, form: str) -> Driver:
    ruleset = read_ruleset(record[form], engine=FORMS[form], family=Family.V4, source=form)
    assert ruleset.unmodelled == ()
    return Driver(ruleset, OneNode(record["node_ips"]))


def sent(node: Driver, flow: dict, *, local: bool) -> list[End]:
    first = packet(flow["source_ip"], flow["dest_ip"], flow["dest_port"], flow["protocol"])
    ends = node.send(first, local=local)
    assert not any(end.guesses for end in ends)
    assert sum(end.weight for end in ends) == pytest.approx(1)
    return ends


def endpoint(end: End) -> str:
    return f"{format_ip(end.packet.family, end.packet.dst)}:{end.packet.dport}"


def expected_output(end: End) -> str:
    """In upstream's words: the endpoint, REJECT, DROP, or "" for a packet left alone."""
    if end.result in ("reject", "drop"):
        return end.result.upper()
    return endpoint(end) if end.dnat else ""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("record", RECORDS, ids=[record["id"] for record in RECORDS])
def test_upstream_packets(record, form):
    node = driver(record, form)
    for flow in record["flows"]:
        local = flow["source_ip"] in record["node_ips"] or flow["source_ip"].startswith("127.")
        ends = sent(node, flow, local=local)
        wanted = flow["output"].replace("ACCEPT", "")
        assert {expected_output(end) for end in ends} == set(wanted.split(", ")), flow["name"]
        if not wanted or ":" in wanted:
            assert {end.masq for end in ends} == {flow["masq"]}, flow["name"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("record", RECORDS, ids=[record["id"] for record in RECORDS])
def test_packets_whose_fate_the_kernel_showed(record, form):
    node = driver(record, form)
    for flow in record["extra_flows"] or ():
        ends = sent(node, flow, local=flow["locally_generated"])
        if flow["result"] == "dnat":
            wanted = {(one["to"], one["masq"]) for one in flow["endpoints"]}
            assert {(endpoint(end), end.masq) for end in ends} == wanted, flow
        else:
            assert {end.result for end in ends} == {flow["result"]}, flow
            if flow["result"] == "forwarded":
                assert {end.masq for end in ends} == {flow["masq"]}, flow
