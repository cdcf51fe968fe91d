"""Why rules do not match, and what would have to change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from skoop.policy.answer import Miss, MissKind
from skoop.policy.decision import NearMiss
from skoop.policy.party import Flow
from skoop.policy.rules import Action, Policy, Rule, Tier, Way

_MAX_NEAR = 5
_FAR = (MissKind.KIND, MissKind.NAMESPACE_SELECTOR)


class _End(Protocol):
    @property
    def tier(self) -> Tier | None: ...
    @property
    def rule(self) -> Rule | None: ...


def rule_misses(rule: Rule, flow: Flow) -> tuple[Miss, ...]:
    """The conditions of a rule that do not hold, or cannot be decided."""
    found: list[Miss] = []
    if rule.source.test(flow.source) is not True:
        found += rule.source.misses(flow.source)
    if rule.destination.test(flow.destination) is not True:
        found += rule.destination.misses(flow.destination)
    if rule.traffic.test(flow.traffic, flow.destination) is not True:
        found += rule.traffic.misses(flow.traffic, flow.destination)
    return tuple(found)


def near_misses(applied: Iterable[Policy], end: _End, flow: Flow) -> tuple[NearMiss, ...]:
    """The rules that would have allowed the connection where it was denied, the nearest first. A
    rule that denies has none: what stands after it was not asked."""
    if end.rule is not None or end.tier is None:
        return ()
    asked = {policy.ref for policy in end.tier.policies}
    found = [
        NearMiss(policy.ref, rule.name, rule.text, rule_misses(rule, flow))
        for policy in applied
        if policy.ref in asked
        for rule in policy.rules
        if rule.action is Action.ALLOW
    ]
    return tuple(sorted(found, key=_distance)[:_MAX_NEAR])


def _distance(near: NearMiss) -> tuple[int, int]:
    return len(near.misses), sum(miss.kind in _FAR for miss in near.misses)


def changes_of(
    policy: Policy | None, rule: Rule | None, near: tuple[NearMiss, ...], way: Way
) -> tuple[str, ...]:
    """What would turn a denial into a permission, one change a line."""
    if rule is not None and policy is not None:
        return (f"remove {rule.name} of {policy.ref}, or allow it with an earlier rule",)
    found: dict[str, None] = {}
    for each in near:
        wanted = [miss.change for miss in each.misses]
        if wanted and all(wanted):
            found.setdefault(f"{' and '.join(wanted)} ({each.policy} {each.rule})")
    if not found:
        peer = "this source" if way is Way.INGRESS else "this destination"
        name = policy.ref if policy else "a policy"
        found.setdefault(f"add an {way.value} rule for {peer}, to {name} or in another policy")
    return tuple(found)
