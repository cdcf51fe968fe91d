"""Sets as integers, with one bit for each member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from skoop.model.kube import LabelSelector

Bits = tuple[int, int]
"""A set, and what may also be in it."""


class LabelIndex:
    """Which members have a label, and which a label with some value."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], int] = {}
        self._keys: dict[str, int] = {}

    def add(self, labels: Mapping[str, str], bit: int) -> None:
        """Another member, by its bit."""
        for pair in labels.items():
            self._pairs[pair] = self._pairs.get(pair, 0) | bit
            self._keys[pair[0]] = self._keys.get(pair[0], 0) | bit

    def having(self, key: str) -> int:
        """Those with the label."""
        return self._keys.get(key, 0)

    def among(self, key: str, values: Iterable[str]) -> int:
        """Those whose label has one of the values."""
        found = 0
        for value in values:
            found |= self._pairs.get((key, value), 0)
        return found

    def selected(self, selector: LabelSelector, full: int) -> int:
        """Those of `full` that a selector takes."""
        found = full
        for pair in selector.match_labels.items():
            found &= self._pairs.get(pair, 0)
        for each in selector.expressions:
            if each.operator in ("In", "NotIn"):
                among = self.among(each.key, each.values)
                found &= among if each.operator == "In" else ~among
            else:
                there = self.having(each.key)
                found &= there if each.operator == "Exists" else ~there
        return found


def union(several: Iterable[Bits]) -> Bits:
    """What is in one of them."""
    yes = maybe = 0
    for first, second in several:
        yes |= first
        maybe |= second
    return yes, maybe & ~yes


def intersection(several: Iterable[Bits], full: int) -> Bits:
    """What is in all of them."""
    yes = possible = full
    for first, second in several:
        yes &= first
        possible &= first | second
    return yes, possible & ~yes


def complement(bits: Bits, full: int) -> Bits:
    """What is not in it."""
    yes, maybe = bits
    return full & ~(yes | maybe), maybe


def ones(bits: int) -> Iterator[int]:
    """The places of the bits that are set, from the lowest."""
    text = bin(bits)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)
