"""A connection against the policies of one of its ends.

Conditions that cannot be decided are assumed both ways. Where every assumption leads to the same
outcome, that is the outcome; otherwise it is unknown, and the reasons are given.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator

from msgspec import Struct

from skoop.model.answer import Answer
from skoop.policy.answer import Miss, MissKind
from skoop.policy.decision import Basis, Decision, Outcome
from skoop.policy.explain import changes_of, near_misses, rule_misses
from skoop.policy.party import Flow, Party, PartyKind
from skoop.policy.rules import Action, Engine, Policy, PolicyRef, PolicySet, Rule, Tier, Way

_MAX_OPEN = 10
"""Undecided conditions that are tried both ways; with more the answer is unknown."""


def decide(policies: PolicySet, flow: Flow, way: Way) -> Decision:
    """What the policies of one end say."""
    subject = subject_of(flow, way)
    exempt = exemption(flow, way)
    if exempt:
        return _plain(way, subject, Basis.ALWAYS, exempt)
    if not governed(subject):
        return _plain(way, subject, Basis.NO_POLICY, f"no policy can apply to {subject}")
    tiers = policies.tiers(way)
    if policies.engine is Engine.KUBERNETES and _to_own_node(flow, way):
        tiers = tuple(tier for tier in tiers if tier.ties)
        found = decide_by(tiers, flow, way, subject)
        if found.basis is not Basis.NO_POLICY:
            return found
        why = f"no NetworkPolicy keeps a pod from its own node, {subject.node}"
        return _plain(way, subject, Basis.ALWAYS, why)
    return decide_by(tiers, flow, way, subject)


def subject_of(flow: Flow, way: Way) -> Party:
    """The end whose policies are asked."""
    return flow.source if way is Way.EGRESS else flow.destination


def governed(party: Party) -> bool:
    """Whether policies apply to an end at all."""
    return party.kind is PartyKind.POD or party.protected


def exemption(flow: Flow, way: Way) -> str:
    """Why no policy can stop this, "" when one can.

    A pod reaches itself, and its node reaches it (kubernetes.io/docs/concepts/services-networking/
    network-policies).
    """
    source, destination = flow.source, flow.destination
    if source.kind is PartyKind.POD and source.identity == destination.identity:
        return "a pod always reaches itself"
    same = bool(source.node) and source.node == destination.node
    if same and source.kind is destination.kind is PartyKind.HOST:
        return f"node {source.node} always reaches itself"
    if way is Way.INGRESS and _on_one_node(flow) and source.kind is PartyKind.HOST:
        return f"node {source.node} always reaches its own pods"
    return ""


def is_special(flow: Flow) -> bool:
    """Whether a connection is one of those that not only its ends' labels decide about: a pod and
    itself, or its own node."""
    source, destination = flow.source, flow.destination
    same = bool(source.node) and source.node == destination.node
    hosts = PartyKind.HOST in (source.kind, destination.kind)
    return source.identity == destination.identity or (same and hosts)


def _on_one_node(flow: Flow) -> bool:
    """Whether one end is a pod and the other one its node."""
    kinds = {flow.source.kind, flow.destination.kind}
    same = bool(flow.source.node) and flow.source.node == flow.destination.node
    return same and kinds == {PartyKind.POD, PartyKind.HOST}


def _to_own_node(flow: Flow, way: Way) -> bool:
    """A pod and its own node: NetworkPolicies exempt both directions, as the page above says; an
    administrator's policies name nodes as destinations, and Calico applies egress policy before
    DefaultEndpointToHostAction (docs.tigera.io, "Protect hosts")."""
    return way is Way.EGRESS and _on_one_node(flow)


class _Assumed(Exception):  # noqa: N818
    """A condition without an answer was met that has not been assumed yet."""

    def __init__(self, key: Hashable, misses: tuple[Miss, ...]) -> None:
        self.key, self.misses = key, misses


class _Found(Struct, frozen=True):
    """One run's end: `rule` and `policy` decided, or the tier's default did."""

    action: Action
    tier: Tier | None = None
    policy: Policy | None = None
    rule: Rule | None = None


_ALLOWED = _Found(Action.ALLOW)


class _Run:
    """The policies asked once, with what has been assumed so far."""

    def __init__(self, flow: Flow, subject: Party, assumed: dict[Hashable, bool]) -> None:
        self._flow, self._subject, self._assumed = flow, subject, assumed

    def through(self, tiers: tuple[Tier, ...]) -> _Found:
        """The end of the way through the tiers."""
        for tier in tiers:
            found = self._tier(tier)
            if found is not None:
                return found
        return _ALLOWED

    def _tier(self, tier: Tier) -> _Found | None:
        applied: list[Policy] = []
        for policy in tier.policies:
            if not self._applies(policy):
                continue
            applied.append(policy)
            rule = self._first(policy)
            if rule is not None:
                found = _Found(rule.action, tier, policy, rule)
                if tier.ties:
                    found = self._untied(tier, found, policy, rule)
                return None if found.action is Action.PASS else found
        if applied and tier.default is Action.DENY:
            return _Found(Action.DENY, tier, applied[0])
        return None

    def _untied(self, tier: Tier, found: _Found, decided: Policy, rule: Rule) -> _Found:
        """Another policy of the same rank may as well be asked first: where it decides otherwise,
        both are assumed."""
        for policy in tier.policies:
            if policy is decided or policy.rank != decided.rank or not self._applies(policy):
                continue
            other = self._first(policy)
            if other is None or other.action is rule.action:
                continue
            text = (
                f"{decided.ref} and {policy.ref} have the same priority and disagree"
                f" ({rule.action.value} and {other.action.value})"
            )
            if self._assume(("tie", policy.ref), (Miss(MissKind.UNKNOWN, text),)):
                return _Found(other.action, tier, policy, other)
        return found

    def _applies(self, policy: Policy) -> bool:
        answer = policy.subject.test(self._subject)
        if answer is None:
            return self._assume(("subject", policy.ref), policy.subject.misses(self._subject))
        return answer

    def _first(self, policy: Policy) -> Rule | None:
        return next((rule for rule in policy.rules if self._matches(policy, rule)), None)

    def _matches(self, policy: Policy, rule: Rule) -> bool:
        answer = rule_answer(rule, self._flow)
        if answer is None:
            return self._assume((policy.ref, rule.name), rule_misses(rule, self._flow))
        return answer

    def _assume(self, key: Hashable, misses: tuple[Miss, ...]) -> bool:
        if key not in self._assumed:
            raise _Assumed(key, misses)
        return self._assumed[key]


def rule_answer(rule: Rule, flow: Flow) -> Answer:
    """Whether a rule matches a connection."""
    traffic = rule.traffic.test(flow.traffic, flow.destination)
    if traffic is False:
        return False
    source = rule.source.test(flow.source)
    if source is False:
        return False
    destination = rule.destination.test(flow.destination)
    if destination is False:
        return False
    return None if None in (traffic, source, destination) else True


def decide_by(tiers: tuple[Tier, ...], flow: Flow, way: Way, subject: Party) -> Decision:
    """What some tiers say about a connection for one end."""
    whys: dict[str, None] = {}
    ends: dict[Action, _Found] = {}
    for found in _possible(tiers, flow, subject, {}, whys):
        if found is None:
            whys.setdefault("too many conditions cannot be decided")
            ends.setdefault(Action.PASS, _ALLOWED)
        else:
            ends.setdefault(found.action, found)
    applied = _applied(tiers, subject)
    if len(ends) > 1 or Action.PASS in ends:
        return Decision(
            outcome=Outcome.UNKNOWN, way=way, subject=str(subject), basis=Basis.UNDECIDED,
            reason="it cannot be decided: " + "; ".join(whys),
            applied=tuple(policy.ref for policy in applied),
        )  # fmt: skip
    (found,) = ends.values()
    return _decision(found, applied, flow, way, subject)


def _possible(
    tiers: tuple[Tier, ...],
    flow: Flow,
    subject: Party,
    assumed: dict[Hashable, bool],
    whys: dict[str, None],
) -> Iterator[_Found | None]:
    """The ends under every assumption; None when there are too many."""
    try:
        yield _Run(flow, subject, assumed).through(tiers)
    except _Assumed as open_:
        for miss in open_.misses:
            whys.setdefault(miss.text)
        if len(assumed) >= _MAX_OPEN:
            yield None
            return
        for value in (True, False):
            yield from _possible(tiers, flow, subject, {**assumed, open_.key: value}, whys)


def _applied(tiers: tuple[Tier, ...], subject: Party) -> list[Policy]:
    return [
        policy
        for tier in tiers
        for policy in tier.policies
        if policy.subject.test(subject) is not False
    ]


def _decision(
    found: _Found, applied: list[Policy], flow: Flow, way: Way, subject: Party
) -> Decision:
    refs = tuple(policy.ref for policy in applied)
    policy, rule, tier = found.policy, found.rule, found.tier
    if policy is None or tier is None:
        if not applied:
            reason = f"no policy applies to {subject} for {way.value}"
            return _plain(way, subject, Basis.NO_POLICY, reason)
        reason = f"no rule of the policies for {way.value} of {subject} decides, so it passes"
        return Decision(
            outcome=Outcome.ALLOWED, way=way, subject=str(subject), basis=Basis.NO_POLICY,
            reason=reason, applied=refs,
        )  # fmt: skip
    outcome = Outcome.ALLOWED if found.action is Action.ALLOW else Outcome.DENIED
    denied = outcome is Outcome.DENIED
    near = near_misses(applied, found, flow) if denied else ()
    return Decision(
        outcome=outcome, way=way, subject=str(subject),
        basis=Basis.ISOLATED if rule is None else Basis.RULE,
        reason=_reason(found, applied, way, subject),
        tier=tier.name, policy=policy.ref, rule=rule.name if rule else "",
        rule_text=rule.text if rule else "", applied=refs, near=near,
        changes=changes_of(found.policy, rule, near, way) if denied else (),
        overruled=_overruled(policy, applied, flow) if denied and rule else None,
    )  # fmt: skip


def _overruled(decided: Policy, applied: list[Policy], flow: Flow) -> PolicyRef | None:
    """The first later policy whose first matching rule allows the connection."""
    after = itertools.dropwhile(lambda each: each is not decided, applied)
    for policy in itertools.islice(after, 1, None):
        first = next((rule for rule in policy.rules if rule_answer(rule, flow)), None)
        if first is not None and first.action is Action.ALLOW:
            return policy.ref
    return None


def _reason(found: _Found, applied: list[Policy], way: Way, subject: Party) -> str:
    policy, rule = found.policy, found.rule
    if policy is not None and rule is not None:
        verb = "allows" if rule.action is Action.ALLOW else "denies"
        return f"{policy.ref} {verb} it by {rule.name}"
    inside = {id(each) for each in (found.tier.policies if found.tier else ())}
    refs = [each.ref for each in applied if id(each) in inside]
    others = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
    return (
        f"{subject} is isolated for {way.value} by {refs[0]}{others},"
        " and no rule that applies allows it"
    )


def _plain(way: Way, subject: Party, basis: Basis, reason: str) -> Decision:
    return Decision(
        outcome=Outcome.ALLOWED, way=way, subject=str(subject), basis=basis, reason=reason
    )
