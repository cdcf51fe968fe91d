"""A selector, taken apart. Each node answers for one set of labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

NAMESPACE = "projectcalico.org/namespace"
"""The label by which Calico knows the namespace of an endpoint or a network set."""

Labels = Mapping[str, str]


class Expr(Protocol):
    """A selector."""

    def matches(self, labels: Labels) -> bool:
        """Whether an object with these labels is selected."""

    def asked(self) -> frozenset[str]:
        """The labels it asks about."""

    def prefixed(self, prefix: str) -> Expr:
        """The same question about labels whose names begin with `prefix`, which is how Calico
        keeps the labels of a namespace on what is in it."""


class All(Struct, frozen=True):
    """all()."""

    def matches(self, labels: Labels) -> bool:  # noqa: ARG002
        """Yes."""
        return True

    def asked(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def prefixed(self, prefix: str) -> Expr:  # noqa: ARG002
        """Of namespaces: everything that is in one."""
        return Has(NAMESPACE)

    def __str__(self) -> str:
        return "all()"


class Global(Struct, frozen=True):
    """global(): what is in no namespace."""

    def matches(self, labels: Labels) -> bool:
        """Whether there is no namespace."""
        return NAMESPACE not in labels

    def asked(self) -> frozenset[str]:
        """The namespace."""
        return frozenset({NAMESPACE})

    def prefixed(self, prefix: str) -> Expr:  # noqa: ARG002
        """The same."""
        return self

    def __str__(self) -> str:
        return "global()"


class Has(Struct, frozen=True):
    """has(key)."""

    key: str

    def matches(self, labels: Labels) -> bool:
        """Whether the label is there."""
        return self.key in labels

    def asked(self) -> frozenset[str]:
        """The label."""
        return frozenset({self.key})

    def prefixed(self, prefix: str) -> Expr:
        """Under the prefix."""
        return Has(prefix + self.key)

    def __str__(self) -> str:
        return f"has({self.key})"


class Among(Struct, frozen=True):
    """key in {values}, and with one value key == value."""

    key: str
    values: tuple[str, ...]

    def matches(self, labels: Labels) -> bool:
        """Whether the label is there and has one of the values."""
        return labels.get(self.key) in self.values

    def asked(self) -> frozenset[str]:
        """The label."""
        return frozenset({self.key})

    def prefixed(self, prefix: str) -> Expr:
        """Under the prefix."""
        return Among(prefix + self.key, self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.key} == {_quoted(self.values[0])}"
        return f"{self.key} in {{{', '.join(map(_quoted, self.values))}}}"


class Text(Struct, frozen=True):
    """key contains / starts with / ends with a text. The label must be there."""

    key: str
    relation: str
    value: str

    def matches(self, labels: Labels) -> bool:
        """Whether the label's value has the text there."""
        value = labels.get(self.key)
        if value is None:
            return False
        if self.relation == "contains":
            return self.value in value
        if self.relation == "starts with":
            return value.startswith(self.value)
        return value.endswith(self.value)

    def asked(self) -> frozenset[str]:
        """The label."""
        return frozenset({self.key})

    def prefixed(self, prefix: str) -> Expr:
        """Under the prefix."""
        return Text(prefix + self.key, self.relation, self.value)

    def __str__(self) -> str:
        return f"{self.key} {self.relation} {_quoted(self.value)}"


class Not(Struct, frozen=True):
    """!expr; also != and "not in", which a missing label meets."""

    inner: Expr

    def matches(self, labels: Labels) -> bool:
        """The opposite."""
        return not self.inner.matches(labels)

    def asked(self) -> frozenset[str]:
        """Those of the inside."""
        return self.inner.asked()

    def prefixed(self, prefix: str) -> Expr:
        """Under the prefix."""
        return Not(self.inner.prefixed(prefix))

    def __str__(self) -> str:
        return f"!({self.inner})"


class And(Struct, frozen=True):
    """Every one."""

    parts: tuple[Expr, ...]

    def matches(self, labels: Labels) -> bool:
        """Whether all match."""
        return all(part.matches(labels) for part in self.parts)

    def asked(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset().union(*(part.asked() for part in self.parts))

    def prefixed(self, prefix: str) -> Expr:
        """Under the prefix."""
        return And(tuple(part.prefixed(prefix) for part in self.parts))

    def __str__(self) -> str:
        return "(" + " && ".join(map(str, self.parts)) + ")"


class Or(Struct, frozen=True):
    """At least one."""

    parts: tuple[Expr, ...]

    def matches(self, labels: Labels) -> bool:
        """Whether one matches."""
        return any(part.matches(labels) for part in self.parts)

    def asked(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset().union(*(part.asked() for part in self.parts))

    def prefixed(self, prefix: str) -> Expr:
        """Under the prefix."""
        return Or(tuple(part.prefixed(prefix) for part in self.parts))

    def __str__(self) -> str:
        return "(" + " || ".join(map(str, self.parts)) + ")"


def _quoted(value: str) -> str:
    return f'"{value}"' if '"' not in value else f"'{value}'"
