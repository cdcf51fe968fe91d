"""Conditions on one end of a connection.

Each has `test`, and for an end that it does not hold for, `misses`: what does not fit. `key`
tells equal conditions from different ones, so that each is worked out once for many pods.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Protocol

from msgspec import Struct

from skoop.model.address import Prefix
from skoop.model.answer import Answer, all_of, any_of, opposite
from skoop.model.kube import LabelSelector
from skoop.policy.answer import Miss, MissKind
from skoop.policy.party import Party, PartyKind

METADATA_NAME = "kubernetes.io/metadata.name"
"""The label every namespace has, with its own name (KEP-2161)."""


class PeerTest(Protocol):
    """A question about one end."""

    @property
    def key(self) -> Hashable:
        """Equal for conditions that mean the same."""

    def test(self, party: Party) -> Answer:
        """Whether it holds."""

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """Why it does not hold, or cannot be decided."""


class Anyone(Struct, frozen=True):
    """Everybody."""

    @property
    def key(self) -> Hashable:
        """One for all."""
        return "anyone"

    def test(self, party: Party) -> Answer:  # noqa: ARG002
        """Yes."""
        return True

    def misses(self, party: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """Nothing."""
        return ()


ANYONE = Anyone()


class Undecided(Struct, frozen=True):
    """A condition that skoop cannot decide; `why` is one clause."""

    why: str

    @property
    def key(self) -> Hashable:
        """By the reason."""
        return ("undecided", self.why)

    def test(self, party: Party) -> Answer:  # noqa: ARG002
        """Cannot tell."""
        return None

    def misses(self, party: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """The reason."""
        return (Miss(MissKind.UNKNOWN, self.why),)


class Nobody(Struct, frozen=True):
    """No one, and why."""

    why: str

    @property
    def key(self) -> Hashable:
        """One for all."""
        return "nobody"

    def test(self, party: Party) -> Answer:  # noqa: ARG002
        """No."""
        return False

    def misses(self, party: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """The reason."""
        return (Miss(MissKind.KIND, self.why),)


class Pods(Struct, frozen=True):
    """Pods with an address of their own, by namespace and labels.

    `namespaces` None means the one namespace `namespace`; otherwise its labels must fit. Pods on
    their node's network are no pods to a policy: they have the node's address.
    """

    pods: LabelSelector
    namespaces: LabelSelector | None = None
    namespace: str = ""

    @property
    def key(self) -> Hashable:
        """By what is selected."""
        spaces = None if self.namespaces is None else selector_key(self.namespaces)
        return (
            "pods",
            spaces,
            "" if spaces is not None else self.namespace,
            selector_key(self.pods),
        )

    def test(self, party: Party) -> Answer:
        """Whether the pod is selected."""
        if party.kind is not PartyKind.POD:
            return False
        if self.namespaces is None:
            return party.namespace == self.namespace and self.pods.matches(party.labels)
        return all_of((self._in_namespaces(party), self.pods.matches(party.labels)))

    def _in_namespaces(self, party: Party) -> Answer:
        wanted = self.namespaces
        if wanted is None:
            return party.namespace == self.namespace
        if party.namespace_labels is not None:
            return wanted.matches(party.namespace_labels)
        return without_labels(wanted, party.namespace)

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """The selectors that do not match."""
        if party.kind is not PartyKind.POD:
            text = f"{party} has no pod address, so that no selector finds it"
            return (Miss(MissKind.KIND, text, "allow its address with an ipBlock"),)
        found = []
        if self.namespaces is None and party.namespace != self.namespace:
            text = f"its podSelector looks in namespace {self.namespace} only"
            change = f"add a namespaceSelector for {party.namespace}"
            found.append(Miss(MissKind.NAMESPACE_SELECTOR, text, change))
        elif self.namespaces is not None and not self._in_namespaces(party):
            found.append(_namespace_miss(self.namespaces, party))
        if not self.pods.matches(party.labels):
            text = f"{party} does not match podSelector {{{selector_text(self.pods)}}}"
            change = f"label {party} so that {selector_text(self.pods)}"
            found.append(Miss(MissKind.POD_SELECTOR, text, change))
        return tuple(found)


def _namespace_miss(wanted: LabelSelector, party: Party) -> Miss:
    text = selector_text(wanted)
    if party.namespace_labels is None:
        return Miss(MissKind.UNKNOWN, f"the labels of namespace {party.namespace} are not known")
    return Miss(
        MissKind.NAMESPACE_SELECTOR,
        f"namespace {party.namespace} does not match namespaceSelector {{{text}}}",
        f"label namespace {party.namespace} so that {text}",
    )


def without_labels(wanted: LabelSelector, namespace: str) -> Answer:
    """Whether a namespace is selected when only its name is known."""
    answers: list[Answer] = [
        value == namespace if key == METADATA_NAME else None
        for key, value in wanted.match_labels.items()
    ]
    answers += [
        each.holds({METADATA_NAME: namespace}) if each.key == METADATA_NAME else None
        for each in wanted.expressions
    ]
    return all_of(answers)


class Networks(Struct, frozen=True):
    """Addresses in one of `nets`, each with the parts that are left out."""

    nets: tuple[tuple[Prefix, tuple[Prefix, ...]], ...]
    word: str = "ipBlock"

    @property
    def key(self) -> Hashable:
        """By the networks."""
        return ("nets", self.nets)

    def test(self, party: Party) -> Answer:
        """Whether its address is inside."""
        if party.ip < 0:
            return None if self.nets else False
        return any(
            _inside(net, party) and not any(_inside(each, party) for each in excepts)
            for net, excepts in self.nets
        )

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """The networks, or the exception."""
        if party.ip < 0:
            return (Miss(MissKind.UNKNOWN, f"the address of {party} is not known"),)
        for net, excepts in self.nets:
            for each in excepts:
                if _inside(net, party) and _inside(each, party):
                    text = f"{party.address} is excepted from {self.word} {net} by {each}"
                    return (Miss(MissKind.IP_EXCEPT, text, f"remove the exception {each}"),)
        listed = ", ".join(str(net) for net, _ in self.nets) or "nothing"
        text = f"{party.address} is not in {self.word} {listed}"
        return (Miss(MissKind.IP_BLOCK, text, f"add {self.word} {party.address}"),)


def _inside(net: Prefix, party: Party) -> bool:
    return net.family is party.family and net.contains(party.ip)


class Nodes(Struct, frozen=True):
    """Nodes by their labels; a hostNetwork pod has the address of one."""

    selector: LabelSelector

    @property
    def key(self) -> Hashable:
        """By what is selected."""
        return ("nodes", selector_key(self.selector))

    def test(self, party: Party) -> Answer:
        """Whether it is one of these nodes."""
        return party.kind is PartyKind.HOST and self.selector.matches(party.labels)

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """The selector."""
        text = f"{party} is no node that matches {{{selector_text(self.selector)}}}"
        return (Miss(MissKind.NODE_SELECTOR, text),)


class Domains(Struct, frozen=True):
    """Addresses that names stand for, which only the enforcer that watches DNS answers knows."""

    names: tuple[str, ...]

    @property
    def key(self) -> Hashable:
        """By the names."""
        return ("domains", self.names)

    def test(self, party: Party) -> Answer:  # noqa: ARG002
        """Cannot tell."""
        return None

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """The names."""
        text = f"whether {party.address or party} is one of {', '.join(self.names)} is not known"
        return (Miss(MissKind.UNKNOWN, text),)


class AnyOf(Struct, frozen=True):
    """One of several."""

    several: tuple[PeerTest, ...]

    @property
    def key(self) -> Hashable:
        """By its members."""
        return ("any", tuple(each.key for each in self.several))

    def test(self, party: Party) -> Answer:
        """Whether one holds."""
        return any_of(each.test(party) for each in self.several)

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """Those of the member that comes nearest."""
        found = [each.misses(party) for each in self.several]
        return min(found, key=_distance, default=())


class AllOf(Struct, frozen=True):
    """All of several."""

    several: tuple[PeerTest, ...]

    @property
    def key(self) -> Hashable:
        """By its members."""
        return ("all", tuple(each.key for each in self.several))

    def test(self, party: Party) -> Answer:
        """Whether all hold."""
        return all_of(each.test(party) for each in self.several)

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """Those of every member that does not hold."""
        return tuple(
            miss
            for each in self.several
            if each.test(party) is not True
            for miss in each.misses(party)
        )


class Not(Struct, frozen=True):
    """Everyone but these; `text` says who."""

    inner: PeerTest
    text: str
    kind: MissKind = MissKind.POD_SELECTOR

    @property
    def key(self) -> Hashable:
        """By its inside."""
        return ("not", self.inner.key)

    def test(self, party: Party) -> Answer:
        """Whether the inside does not hold."""
        return opposite(self.inner.test(party))

    def misses(self, party: Party) -> tuple[Miss, ...]:
        """The exclusion."""
        if self.inner.test(party) is None:
            return self.inner.misses(party)
        return (Miss(self.kind, f"{party.address or party} is excluded by {self.text}"),)


_FAR = (MissKind.KIND, MissKind.NAMESPACE_SELECTOR)


def _distance(misses: tuple[Miss, ...]) -> tuple[int, int]:
    """How far a rule is from matching: a wrong label is nearer than a wrong kind of endpoint."""
    return len(misses), sum(miss.kind in _FAR for miss in misses)


def any_of_peers(several: Iterable[PeerTest]) -> PeerTest:
    """One condition for several alternatives."""
    found = tuple(several)
    return found[0] if len(found) == 1 else AnyOf(found)


def all_of_peers(several: Iterable[PeerTest]) -> PeerTest:
    """One condition for several that must all hold."""
    found = tuple(several)
    if not found:
        return ANYONE
    return found[0] if len(found) == 1 else AllOf(found)


def selector_key(selector: LabelSelector) -> Hashable:
    """Equal for selectors that are written alike."""
    return (
        tuple(sorted(selector.match_labels.items())),
        tuple((each.key, each.operator, each.values) for each in selector.expressions),
    )


def selector_text(selector: LabelSelector) -> str:
    """A selector in kubectl's notation; "" for one that selects all."""
    parts = [f"{key}={value}" for key, value in selector.match_labels.items()]
    for each in selector.expressions:
        values = ",".join(each.values)
        parts.append(
            {
                "In": f"{each.key} in ({values})",
                "NotIn": f"{each.key} notin ({values})",
                "Exists": each.key,
            }.get(each.operator, f"!{each.key}")
        )
    return ",".join(parts)
