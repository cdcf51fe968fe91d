"""What a register can hold, as far as skoop knows it, and what a constant can ask of it.

nftables loads registers and compares them. A load has three ends: a value; `BREAK`, when the packet
has no such thing and the kernel leaves the rule (NFT_BREAK); or `Some` value that was not collected
or is drawn at random, of which only bounds are known.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from msgspec import Struct

from skoop.model.packet import drawn_within

Json = Any
"""A decoded JSON value."""


class Absent(Enum):
    """The load that ends a rule."""

    BREAK = "break"


BREAK = Absent.BREAK


class Some(Struct, frozen=True):
    """An unknown value within low..high (both inclusive), and why it is unknown. `port` means that
    it is a port drawn from there, which is taken not to hit what few of them are."""

    why: str
    low: int = 0
    high: int = (1 << 128) - 1
    port: bool = False


class Range(Struct, frozen=True):
    """Every integer in low..high, both inclusive."""

    low: int
    high: int


class Glob(Struct, frozen=True):
    """Every name (not "", which is no name) that starts with `prefix`."""

    prefix: str


ANY_NAME = Glob("")


Value = int | str | Some | Absent | tuple[Any, ...]
"""A load's result; a concatenation is a tuple of results without BREAK."""

Pattern = int | str | Range | Glob | tuple[Any, ...]
"""A constant; a tuple for a concatenation."""


class UnmodelledError(Exception):
    """A part of a rule that skoop does not model; its text says which, in one clause."""


def first_unknown(value: Value) -> Some | None:
    """The unknown part of a value, None when all of it is known."""
    if isinstance(value, Some):
        return value
    if isinstance(value, tuple):
        for part in value:
            if isinstance(part, Some):
                return part
    return None


def meets(value: Value, pattern: Pattern) -> bool | None:
    """Whether a value is what a pattern asks for; None when its unknown part decides."""
    if isinstance(pattern, tuple):
        return _meets_all(value, pattern)
    if isinstance(value, Some):
        return _unknown_meets(value, pattern)
    if isinstance(pattern, Range):
        return isinstance(value, int) and pattern.low <= value <= pattern.high
    if isinstance(pattern, Glob):
        return isinstance(value, str) and value != "" and value.startswith(pattern.prefix)
    return value == pattern


def _meets_all(value: Value, pattern: tuple[Any, ...]) -> bool | None:
    if not isinstance(value, tuple) or len(value) != len(pattern):
        return False
    answer: bool | None = True
    for part, wanted in zip(value, pattern, strict=True):
        one = meets(part, wanted)
        if one is False:
            return False
        if one is None:
            answer = None
    return answer


def _unknown_meets(value: Some, pattern: int | str | Range | Glob) -> bool | None:
    if isinstance(pattern, str | Glob):
        return None
    low, high = (pattern.low, pattern.high) if isinstance(pattern, Range) else (pattern, pattern)
    if value.port:
        return drawn_within(value.low, value.high, low, high)
    if low <= value.low and value.high <= high:
        return True
    if high < value.low or value.high < low:
        return False
    return None
