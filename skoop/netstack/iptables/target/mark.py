"""MARK and CONNMARK (xt_mark.c, xt_connmark.c). A value is set as (old & ~mask) ^ value."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection
from skoop.netstack.iptables.match.base import by_name
from skoop.netstack.iptables.match.conntrack import has_connection
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

_ALL = 0xFFFFFFFF
_SETTERS = ("set-xmark", "set-mark", "and-mark", "or-mark", "xor-mark")


def _value_and_clear(option: Option) -> tuple[int, int]:
    """(value, bits to clear) of any of the setting options."""
    if option.name == "set-xmark":
        return value_and_mask(option.value)
    if option.name == "set-mark":
        value, mask = value_and_mask(option.value)
        return value, value | mask
    bits = number(option.value) & _ALL
    if option.name == "and-mark":
        return 0, ~bits & _ALL
    return (bits, bits) if option.name == "or-mark" else (bits, 0)


def _effect(what: str, option: Option) -> str:
    value, clear = _value_and_clear(option)
    return f"{what} {value:#x}/{clear:#x}"


def build_mark(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """Sets the packet's mark; the next rule sees the packet."""
    if len(options) != 1:
        raise UnmodelledError("MARK takes one option")
    value, clear = _value_and_clear(options[0])
    keep = ~clear & _ALL

    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        return replace(packet, mark=packet.mark & keep ^ value), view.ct

    return Target(op=Op.CONTINUE, effect=_effect("mark", options[0]), change=change)


def _shift(options: dict[str, Option]) -> int:
    """Bits to shift left; negative to the right."""
    if "left-shift-mark" in options:
        return number(options["left-shift-mark"].value)
    if "right-shift-mark" in options:
        return -number(options["right-shift-mark"].value)
    return 0


def _shifted(value: int, shift: int) -> int:
    return (value << shift if shift >= 0 else value >> -shift) & _ALL


def _set(option: Option, shift: int) -> Change:
    value, clear = _value_and_clear(option)
    keep = ~clear & _ALL

    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        mark = _shifted(view.ct.mark & keep ^ value, shift)
        return packet, replace(view.ct, mark=mark)

    return change


def _save(nfmask: int, ctmask: int, shift: int) -> Change:
    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        mark = view.ct.mark & ~ctmask & _ALL ^ _shifted(packet.mark & nfmask, shift)
        return packet, replace(view.ct, mark=mark)

    return change


def _restore(nfmask: int, ctmask: int, shift: int) -> Change:
    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        mark = packet.mark & ~nfmask & _ALL ^ _shifted(view.ct.mark & ctmask, shift)
        return replace(packet, mark=mark), view.ct

    return change


def _mask(options: dict[str, Option], name: str) -> int:
    option = options.get(name) or options.get("mask")
    return number(option.value) & _ALL if option else _ALL


def build_connmark(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """Sets the connection's mark, or copies between it and the packet's. Without a connection it
    does nothing."""
    given = by_name(options)
    shift = _shift(given)
    nfmask, ctmask = _mask(given, "nfmask"), _mask(given, "ctmask")
    setters = [given[name] for name in _SETTERS if name in given]
    if "save-mark" in given:
        act, effect = _save(nfmask, ctmask, shift), "save mark to connection"
    elif "restore-mark" in given:
        act, effect = _restore(nfmask, ctmask, shift), "restore mark from connection"
    elif setters:
        act, effect = _set(setters[0], shift), _effect("connection mark", setters[0])
    else:
        raise UnmodelledError("CONNMARK without anything to do")

    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        return act(packet, view) if has_connection(view) else (packet, view.ct)

    return Target(op=Op.CONTINUE, effect=effect, change=change)


MARK = TargetType("MARK", dict.fromkeys(_SETTERS, 1), build_mark)
CONNMARK = TargetType(
    "CONNMARK",
    {
        **dict.fromkeys(_SETTERS, 1),
        "save-mark": 0,
        "restore-mark": 0,
        **dict.fromkeys(("nfmask", "ctmask", "mask", "left-shift-mark", "right-shift-mark"), 1),
    },
    build_connmark,
)
