"""What a compiled statement is.

A statement either decides whether the rule goes on (`decide`: a match) or acts (`act`). One that
does neither (counter, log) cannot change a packet's fate: doubts before it need no answer yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from skoop.netstack.nft.scope import Draw
from skoop.netstack.nft.values import Some
from skoop.netstack.nft.world import Signal, World

Step = tuple[World, Signal]
Decision = bool | Some
"""Yes, no, or unknown with the reason."""


class Statement(Struct, frozen=True, eq=False):
    """One compiled statement; `draws` are the random numbers it needs."""

    decide: Callable[[World], Decision] | None = None
    act: Callable[[World], Sequence[Step]] | None = None
    draws: tuple[Draw, ...] = ()


NOTHING = Statement()


def matcher(decide: Callable[[World], Decision], draws: tuple[Draw, ...] = ()) -> Statement:
    """A statement that lets the rule go on or not."""
    return Statement(decide=decide, draws=draws)


def action(act: Callable[[World], Step], draws: tuple[Draw, ...] = ()) -> Statement:
    """A statement that does one thing."""
    return Statement(act=lambda world: (act(world),), draws=draws)
