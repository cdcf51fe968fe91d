"""What policies say, as a document for programs and as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skoop.policy import Decision, Engine, NearMiss, Party, PolicyRef, PolicyVerdict
from skoop.policy.pairs import Change
from skoop.policy.ports import protocol_word
from skoop.report.options import RenderOptions
from skoop.report.page import Page

SCHEMA_VERSION = 1
_MAX_SHOWN = 4
Document = Mapping[str, Any]


def verdict_word(verdicts: tuple[PolicyVerdict, ...]) -> str:
    """The verdict on all; "partial" when some are allowed and some denied."""
    found = {verdict.outcome.value for verdict in verdicts}
    if len(found) == 1:
        return found.pop()
    return "unknown" if found == {"unknown", "allowed"} or "unknown" in found else "partial"


def explanation(
    verdicts: tuple[PolicyVerdict, ...], engine: Engine, assumptions: tuple[str, ...]
) -> Document:
    """`skoop policy explain -o json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict_word(verdicts),
        "engine": engine.value,
        "connections": [_connection(verdict) for verdict in verdicts],
        "assumptions": list(assumptions),
    }


def _connection(verdict: PolicyVerdict) -> Document:
    flow = verdict.flow
    return {
        "source": party_document(flow.source),
        "destination": party_document(flow.destination),
        "protocol": protocol_word(flow.traffic.proto).lower(),
        "port": flow.traffic.dport,
        "verdict": verdict.outcome.value,
        "egress": decision_document(verdict.egress),
        "ingress": decision_document(verdict.ingress),
        "passed": [decision_document(each) for each in verdict.passed],
    }


def party_document(party: Party) -> Document:
    """One end."""
    return {
        "kind": party.kind.value,
        "namespace": party.namespace,
        "name": party.name,
        "ip": party.address,
        "node": party.node,
    }


def decision_document(decision: Decision) -> Document:
    """One end's verdict, with the rule that decided or those that nearly did."""
    return {
        "verdict": decision.outcome.value,
        "basis": decision.basis.name.lower().replace("_", "-"),
        "reason": decision.reason,
        "tier": decision.tier,
        "policy": _ref(decision.policy),
        "rule": decision.rule,
        "rule_text": decision.rule_text,
        "applied": [_ref(each) for each in decision.applied],
        "near": [_near(each) for each in decision.near],
        "changes": list(decision.changes),
        "overruled": _ref(decision.overruled),
    }


def _ref(ref: PolicyRef | None) -> Document | None:
    if ref is None:
        return None
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _near(near: NearMiss) -> Document:
    return {
        "policy": _ref(near.policy),
        "rule": near.rule,
        "rule_text": near.text,
        "misses": [
            {"kind": miss.kind.name.lower().replace("_", "-"), "text": miss.text,
             "change": miss.change}
            for miss in near.misses
        ],
    }  # fmt: skip


def explanation_text(
    verdicts: tuple[PolicyVerdict, ...], assumptions: tuple[str, ...], options: RenderOptions
) -> str:
    """`skoop policy explain` for a person."""
    page = Page(options)
    for verdict in verdicts:
        write_verdict(page, verdict)
    for text in assumptions:
        page.line(text, label="note: ")
    return page.text()


def write_verdict(page: Page, verdict: PolicyVerdict, lead: str = "") -> None:
    """One connection: the verdict, then both ends."""
    flow = verdict.flow
    page.line(
        f"{verdict.outcome.value}: {flow.source} -> {flow.destination} {flow.traffic}", label=lead,
        style="bold",
    )  # fmt: skip
    for decision in verdict.decisions:
        _write_decision(page, decision)


def _write_decision(page: Page, decision: Decision) -> None:
    label = f"{decision.way.value} of {decision.subject}: "
    page.line(f"{decision.outcome.value}: {decision.reason}", label=f"  {label}", hang="    ")
    if decision.rule_text:
        page.line(decision.rule_text, label=f"    {decision.policy} {decision.rule}: ",
                  hang="      ")  # fmt: skip
    if decision.overruled:
        page.line(f"{decision.overruled} would allow it, and is asked later", label="    ")
    for near in decision.near:
        page.line(near.text, label=f"    {near.policy} {near.rule}: ", hang="      ")
        for miss in near.misses:
            page.line(miss.text, label="      not met: ", hang="        ")
    for text in decision.changes:
        page.line(text, label="    to allow it: ", hang="      ")


def changes_document(found: tuple[Change, ...], engine: Engine) -> Document:
    """`skoop policy diff -o json`. Every source of an entry changes with every destination."""
    return {
        "schema_version": SCHEMA_VERSION,
        "engine": engine.value,
        "pairs": sum(change.pairs for change in found),
        "changes": [
            {
                "sources": [party.full_name for party in change.sources],
                "destinations": [party.full_name for party in change.destinations],
                "traffic": [str(atom) for atom in change.traffic],
                "before": change.before.value,
                "after": change.after.value,
                "pairs": change.pairs,
            }
            for change in found
        ],
    }


def change_rows(found: tuple[Change, ...]) -> list[dict[str, object]]:
    """`skoop policy diff` as a table."""
    return [
        {
            "change": f"{change.before.value} -> {change.after.value}",
            "from": _several(change.sources),
            "to": _several(change.destinations),
            "traffic": ", ".join(map(str, change.traffic)),
            "pairs": change.pairs,
        }
        for change in found
    ]


def _several(parties: tuple[Party, ...]) -> str:
    names = [party.full_name for party in parties[:_MAX_SHOWN]]
    more = len(parties) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
