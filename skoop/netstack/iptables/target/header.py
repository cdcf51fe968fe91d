"""TTL, HL, TOS, DSCP: fields of the IP header (xt_HL.c, xt_DSCP.c)."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection
from skoop.netstack.iptables.dscp import dscp_value, tos_value_and_mask
from skoop.netstack.iptables.match.base import by_name
from skoop.netstack.iptables.target.base import (
    Change,
    Op,
    Option,
    Target,
    TargetType,
    UnmodelledError,
)
from skoop.netstack.iptables.values import number, value_and_mask
from skoop.netstack.netfilter import View


def _ttl_change(new: Callable[[int], int]) -> Change:
    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        return replace(packet, ttl=min(255, max(0, new(packet.ttl)))), view.ct

    return change


def build_ttl(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """Set, increment or decrement, within 0..255; a packet is not dropped here."""
    if len(options) != 1:
        raise UnmodelledError("TTL takes one option")
    option, amount = options[0], number(options[0].value)
    if option.name.endswith("-set"):
        change = _ttl_change(lambda _: amount)
    elif option.name.endswith("-inc"):
        change = _ttl_change(lambda ttl: ttl + amount)
    else:
        change = _ttl_change(lambda ttl: ttl - amount)
    return Target(op=Op.CONTINUE, effect=f"{option.name} {amount}", change=change)


def _tos_change(clear: int, value: int) -> Change:
    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        return replace(packet, tos=packet.tos & ~clear & 0xFF ^ value), view.ct

    return change


def build_tos(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """(tos & ~mask) ^ value, in all its spellings."""
    if len(options) != 1:
        raise UnmodelledError("TOS takes one option")
    option = options[0]
    if option.name == "set-tos":
        value, clear = tos_value_and_mask(option.value)
    else:
        bits, _ = value_and_mask(option.value, 0xFF)
        value = 0 if option.name == "and-tos" else bits
        clear = {"and-tos": ~bits & 0xFF, "or-tos": bits, "xor-tos": 0}[option.name]
    return Target(
        op=Op.CONTINUE, effect=f"tos {value:#x}/{clear:#x}", change=_tos_change(clear, value)
    )


def build_dscp(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """The upper six bits of the TOS byte."""
    given = by_name(options)
    option = given.get("set-dscp") or given.get("set-dscp-class")
    if option is None:
        raise UnmodelledError("DSCP without a value")
    value = dscp_value(option.value, is_class=option.name == "set-dscp-class")
    return Target(op=Op.CONTINUE, effect=f"dscp {value:#x}", change=_tos_change(0xFC, value << 2))


TTL = TargetType("TTL", dict.fromkeys(("ttl-set", "ttl-inc", "ttl-dec"), 1), build_ttl)
HL = TargetType("HL", dict.fromkeys(("hl-set", "hl-inc", "hl-dec"), 1), build_ttl)
TOS = TargetType("TOS", dict.fromkeys(("set-tos", "and-tos", "or-tos", "xor-tos"), 1), build_tos)
DSCP = TargetType("DSCP", dict.fromkeys(("set-dscp", "set-dscp-class"), 1), build_dscp)
