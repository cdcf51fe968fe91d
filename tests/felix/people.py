"""Who is in a random cluster, and conditions on their labels in all the forms they are written."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

VALUES = {"app": ("a", "b", "c"), "tier": ("web", "db")}
SPACE_VALUES = {"team": ("red", "blue")}


class Term(Struct, frozen=True):
    """One condition on a label: ==, in, notin, has or !has."""

    op: str
    key: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it."""
        value = labels.get(self.key)
        if self.op in ("==", "in"):
            return value in self.values
        if self.op == "notin":
            return value not in self.values
        return (value is not None) == (self.op == "has")


class Chosen(Struct, frozen=True):
    """Conditions that must all hold; none selects everybody."""

    terms: tuple[Term, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet all."""
        return all(term.holds(labels) for term in self.terms)

    def kubernetes(self) -> dict[str, Any]:
        """As a LabelSelector."""
        words = {"in": "In", "notin": "NotIn", "has": "Exists", "!has": "DoesNotExist"}
        same = {term.key: term.values[0] for term in self.terms if term.op == "=="}
        more = [
            {"key": term.key, "operator": words[term.op]}
            | ({"values": list(term.values)} if term.values else {})
            for term in self.terms
            if term.op != "=="
        ]
        return {"matchLabels": same, "matchExpressions": more}

    def calico(self) -> str:
        """As a selector of Calico's."""
        return " && ".join(_calico(term) for term in self.terms) or "all()"


def _calico(term: Term) -> str:
    quoted = ", ".join(f"'{value}'" for value in term.values)
    return {
        "==": f"{term.key} == {quoted}",
        "in": f"{term.key} in {{{quoted}}}",
        "notin": f"{term.key} not in {{{quoted}}}",
        "has": f"has({term.key})",
        "!has": f"!has({term.key})",
    }[term.op]


class Person(Struct, frozen=True, kw_only=True):
    """A pod as policies see it; `ports` are names with protocol and number."""

    namespace: str
    name: str
    node: str
    ip: str
    labels: Mapping[str, str]
    ports: Mapping[str, tuple[str, int]]


class People(Struct, frozen=True):
    """All pods, and the labels of their namespaces."""

    pods: tuple[Person, ...]
    spaces: Mapping[str, Mapping[str, str]]

    def chosen(self, pods: Chosen | None, spaces: Chosen | None, home: str) -> tuple[Person, ...]:
        """Those that a podSelector and a namespaceSelector mean in a policy of `home` ("" for a
        policy of all namespaces)."""
        return tuple(
            pod
            for pod in self.pods
            if (pods or Chosen()).holds(pod.labels)
            and (
                spaces.holds(self.spaces[pod.namespace])
                if spaces is not None
                else home in ("", pod.namespace)
            )
        )


def choose(rng: random.Random, values: Mapping[str, tuple[str, ...]]) -> Chosen:
    """Random conditions, mostly few."""
    terms: dict[str, Term] = {}
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        key = rng.choice(tuple(values))
        op = rng.choice(("==", "==", "==", "in", "notin", "has", "!has"))
        count = {"==": 1, "in": 2, "notin": 1}.get(op, 0)
        terms[key] = Term(op, key, tuple(rng.sample(values[key], min(count, len(values[key])))))
    return Chosen(tuple(terms.values()))
