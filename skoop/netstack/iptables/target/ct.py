"""CT and NOTRACK: what conntrack will do with a packet (xt_CT.c)."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection, CtState
from skoop.netstack.iptables.match.base import by_name
from skoop.netstack.iptables.target.base import (
    Change,
    Op,
    Option,
    Target,
    TargetType,
    UnmodelledError,
)
from skoop.netstack.iptables.values import number
from skoop.netstack.netfilter import View


def _untrack(packet: Packet, view: View) -> tuple[Packet, Connection]:
    """Only the first CT rule that a packet meets acts."""
    if view.ct.state is not CtState.INVALID:
        return packet, view.ct
    return packet, replace(view.ct, state=CtState.UNTRACKED)


def _with_template(zone: int) -> Change:
    """The packet gets a template: until conntrack replaces it, rules see a NEW connection."""

    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        if view.ct.state is not CtState.INVALID:
            return packet, view.ct
        return packet, replace(view.ct, state=CtState.NEW, zone=zone)

    return change


def build_notrack(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """The packet becomes UNTRACKED, and NAT does not see it."""
    return Target(op=Op.CONTINUE, effect="untrack", change=_untrack)


def build_ct(options: tuple[Option, ...], family: Family) -> Target:
    """--notrack and --zone; helpers, events and timeouts do not change a packet's way."""
    given = by_name(options)
    if "notrack" in given:
        return build_notrack(options, family)
    if "zone-orig" in given or "zone-reply" in given:
        raise UnmodelledError("conntrack zones of one direction are not modelled")
    if "zone" not in given:
        return Target(op=Op.CONTINUE, effect="conntrack options", change=_with_template(0))
    zone = number(given["zone"].value)
    return Target(op=Op.CONTINUE, effect=f"conntrack zone {zone}", change=_with_template(zone))


NOTRACK = TargetType("NOTRACK", {}, build_notrack)
CT = TargetType(
    "CT",
    {
        "notrack": 0,
        **dict.fromkeys(
            ("zone", "zone-orig", "zone-reply", "helper", "ctevents", "expevents", "timeout"), 1
        ),
    },
    build_ct,
)
