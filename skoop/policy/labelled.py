"""Calico's conditions on one end: selectors over labels that an endpoint has, or that its address
has through network sets."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.policy.answer import Miss, MissKind
from skoop.policy.party import Party, PartyKind
from skoop.policy.selector import Expr

NAMESPACE_PREFIX = "pcns."
ACCOUNT_PREFIX = "pcsa."
"""Calico keeps the labels of an endpoint's namespace and service account on it under these."""


class Labelled(Struct, frozen=True):
    """Endpoints and network sets that a selector finds; with `own`, endpoints only. `word` is how
    the policy puts it."""

    expr: Expr
    word: str = "selector"
    own: bool = False

    @property
    def key(self) -> Hashable:
        """By the selector's text."""
        return ("calico", self.own, str(self.expr))

    def test(self, party: Party) -> Answer:
        """Whether one of its label sets is selected."""
        if self._blind(party):
            return None
        seen = party.identities[: party.endpoints] if self.own else party.identities
        return any(self.expr.matches(labels) for labels in seen)

    def _blind(self, party: Party) -> bool:
        """Whether it asks about labels of a namespace that were not collected."""
        if party.namespace_labels is not None or party.kind is not PartyKind.POD:
            return False
        own = party.identities[0] if party.identities else {}
        return any(key.startswith(NAMESPACE_PREFIX) and key not in own for key in self.expr.asked())

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """The selector."""
        if self._blind(party):
            text = f"the labels of namespace {party.namespace} are not known"
            return (Miss(MissKind.UNKNOWN, text),)
        if not party.identities:
            text = f"{party} has no labels, so that {self.word} {self.expr} does not find it"
            return (Miss(MissKind.KIND, text, "allow its address with nets"),)
        return (
            Miss(
                _kind(self.expr),
                f"{party} does not match {self.word} {self.expr}",
                f"label {party} so that {self.expr}",
            ),
        )


def _kind(expr: Expr) -> MissKind:
    keys = expr.asked()
    if keys and all(key.startswith(ACCOUNT_PREFIX) for key in keys):
        return MissKind.SERVICE_ACCOUNT
    if keys and all(key.startswith((NAMESPACE_PREFIX, "projectcalico.org/name")) for key in keys):
        return MissKind.NAMESPACE_SELECTOR
    return MissKind.POD_SELECTOR


class OfFamily(Struct, frozen=True):
    """Packets of one IP version (ipVersion)."""

    family: Family

    @property
    def key(self) -> Hashable:
        """By the family."""
        return ("family", self.family)

    def test(self, party: Party) -> Answer:
        """Whether it is seen in this family."""
        return party.family is self.family

    def misses(self, party: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """The version."""
        return (Miss(MissKind.PROTOCOL, f"the rule is for IPv{self.family.value}"),)


class Hosts(Struct, frozen=True):
    """Nodes that a HostEndpoint covers; with `profile`, only those with this profile."""

    profile: str = ""

    @property
    def key(self) -> Hashable:
        """By the profile."""
        return ("hosts", self.profile)

    def test(self, party: Party) -> Answer:
        """Whether it is such a node."""
        if party.kind is not PartyKind.HOST or not party.protected:
            return False
        return not self.profile or self.profile in party.profiles

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """The kind."""
        return (Miss(MissKind.KIND, f"{party} is no host endpoint"),)
