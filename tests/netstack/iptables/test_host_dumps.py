"""Rules of real hosts: every dump is read, and what cannot be followed is named rule by rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from skoop.model.address import Family
from skoop.netstack.iptables import assumptions, covered_tables, parse, read_ruleset

DUMPS = Path(__file__).parents[2] / "data" / "host-dumps"
MISSING_CHAINS = {
    "calico-felix-rules-by-chain.txt": {
        "DOCKER": 2,
        "cali-from-host-endpoint": 1,
        "cali-fip-dnat": 2,
        "cali-fip-snat": 2,
        "cali-nat-outgoing": 2,
        "cali-to-host-endpoint": 2,
        "cali-fw-cali0ef24b2": 2,
        "cali-tw-cali0ef24b2": 1,
    },
    "kubeproxy-ipvs-nat-healthy.txt": {"KUBE-MARK-DROP": 1},
}


def read(name: str):
    return (DUMPS / name).read_text()


@pytest.mark.parametrize("name", sorted(path.name for path in DUMPS.glob("*.txt")))
def test_every_rule_is_kept_and_the_rest_is_named(name):
    text = read(name)
    tables = parse(text, name)
    rules = [
        rule
        for table in tables.tables.values()
        for chain in table.chains.values()
        for rule in chain.rules
    ]
    lines = text.split("\n")
    assert [rule.text for rule in rules if lines[rule.line - 1] != rule.text] == []
    assert len(rules) == sum(line.startswith("-A") for line in lines)
    ruleset = read_ruleset(text, engine="iptables-nft", family=Family.V4, source=name)
    missing: dict[str, int] = {}
    for unknown in ruleset.unmodelled:
        assert unknown.rule in lines
        target = unknown.rule.split()[-1]
        assert target in unknown.why
        missing[target] = missing.get(target, 0) + 1
    assert missing == MISSING_CHAINS.get(name, {})


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("calico-felix-rules-by-chain.txt", {"raw", "nat", "filter"}),
        ("istio-sidecar-pod.txt", {"nat"}),
        ("kubeadm-flannel-kubeproxy-nft-2026.txt", {"filter", "nat"}),
    ],
)
def test_tables_of_a_dump(name, tables):
    assert covered_tables(read(name)) == tables


def test_assumptions_are_named_with_their_rules():
    tables = parse(read("k3s-flannel-kuberouter-filter-2026.txt"), "k3s")
    found = assumptions(tables, engine="iptables-nft", family=Family.V4)
    assert {one.why for one in found} == {"traffic stays below the rate limit"}
    assert all("-m limit" in one.rule for one in found)
