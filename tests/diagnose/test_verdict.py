"""From rows to a verdict: guesses, gaps and weights."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.diagnose.story import Row
from skoop.diagnose.verdict import Settled, settle
from skoop.model.disposition import Disposition, Result, Verdict
from skoop.netstack.netfilter import Guess, Unknown
from skoop.netstack.state import Action, Gap, Shaping, TrafficControl
from tests.diagnose.worlds import A2, B1, ask, change, cluster, result, with_link, with_rules
from tests.netstack.builders import iptables, rule

A, B = Unknown("filter FORWARD", "-m a", "?"), Unknown("filter INPUT", "-m b", "?")


def row(outcome: str, weight: float = 1.0, server: str = "", **guesses: bool) -> Row:
    unknowns = {"a": A, "b": B}
    return Row(
        weight=weight,
        guesses=tuple(Guess(unknowns[key], value) for key, value in guesses.items()),
        result=Result(outcome),
        disposition=Disposition.DELIVERED,
        server=server,
    )


VERDICTS = {
    "works": ([row("ok")], "reachable"),
    "refused": ([row("refused")], "unreachable"),
    "some": ([row("ok", 0.5), row("timeout", 0.5)], "partial"),
    "fails in two ways": ([row("refused", 0.5), row("timeout", 0.5)], "unreachable"),
    "not known": ([row("unknown")], "unknown"),
    "works or not known": ([row("ok", 0.5), row("unknown", 0.5)], "unknown"),
    "fails or not known": ([row("timeout", 0.5), row("unknown", 0.5)], "unknown"),
    "some, and some not known": (
        [row("ok", 0.3), row("timeout", 0.3), row("unknown", 0.4)],
        "partial",
    ),
    "nothing": ([], "unknown"),
    "guess without consequence": ([row("ok", a=True), row("ok", a=False)], "reachable"),
    "guess that decides": ([row("ok", a=True), row("timeout", a=False)], "unknown"),
    "guess about how it fails": ([row("refused", a=True), row("timeout", a=False)], "unknown"),
    "guess between servers": (
        [row("ok", server="x", a=True), row("ok", server="y", a=False)],
        "unknown",
    ),
    "guess about shares": (
        [
            row("ok", 0.5, a=True),
            row("timeout", 0.5, a=True),
            row("ok", 0.9, a=False),
            row("timeout", 0.1, a=False),
        ],
        "unknown",
    ),
    "two guesses, both harmless": (
        [row("ok", a=x, b=y) for x in (True, False) for y in (True, False)],
        "reachable",
    ),
    "a harmless guess met only after another": (
        [row("ok", a=True, b=True), row("ok", a=True, b=False), row("ok", a=False)],
        "reachable",
    ),
    "a harmful guess met only after a harmless one": (
        [row("ok", a=True, b=True), row("timeout", a=True, b=False), row("ok", a=False)],
        "unknown",
    ),
    "a guess on one branch only": (
        [row("timeout", 0.5), row("ok", 0.5, a=True), row("ok", 0.5, a=False)],
        "partial",
    ),
    "a harmful guess on one branch only": (
        [row("ok", 0.5), row("ok", 0.5, a=True), row("timeout", 0.5, a=False)],
        "unknown",
    ),
}


@pytest.mark.parametrize(("rows", "expected"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict(rows: list[Row], expected: str) -> None:
    settled = settle(rows)
    assert settled.verdict.value == expected
    if rows:
        assert sum(each.weight for each in settled.rows) == pytest.approx(1)


def test_shares_of_a_branch_stay_when_its_guess_is_forgotten() -> None:
    rows = [row("timeout", 0.75), row("ok", 0.25, a=True), row("ok", 0.25, a=False)]
    shares = {each.result.value: each.weight for each in settle(rows).rows}
    assert shares == pytest.approx({"timeout": 0.75, "ok": 0.25})


def test_only_guesses_that_matter_are_named() -> None:
    rows = [
        row("ok", a=True, b=True),
        row("ok", a=True, b=False),
        row("timeout", a=False, b=True),
        row("timeout", a=False, b=False),
    ]
    assert settle(rows).unknowns == (A,)


# --- the same through the walk

OPAQUE = "-m recent --name bad --rcheck --seconds 60"


def forward(*rules: str, **policies: str) -> Settled:
    spaces = change(cluster(), "node/k1", with_rules(iptables(*rules, **policies)))
    return ask(spaces, "a1", f"{B1}:80")


RULES = {
    "an undecidable drop": ((f"-A FORWARD {OPAQUE} -j DROP",), {}, "unknown"),
    "an undecidable accept before a drop": (
        (f"-A FORWARD {OPAQUE} -j ACCEPT", "-A FORWARD -j DROP"),
        {},
        "unknown",
    ),
    "an undecidable accept before an accept": ((f"-A FORWARD {OPAQUE} -j ACCEPT",), {}, "ok"),
    "an undecidable drop before a drop": (
        (f"-A FORWARD {OPAQUE} -j DROP", "-A FORWARD -j DROP"),
        {},
        "timeout",
    ),
    "undecidable for another destination": (
        (f"-A FORWARD -d 192.0.2.1 {OPAQUE} -j DROP",),
        {},
        "ok",
    ),
    "an undecidable drop before the policy": (
        (f"-A FORWARD {OPAQUE} -j DROP",),
        {"FORWARD": "DROP"},
        "timeout",
    ),
    "an undecidable mark nobody reads": ((f"-A FORWARD {OPAQUE} -j MARK --set-mark 1",), {}, "ok"),
    "an unknown target": (("-A FORWARD -j NOSUCHTARGET --x y",), {}, "unknown"),
}


@pytest.mark.parametrize(("rules", "policies", "expected"), RULES.values(), ids=RULES.keys())
def test_undecidable_rules(rules: tuple[str, ...], policies: dict[str, str], expected: str) -> None:
    settled = forward(*rules, **policies)
    assert result(settled) == expected
    assert bool(settled.unknowns) is (expected == "unknown")
    for unknown in settled.unknowns:
        assert unknown.rule
        assert unknown.why


GAPS: dict[str, tuple[str, str, str]] = {
    "rules of the client's node": ("node/k1", "rulesets", "unknown"),
    "rules of the server": ("pod/t/b1", "rulesets", "unknown"),
    "rules of the client": ("pod/t/a1", "rulesets", "unknown"),
    "routes of the node": ("node/k1", "routes", "unknown"),
    "routes of the server": ("pod/t/b1", "routes", "unknown"),
    "policy rules of the node": ("node/k2", "rules", "unknown"),
    "routes of the client": ("pod/t/a1", "routes", "unknown"),
    "sockets of the server": ("pod/t/b1", "sockets", "unknown"),
    "rules of a node that is not on the way": ("node/k2", "nothing", "ok"),
}


@pytest.mark.parametrize(("space", "part", "expected"), GAPS.values(), ids=GAPS.keys())
def test_what_was_not_collected_is_never_a_pass(space: str, part: str, expected: str) -> None:
    spaces = change(cluster(), space, gaps=(Gap(part, "permission denied"),))
    settled = ask(spaces, "a1", f"{B1}:80")
    assert result(settled) == expected
    assert settled.verdict is (Verdict.REACHABLE if expected == "ok" else Verdict.UNKNOWN)
    if expected == "unknown":
        said = " ".join(unknown.why for unknown in settled.unknowns)
        said += " ".join(b.stop.detail for row in settled.rows for b in row.blockers)
        assert "permission denied" in said


def test_a_node_that_was_not_collected() -> None:
    spaces = {key: value for key, value in cluster().items() if key in ("node/k1", "pod/t/a1")}
    assert ask(spaces, "a1", f"{B1}:80").verdict is Verdict.UNKNOWN


def test_a_pod_that_was_not_collected() -> None:
    spaces = {key: value for key, value in cluster().items() if key != "pod/t/a2"}
    assert ask(spaces, "a1", f"{A2}:80").verdict is Verdict.UNKNOWN


UNMODELLED: dict[str, Any] = {
    "a policy rule with an unknown selector": lambda s: replace(
        s, rules=(*s.rules, rule(10, target="9", unmodelled="flowlabel"))
    ),
    "tc on the way": with_link(
        "veth1", tc=TrafficControl(ingress=Shaping(Action.MAY_ACT, "qdisc clsact"))
    ),
    "a bridge that filters VLANs": with_link(
        "cni0", bridge=replace(cluster()["node/k1"].links[2].bridge, vlan_filtering=True)
    ),
}


@pytest.mark.parametrize("apply", UNMODELLED.values(), ids=UNMODELLED.keys())
def test_what_is_not_modelled_is_never_a_pass(apply: Any) -> None:
    settled = ask(change(cluster(), "node/k1", apply), "a1", f"{A2}:80")
    other = ask(change(cluster(), "node/k1", apply), "a1", f"{B1}:80")
    assert Verdict.UNKNOWN in (settled.verdict, other.verdict)
