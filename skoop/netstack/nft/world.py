"""One way the packet's walk through a chain may have gone so far, and how a rule goes on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection
from skoop.netstack.netfilter import (
    NO_NAT,
    NO_TPROXY,
    Action,
    Fired,
    Guess,
    Nat,
    Tproxy,
    View,
)

NO_DRAWS: Mapping[int, int] = MappingProxyType({})


class World(Struct, frozen=True, kw_only=True):
    """The packet, its connection and what led here.

    `tracked` is false in chains that run before conntrack has seen the packet. `draws` holds the
    numbers drawn for the statement under way. `added` lists (set, key) that this packet's rules
    put into dynamic sets.
    """

    packet: Packet
    ct: Connection
    view: View
    tracked: bool = True
    weight: float = 1.0
    guesses: tuple[Guess, ...] = ()
    fired: tuple[Fired, ...] = ()
    tproxy: Tproxy = NO_TPROXY
    draws: Mapping[int, int] = NO_DRAWS
    added: tuple[tuple[str, Any], ...] = ()


class Flow(Enum):
    """Where the walk goes after a statement, when it stays in this chain or its caller."""

    NEXT = "next statement"
    BREAK = "next rule"
    RETURN = "return"


class Call(Struct, frozen=True):
    """jump (`goto` false) or goto."""

    target: str
    goto: bool


class Final(Struct, frozen=True):
    """The end of the base chain."""

    action: Action
    effect: str
    nat: Nat = NO_NAT
    reject_with: str = ""


class Doubt(Struct, frozen=True):
    """The statement may do any of `maybe`, or nothing at all (the rule does not match)."""

    why: str
    maybe: tuple[Flow | Call | Final, ...]


Signal = Flow | Call | Final | Doubt

ANYTHING = (
    Final(Action.ACCEPT, "assumed to accept"),
    Final(Action.DROP, "assumed to drop"),
)
"""What a statement of unknown effect might do."""
