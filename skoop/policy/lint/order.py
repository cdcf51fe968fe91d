"""Rules that never decide anything, and orders that are not defined."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from skoop.findings import policy_lint as lint
from skoop.model.diagnosis import Suspicion
from skoop.policy.lint.base import Linted, suspect
from skoop.policy.pairs.side import Asked, Side
from skoop.policy.rules import Action, PolicyRef, Tier, Way

_Name = tuple[PolicyRef, str]


def unreachable(linted: Linted) -> Iterator[Suspicion]:
    """Rules whose every match has been decided before, or is allowed by others too."""
    texts = {
        (policy.ref, rule.name): rule.text
        for _, _, policy in linted.written()
        for rule in policy.rules
    }
    for way in Way:
        found = _Effects(linted, way)
        for name in found.without_effect:
            if name not in texts:
                continue
            ref, rule = name
            evidence = f"{rule}: {texts[name]}"
            if name in found.additive:
                message = f"{rule} of {ref} allows nothing that other rules do not allow as well"
                yield suspect(lint.PolicyRuleRedundant, ref, message, evidence)
            else:
                message = f"{rule} of {ref} is never reached: what it matches is decided before"
                yield suspect(lint.PolicyRuleUnreachable, ref, message, evidence)


class _Effects:
    """For one direction, the rules that match something and yet decide nothing."""

    def __init__(self, linted: Linted, way: Way) -> None:
        self._full = linted.space.full
        self._tiers = linted.policies.tiers(way)
        self.additive: set[_Name] = set()
        self._matching: dict[_Name, None] = {}
        self._effective: set[_Name] = set()
        side = Side(linted.space, linted.policies, way)
        for _, asked in side.asked_by_group():
            for atoms in side.parts(asked):
                self._walk(asked, (atoms & -atoms).bit_length() - 1)

    @property
    def without_effect(self) -> tuple[_Name, ...]:
        """Rules by name, in the order in which they were met."""
        return tuple(name for name in self._matching if name not in self._effective)

    def _walk(self, asked: list[list[Asked]], atom: int) -> None:
        here = self._full
        for tier, policies in zip(self._tiers, asked, strict=True):
            if policies:
                here = self._tier(tier, policies, here, atom)

    def _tier(self, tier: Tier, policies: list[Asked], here: int, atom: int) -> int:
        """What goes on to the next tier."""
        only_allows = all(r.action is Action.ALLOW for p in policies for r in p.rules)
        if only_allows and tier.default is Action.DENY:
            self._sum(policies, here, atom)
            return 0
        onward = 0
        for policy in policies:
            for rule in policy.rules:
                yes, maybe = rule.peers(atom)
                self._note((policy.ref, rule.name), yes | maybe, here)
                if rule.action is Action.PASS:
                    onward |= here & (yes | maybe)
                here &= ~yes if policy.certain else self._full
        certain = any(policy.certain for policy in policies)
        return onward if tier.default is Action.DENY and certain else onward | here

    def _sum(self, policies: list[Asked], here: int, atom: int) -> None:
        """Rules that only allow: one has an effect where no other allows the same."""
        rules = [
            ((policy.ref, rule.name), *rule.peers(atom))
            for policy in policies
            for rule in policy.rules
        ]
        once = twice = 0
        for _, yes, _ in rules:
            twice |= once & yes
            once |= yes
        for name, yes, maybe in rules:
            self.additive.add(name)
            self._note(name, (yes & ~twice) | (maybe & ~once), here)
            if yes | maybe:
                self._matching.setdefault(name)

    def _note(self, name: _Name, matched: int, here: int) -> None:
        if matched:
            self._matching.setdefault(name)
        if matched & here:
            self._effective.add(name)


def priority_ties(linted: Linted) -> Iterator[Suspicion]:
    """Policies of an administrator that have no order among them, and a pod in common."""
    told: set[tuple[PolicyRef, PolicyRef]] = set()
    for way in Way:
        for tier in linted.policies.tiers(way):
            if not tier.ties:
                continue
            for first, second in pairwise(tier.policies):
                common = linted.selected(first) & linted.selected(second)
                pair = (first.ref, second.ref)
                if first.rank != second.rank or not common or pair in told:
                    continue
                told.add(pair)
                message = f"{first.ref} and {second.ref} have priority {first.rank:g} both"
                evidence = f"priority: {second.rank:g}, and a pod in common"
                yield suspect(lint.PolicyPriorityTie, second.ref, message, evidence)


def missing_tiers(linted: Linted) -> Iterator[Suspicion]:
    """Calico policies whose tier is not there."""
    calico = linted.inventory.calico_policies
    known = {tier.name for tier in calico.tiers} | {"default"}
    for policy in calico.policies:
        if policy.tier not in known:
            kind = "calico NetworkPolicy" if policy.namespace else "GlobalNetworkPolicy"
            ref = PolicyRef(kind, policy.namespace, policy.name)
            message = f"{ref} is in tier {policy.tier!r}, which does not exist"
            yield suspect(lint.PolicyTierMissing, ref, message, f"tier: {policy.tier}")
