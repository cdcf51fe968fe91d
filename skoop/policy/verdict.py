"""The verdict on a connection: both ends, and the nodes it passes."""

from __future__ import annotations

from skoop.policy.decision import Decision, Outcome, PolicyVerdict
from skoop.policy.evaluate import decide
from skoop.policy.hosts import at_host
from skoop.policy.party import Flow, PartyKind
from skoop.policy.rules import PolicySet, Way


def evaluate(policies: PolicySet, flow: Flow) -> PolicyVerdict:
    """What the policies say about a connection's first packet."""
    ends: list[Decision] = []
    passed: list[Decision] = []
    for way in (Way.EGRESS, Way.INGRESS):
        decision = decide(policies, flow, way)
        if policies.stages:
            host = at_host(policies, flow, way)
            end = flow.source if way is Way.EGRESS else flow.destination
            if host.final and end.kind is PartyKind.HOST:
                decision = host.decisions[-1]
            passed += host.decisions
        ends.append(decision)
    outcomes = {decision.outcome for decision in (*ends, *passed)}
    outcome = Outcome.UNKNOWN if Outcome.UNKNOWN in outcomes else Outcome.ALLOWED
    if Outcome.DENIED in outcomes:
        outcome = Outcome.DENIED
    return PolicyVerdict(flow, outcome, ends[0], ends[1], tuple(passed))
