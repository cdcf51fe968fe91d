"""The one form that every kind of policy is brought into: tiers of policies of rules.

    for each tier, in order:
        for each of its policies that applies to the endpoint, in order:
            the first rule that matches: Allow or Deny ends it, Pass goes to the next tier
        some policy applied, and no rule matched: what the tier says then, Deny or Pass
    allowed

NetworkPolicy is a tier that denies, whose rules all allow: that makes their union. Calico's tiers
are this by definition; an administrator's policies are tiers that pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from skoop.policy.peers import ANYONE, PeerTest
from skoop.policy.ports import ANYTHING, TrafficTest


class Way(Enum):
    """Which end a policy is asked for: the source's egress, or the destination's ingress."""

    EGRESS = "egress"
    INGRESS = "ingress"


class Action(Enum):
    """What a rule does with what it matches."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"


class PolicyRef(Struct, frozen=True, order=True):
    """A policy by its kind and name; namespace "" for those of the whole cluster."""

    kind: str
    namespace: str
    name: str

    @property
    def full_name(self) -> str:
        """ "shop/web", or the name alone."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.full_name}"


class Rule(Struct, frozen=True):
    """A rule matches when all three conditions hold. `name` is where it stands in the policy
    ("ingress[0]"), with its own name if it has one; `text` is the rule in one line."""

    action: Action
    name: str
    source: PeerTest = ANYONE
    destination: PeerTest = ANYONE
    traffic: TrafficTest = ANYTHING
    text: str = ""


class Policy(Struct, frozen=True, kw_only=True):
    """A policy in one direction. `rank` is its place in the tier as its author wrote it (a
    priority or an order); several of one rank in a tier with `ties` have no order among them."""

    ref: PolicyRef
    subject: PeerTest
    rules: tuple[Rule, ...] = ()
    rank: float = 0


class Tier(Struct, frozen=True, kw_only=True):
    """Policies that are asked together. `default` is DENY or PASS. `ties` tells that the order of
    policies of equal rank is not defined."""

    name: str
    policies: tuple[Policy, ...]
    default: Action = Action.DENY
    ties: bool = False


class Engine(Enum):
    """Whose reading of the policies is meant, where they differ."""

    KUBERNETES = "kubernetes"
    CALICO = "calico"


class Stage(Enum):
    """When Calico asks policies that are for HostEndpoints only."""

    UNTRACKED = "before connection tracking"
    BEFORE_NAT = "before NAT"
    FORWARD = "for forwarded traffic"


class PolicySet(Struct, frozen=True, kw_only=True):
    """All policies of a cluster, as an engine reads them. `stages` are those that a node asks about
    what passes it; without any, nothing is asked."""

    engine: Engine
    ingress: tuple[Tier, ...]
    egress: tuple[Tier, ...]
    stages: Mapping[tuple[Stage, Way], tuple[Tier, ...]] = {}

    def tiers(self, way: Way) -> tuple[Tier, ...]:
        """The tiers of a direction."""
        return self.ingress if way is Way.INGRESS else self.egress
