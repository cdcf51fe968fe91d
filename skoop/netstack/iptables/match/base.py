"""What a match is: a question about a packet with the answers yes, no, and "cannot tell"."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.netfilter import View

Test = Callable[[Packet, View], Answer]


class UnmodelledError(ValueError):
    """An option, or a value of one, that skoop does not model. Its text is one clause."""


class Option(Struct, frozen=True, gc=False):
    """`! --name value ...` as (name without dashes, values, inverted)."""

    name: str
    values: tuple[str, ...]
    inverted: bool

    @property
    def value(self) -> str:
        """The only value."""
        return self.values[0]


class Match(Struct, frozen=True, kw_only=True, gc=False):
    """A compiled match.

    `why` is one clause that explains an answer of None. Two undecided matches with the same `fact`
    ask for the same thing, so one world answers both alike (`flipped` for a negated one).
    `chance` is the share of packets a random match lets through, whatever they look like.
    `dport` and `proto` tell the index what can be looked up. `modelled` false means: skoop never
    decides this match. `assumption` says what was taken for granted, "" for nothing.
    """

    test: Test
    why: str = ""
    fact: tuple[object, ...] = ()
    flipped: bool = False
    chance: float = 1.0
    dport: int = -1
    modelled: bool = True
    assumption: str = ""


Build = Callable[[tuple[Option, ...], Family], Match]


class MatchType(Struct, frozen=True):
    """A match by its name in `-m`; `options` gives each option's number of values."""

    name: str
    options: dict[str, int]
    build: Build
    modelled: bool = True


def always(packet: Packet, view: View) -> Answer:  # noqa: ARG001
    """Yes to everything."""
    return True


def never(packet: Packet, view: View) -> Answer:  # noqa: ARG001
    """No to everything."""
    return False


def undecided(packet: Packet, view: View) -> Answer:  # noqa: ARG001
    """Cannot tell."""
    return None


ALWAYS = Match(test=always)


def negated(test: Test) -> Test:
    """The opposite answer; "cannot tell" stays."""

    def opposite(packet: Packet, view: View) -> Answer:
        answer = test(packet, view)
        return None if answer is None else not answer

    return opposite


def either(test: Test, *, inverted: bool) -> Test:
    """The test, or its opposite under `!`."""
    return negated(test) if inverted else test


def all_of(tests: Iterable[Test]) -> Test:
    """Yes when every test says yes; a definite no wins over "cannot tell"."""
    several = tuple(tests)
    if not several:
        return always
    if len(several) == 1:
        return several[0]

    def together(packet: Packet, view: View) -> Answer:
        result: Answer = True
        for test in several:
            answer = test(packet, view)
            if answer is False:
                return False
            if answer is None:
                result = None
        return result

    return together


def unmodelled(why: str) -> Match:
    """A match that skoop never decides."""
    return Match(test=undecided, why=why, modelled=False)


def by_name(options: tuple[Option, ...]) -> dict[str, Option]:
    """Options by name; a repeated one keeps its last value, as getopt leaves it."""
    return {option.name: option for option in options}
