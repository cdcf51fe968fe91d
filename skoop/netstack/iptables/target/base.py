"""What a target does: nothing, a change, a jump, or the end of the base chain."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection
from skoop.netstack.iptables.match.base import Option, UnmodelledError
from skoop.netstack.netfilter import NO_NAT, NO_TPROXY, Action, Nat, Tproxy, View

__all__ = [
    "Build",
    "Change",
    "End",
    "Ending",
    "Op",
    "Option",
    "Target",
    "TargetType",
    "UnmodelledError",
]


class Op(IntEnum):
    """What follows a rule that matched."""

    CONTINUE = 0
    END = 1
    RETURN = 2
    JUMP = 3
    GOTO = 4
    UNKNOWN = 5


class Ending(Struct, frozen=True, gc=False):
    """How a base chain ends at this rule."""

    action: Action
    nat: Nat = NO_NAT
    tproxy: Tproxy = NO_TPROXY
    reject_with: str = ""


Change = Callable[[Packet, View], tuple[Packet, Connection]]
End = Callable[[Packet, View], Ending]


class Target(Struct, frozen=True, kw_only=True, gc=False):
    """A compiled target.

    `effect` is the phrase for reports. `change` runs first, whatever the `op`; `end` gives the
    ending of `Op.END`; `chain` is where JUMP and GOTO go. For `Op.UNKNOWN`, `why` says what is not
    modelled and `may_continue` whether later rules may still see the packet.
    """

    op: Op
    effect: str
    change: Change | None = None
    end: End | None = None
    chain: str = ""
    why: str = ""
    may_continue: bool = True


Build = Callable[[tuple[Option, ...], Family], Target]


class TargetType(Struct, frozen=True):
    """A target by its name in `-j`; `options` gives each option's number of values, -1 for one
    that may be left out."""

    name: str
    options: dict[str, int]
    build: Build
    modelled: bool = True


def ends(effect: str, ending: Ending) -> Target:
    """A target that always ends the chain the same way."""
    return Target(op=Op.END, effect=effect, end=lambda packet, view: ending)  # noqa: ARG005


def unknown(name: str, why: str, *, may_continue: bool = True) -> Target:
    """A target whose effect skoop cannot tell."""
    return Target(op=Op.UNKNOWN, effect=f"target {name}", why=why, may_continue=may_continue)
