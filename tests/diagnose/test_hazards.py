"""What is not well on a node beside the packet's way, and rules on which the answer hangs."""

from __future__ import annotations

import pytest

from skoop.model.diagnosis import Diagnosis, Suspicion
from skoop.model.disposition import Level, Verdict
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.state import CtTable
from tests.diagnose.diagnosed import diagnose
from tests.diagnose.worlds import A1, change, cluster, with_rules
from tests.netstack.builders import iptables, nft


def told(made: Diagnosis, name: str) -> list[Suspicion]:
    return [each for each in made.suspicions if each.name == name]


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(90, 100, 1), (99, 100, 1), (89, 100, 0), (100, 100, 0), (5, 0, 0)],
    ids=["nearly full", "one left", "room enough", "full is another cause", "limit not known"],
)
def test_a_connection_table_that_is_nearly_full(count: int, limit: int, expected: int) -> None:
    table = CtTable(count=count, limit=limit)
    made = diagnose(change(cluster(), "node/k1", conntrack=table), "a1", "b1")
    found = told(made, "conntrack-max-low")
    assert len(found) == expected
    for each in found:
        assert (each.level, each.blocking, each.where.name) == (Level.WARNING, False, "k1")
        assert [line.text[-2:] for line in each.evidence] == [str(count)[-2:], str(limit)[-2:]]


def test_only_of_nodes_that_the_packet_meets() -> None:
    spaces = change(cluster(), "node/k2", conntrack=CtTable(count=95, limit=100))
    assert not told(diagnose(spaces, "a1", "a2"), "conntrack-max-low")


LEGACY = iptables("-A FORWARD -d 192.0.2.1/32 -j KUBE-FORWARD", "-A KUBE-FORWARD -j ACCEPT")


def backend(*rules: str) -> Ruleset:
    return iptables(*rules, engine="iptables-nft")


def test_both_backends_have_rules() -> None:
    spaces = change(
        cluster(), "node/k1", with_rules(LEGACY, backend("-A FORWARD -s 192.0.2.2 -j DROP"))
    )
    made = diagnose(spaces, "a1", "b1")
    (found,) = told(made, "legacy-nft-mixed")
    assert (found.level, found.blocking, found.where.name) == (Level.WARNING, False, "k1")
    assert [each.source for each in found.evidence] == [
        "iptables-legacy-save on node/k1", "iptables-nft-save on node/k1",
    ]  # fmt: skip


def test_which_backend_has_the_rule_that_stops_the_packet() -> None:
    drop = backend(f"-A FORWARD -s {A1}/32 -j DROP")
    made = diagnose(change(cluster(), "node/k1", with_rules(LEGACY, drop)), "a1", "b1")
    assert made.suspicions[0].name == "filter-drop"
    assert "only in iptables-nft" in told(made, "legacy-nft-mixed")[0].message


APART: dict[str, tuple[Ruleset, ...]] = {
    "one backend": (LEGACY,),
    "chains without rules": (LEGACY, backend()),
    "other tables": (LEGACY, backend("-t nat -A POSTROUTING -s 192.0.2.2 -j RETURN")),
    "nftables of its own": (
        LEGACY, nft("table inet fw { chain f { type filter hook forward priority 0; } }"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("rulesets", APART.values(), ids=APART.keys())
def test_what_is_no_mixture(rulesets: tuple[Ruleset, ...]) -> None:
    made = diagnose(change(cluster(), "node/k1", with_rules(*rulesets)), "a1", "b1")
    assert not told(made, "legacy-nft-mixed")


def test_a_rule_that_cannot_be_decided_is_named() -> None:
    rule = "-A FORWARD -m bpf --bytecode 1,6 0 0 65535 -j DROP"
    made = diagnose(change(cluster(), "node/k1", with_rules(iptables(rule))), "a1", "b1")
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNKNOWN
    assert (first.name, first.where.name, first.blocking) == ("unsupported-match", "k1", False)
    assert first.evidence[0].text == rule


def test_a_rule_that_makes_no_difference_is_not() -> None:
    rule = "-A FORWARD -m bpf --bytecode 1,6 0 0 65535 -j ACCEPT"
    made = diagnose(change(cluster(), "node/k1", with_rules(iptables(rule))), "a1", "b1")
    assert made.verdict is Verdict.REACHABLE
    assert not told(made, "unsupported-match")
