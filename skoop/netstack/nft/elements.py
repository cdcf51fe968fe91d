"""The elements of a set or map, indexed once so that a lookup does not depend on their number.

Single values are found in one dict lookup, intervals of one dimension by bisection. Concatenations
with intervals (the kernel's pipapo sets) are tried one by one after the dict.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from skoop.netstack.nft.values import Glob, Pattern, Range, Some, Value, first_unknown, meets


class Missing(Struct, frozen=True):
    """No element holds the key."""


MISSING = Missing()


class Maybe(Struct, frozen=True):
    """Which element holds the key depends on something unknown: the data of those that may."""

    why: str
    data: tuple[Any, ...]


class Elements:
    """An index over (pattern, data) pairs; `default` is the catch-all element's data."""

    def __init__(self, pairs: Iterable[tuple[Pattern, Any]], default: Any = MISSING) -> None:
        self._exact: dict[Any, Any] = {}
        self._ranges: list[tuple[int, int, Any]] = []
        self._rest: list[tuple[Pattern, Any]] = []
        self._default = default
        for pattern, data in pairs:
            if isinstance(pattern, Range):
                self._ranges.append((pattern.low, pattern.high, data))
            elif _is_single(pattern):
                self._exact.setdefault(pattern, data)
            else:
                self._rest.append((pattern, data))
        self._ranges.sort(key=lambda entry: entry[:2])
        self._starts = [low for low, _, _ in self._ranges]

    def find(self, key: Value) -> Any:
        """The data of the element that holds the key, MISSING, or a Maybe."""
        unknown = first_unknown(key)
        if unknown is not None:
            return self._find_unknown(key, unknown)
        found = self._exact.get(key, MISSING)
        if found is not MISSING:
            return found
        if self._starts and isinstance(key, int):
            place = bisect_right(self._starts, key) - 1
            if place >= 0 and key <= self._ranges[place][1]:
                return self._ranges[place][2]
        for pattern, data in self._rest:
            if meets(key, pattern):
                return data
        return self._default

    def _find_unknown(self, key: Value, unknown: Some) -> Any:
        possible = []
        for pattern, data in self._all():
            answer = meets(key, pattern)
            if answer:
                return data
            if answer is None and data not in possible:
                possible.append(data)
        if not possible:
            return self._default
        if self._default is not MISSING:
            possible.append(self._default)
        return Maybe(unknown.why, tuple(possible))

    def _all(self) -> Iterable[tuple[Pattern, Any]]:
        yield from self._exact.items()
        for low, high, data in self._ranges:
            yield Range(low, high), data
        yield from self._rest


def _is_single(pattern: Pattern) -> bool:
    if isinstance(pattern, tuple):
        return all(_is_single(part) for part in pattern)
    return not isinstance(pattern, Range | Glob)
