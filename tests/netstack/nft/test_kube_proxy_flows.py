"""kube-proxy's nftables mode: upstream's packets, and a real kernel's verdicts on more of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from skoop.model.address import Family
from skoop.netstack.conntrack import CtStatus
from skoop.netstack.nft import read_ruleset, read_text
from tests.netstack.nft.driver import Fate, TestHost, first_packet, walk

DATA = Path(__file__).parents[2] / "data" / "kube-proxy-flows" / "nftables.jsonl.gz"
with gzip.open(DATA, "rt") as _file:
    RECORDS = [json.loads(line) for line in _file]

BY_FORM = {
    "json": lambda record: read_ruleset(
        json.dumps(record["rules_nft_json"]), covered=frozenset(), source=record["id"]
    ),
    "text": lambda record: read_text(
        record["rules_nft_list"], covered=frozenset(), source=record["id"]
    ),
}


def _address(fate: Fate) -> str:
    packet = fate.packet
    host = f"[{packet.destination}]" if packet.family is Family.V6 else packet.destination
    return f"{host}:{packet.dport}"


def _result(fate: Fate) -> str:
    if fate.result in ("drop", "reject"):
        return fate.result
    return "dnat" if CtStatus.DNAT in fate.ct.status else fate.result


def _walk(record: dict, form: str, flow: dict, *, local: bool) -> list[Fate]:
    ruleset = BY_FORM[form](record)
    host = TestHost(record["node_ips"])
    packet = first_packet(flow["protocol"], flow["source_ip"], flow["dest_ip"], flow["dest_port"])
    fates = walk(ruleset, host, packet, local=local)
    assert not [fate.guesses for fate in fates if fate.guesses]
    assert sum(fate.weight for fate in fates) == pytest.approx(1)
    return fates


@pytest.mark.parametrize("form", sorted(BY_FORM))
@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["id"])
def test_nothing_of_kube_proxy_is_unmodelled(record, form):
    ruleset = BY_FORM[form](record)
    assert ruleset.unmodelled == ()
    assert len(ruleset.chains) >= 8


FLOWS = [(record, flow) for record in RECORDS for flow in record["flows"]]


@pytest.mark.parametrize("form", sorted(BY_FORM))
@pytest.mark.parametrize(
    ("record", "flow"), FLOWS, ids=[f"{record['id']} {flow['name']}" for record, flow in FLOWS]
)
def test_upstream_packets(record, flow, form):
    kernel = flow["kernel"]["nft"]
    fates = _walk(record, form, flow, local=kernel["locally_generated"])
    assert {_result(fate) for fate in fates} == set(kernel["result"])
    if "dnat" in kernel["result"]:
        assert {_address(fate) for fate in fates} == set(kernel["endpoints"])
    if kernel["masq"]:
        assert {fate.masqueraded for fate in fates} == set(kernel["masq"])


@pytest.mark.parametrize("form", sorted(BY_FORM))
@pytest.mark.parametrize(
    "record", [r for r in RECORDS if r["extra_flows"]], ids=lambda record: record["id"]
)
def test_packets_a_kernel_judged(record, form):
    wrong = []
    for flow in record["extra_flows"]:
        fates = _walk(record, form, flow, local=flow["locally_generated"])
        got = {_result(fate) for fate in fates}
        expected = {flow["result"]}
        if flow["result"] == "dnat":
            got |= {(_address(fate), fate.masqueraded) for fate in fates}
            expected |= {(one["to"], one["masq"]) for one in flow["endpoints"]}
        elif flow["result"] == "forwarded":
            got |= {fate.masqueraded for fate in fates}
            expected |= {flow["masq"]}
        if got != expected:
            wrong.append((flow, got))
    assert wrong == []
