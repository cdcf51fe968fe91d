"""Every rule of kube-proxy, removed, changed or displaced: reported, or without any effect.

The effect is what becomes of the packets that a kernel has judged for the same ruleset.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skoop.errors import SkoopError
from skoop.model.address import Family, format_ip, parse_prefix
from skoop.netstack.conntrack import CtStatus
from skoop.netstack.iptables import read_ruleset as read_iptables
from skoop.netstack.iptables.parse import parse
from skoop.netstack.nft import read_ruleset as read_nft
from skoop.service import ProxyConfig, ProxyMode, iptables, nftables
from skoop.service.plan import plan_node
from tests.netstack.iptables.hookdriver import Driver, OneNode, packet
from tests.netstack.nft.driver import TestHost, first_packet, walk
from tests.service import mutants
from tests.service.test_flows import inventory

DATA = Path(__file__).parent.parent / "data" / "kube-proxy-flows"
CONFIG = ProxyConfig(cluster_cidrs=(parse_prefix("10.0.0.0/8"),))


def records(name: str) -> list[Any]:
    """One record of each ruleset, with its kernel's verdicts."""
    with gzip.open(DATA / name, "rt") as lines:
        found = [json.loads(line) for line in lines]
    return [
        pytest.param(each, id=each["id"])
        for each in found
        if each["inputs"] and each["extra_flows"] and each["family"] == "ipv4"
    ]


def plans(record: dict[str, Any], mode: ProxyMode) -> Any:
    config = ProxyConfig(mode=mode, cluster_cidrs=CONFIG.cluster_cidrs)
    return plan_node(inventory(record), node="test-node", family=Family.V4, config=config)


def packets(record: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    for each in record["flows"]:
        yield each, next(iter(each["kernel"].values()))["locally_generated"]
    for each in record["extra_flows"]:
        yield each, each["locally_generated"]


def nft_fates(record: dict[str, Any], listing: dict[str, Any]) -> list[Any]:
    ruleset = read_nft(json.dumps(listing), covered=frozenset(), source="mutant")
    host = TestHost(record["node_ips"])
    found = []
    for flow, local in packets(record):
        first = first_packet(
            flow["protocol"], flow["source_ip"], flow["dest_ip"], flow["dest_port"]
        )
        fates = walk(ruleset, host, first, local=local)
        found.append(sorted(
            (each.result, each.packet.destination, each.packet.dport, each.masqueraded,
             CtStatus.DNAT in each.ct.status, round(each.weight, 3), bool(each.guesses))
            for each in fates
        ))  # fmt: skip
    return found


def iptables_fates(record: dict[str, Any], text: str) -> list[Any]:
    ruleset = read_iptables(text, engine="iptables-legacy", family=Family.V4, source="mutant")
    node = Driver(ruleset, OneNode(record["node_ips"]))
    found = []
    for flow, local in packets(record):
        first = packet(flow["source_ip"], flow["dest_ip"], flow["dest_port"], flow["protocol"])
        found.append(sorted(
            (each.result, format_ip(each.packet.family, each.packet.dst), each.packet.dport,
             each.masq, each.dnat, round(each.weight, 3), bool(each.guesses))
            for each in node.send(first, local=local)
        ))  # fmt: skip
    return found


def fates_or_refusal(fates: Any, record: dict[str, Any], rules: Any) -> Any:
    """A ruleset that no kernel would load is refused; that counts as an effect."""
    try:
        return fates(record, rules)
    except SkoopError:
        return None


@pytest.mark.parametrize("record", records("nftables.jsonl.gz"))
def test_nftables(record: dict[str, Any]) -> None:
    asked = plans(record, ProxyMode.NFTABLES)
    listing = record["rules_nft_json"]
    before = nft_fates(record, listing)
    reported, silent = 0, []
    for mutant in mutants.of_nft(listing):
        rules = nftables.compile_rules(json.dumps(mutant.rules), Family.V4, "mutant")
        if nftables.audit(asked, rules):
            reported += 1
        elif fates_or_refusal(nft_fates, record, mutant.rules) != before:
            silent.append(mutant.what)
    assert reported > 60
    assert not silent, f"{len(silent)}\n" + "\n".join(silent)


@pytest.mark.parametrize("record", records("iptables.jsonl.gz"))
def test_iptables(record: dict[str, Any]) -> None:
    asked = plans(record, ProxyMode.IPTABLES)
    text = record["rules_iptables_legacy"]
    before = iptables_fates(record, text)
    reported, silent = 0, []
    for mutant in mutants.of_iptables(text):
        if iptables.audit(asked, parse(mutant.rules, "mutant")):
            reported += 1
        elif fates_or_refusal(iptables_fates, record, mutant.rules) != before:
            silent.append(mutant.what)
    assert reported > 30
    assert not silent, f"{len(silent)}\n" + "\n".join(silent)
