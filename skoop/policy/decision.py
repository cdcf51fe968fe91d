"""What the policies say about a connection, and which rule says so."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.policy.answer import Miss
from skoop.policy.party import Flow
from skoop.policy.rules import PolicyRef, Way


class Outcome(Enum):
    """The declared verdict."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Basis(Enum):
    """On what a decision rests."""

    RULE = "a rule"
    ISOLATED = "no rule of the policies that apply"
    NO_POLICY = "no policy applies"
    ALWAYS = "traffic that no policy can stop"
    UNDECIDED = "something that cannot be decided"


class NearMiss(Struct, frozen=True):
    """A rule that would have allowed the connection, and what did not fit. The fewer misses, the
    nearer."""

    policy: PolicyRef
    rule: str
    text: str
    misses: tuple[Miss, ...]


class Decision(Struct, frozen=True, kw_only=True):
    """The verdict at one end.

    `policy` and `rule` decided (RULE), or `policy` is the first of those that isolate (ISOLATED);
    else both are empty. `applied` are all policies that apply to this end in this direction, in
    the order they are asked. `near` are the rules that could have allowed it, the nearest first.
    `reason` is one sentence; `changes` what would turn a denial into a permission. `overruled` is
    the policy that would have allowed it, had no earlier rule denied it.
    """

    outcome: Outcome
    way: Way
    subject: str
    basis: Basis
    reason: str
    tier: str = ""
    policy: PolicyRef | None = None
    rule: str = ""
    rule_text: str = ""
    applied: tuple[PolicyRef, ...] = ()
    near: tuple[NearMiss, ...] = ()
    changes: tuple[str, ...] = ()
    overruled: PolicyRef | None = None


class PolicyVerdict(Struct, frozen=True):
    """The verdict on a connection: allowed when both ends allow it and every node's endpoint that
    it passes (`passed`), denied when one of them denies."""

    flow: Flow
    outcome: Outcome
    egress: Decision
    ingress: Decision
    passed: tuple[Decision, ...] = ()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """All that was asked."""
        return (self.egress, *self.passed, self.ingress)
