"""What several kinds of objects share."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Family

Address = tuple[Family, int]
"""One IP address: its family and its value."""


class Condition(Struct, frozen=True, gc=False):
    """One entry of status.conditions. `status` is "True", "False" or "Unknown"."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class Owner(Struct, frozen=True, gc=False):
    """The controlling owner reference; both "" when there is none."""

    kind: str = ""
    name: str = ""


class Requirement(Struct, frozen=True, gc=False):
    """One entry of matchExpressions. `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it. A missing label meets NotIn (apimachinery/pkg/labels)."""
        value = labels.get(self.key)
        if self.operator == "In":
            return value is not None and value in self.values
        if self.operator == "NotIn":
            return value is None or value not in self.values
        return (value is not None) == (self.operator == "Exists")


class LabelSelector(Struct, frozen=True, gc=False):
    """metav1.LabelSelector: every label and every requirement must hold; empty selects all."""

    match_labels: Mapping[str, str] = {}
    expressions: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.holds(labels) for requirement in self.expressions
        )
