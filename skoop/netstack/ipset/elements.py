"""One entry of a set: "10.0.0.0/24,tcp:80,eth0"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from msgspec import Struct

from skoop.model.address import Family
from skoop.netstack.icmp_names import icmp_numbers
from skoop.netstack.ipset.sets import INNER, Dimension, Inner, Key, Value
from skoop.netstack.iptables.protocols import protocol_number
from skoop.netstack.iptables.values import address, decimal, number

_MOST = 1 << 16
"""Addresses or ports one entry may stand for; `ipset save` never prints ranges, people do."""
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


class Element(Struct, frozen=True):
    """An entry: the values it stands for in each outer dimension, and the inner ones. `shifts` has
    the host bits used in each dimension, () where it is no network."""

    outer: tuple[tuple[Value, ...], ...]
    inner: tuple[Inner, ...]
    shifts: tuple[tuple[int, ...], ...]
    device: str = ""

    def rows(self, *, wildcard: bool) -> Iterator[tuple[Key, Inner]]:
        """Every (key, inner value)."""
        for key in product(*self.outer):
            marked = tuple(f"{v}*" if wildcard and isinstance(v, str) else v for v in key)
            for inner in self.inner:
                yield marked, inner


def _prefixes(low: int, high: int, bits: int) -> list[tuple[int, int]]:
    """The (shift, network >> shift) that cover low..high exactly."""
    found: list[tuple[int, int]] = []
    while low <= high:
        shift = bits if low == 0 else (low & -low).bit_length() - 1
        while low + (1 << shift) - 1 > high:
            shift -= 1
        found.append((shift, low >> shift))
        low += 1 << shift
    return found


def _span(text: str, family: Family) -> tuple[int, int]:
    """Lowest and highest address of "a", "a-b" or "a/length"."""
    low_text, dash, high_text = text.partition("-")
    if dash:
        low, high = address(low_text, family), address(high_text, family)
        if low > high:
            raise ValueError("the range is upside down")
        return low, high
    base_text, slash, length_text = text.partition("/")
    base = address(base_text, family)
    length = decimal(length_text) if slash else family.bits
    if length > family.bits:
        raise ValueError("the prefix is too long")
    host = (1 << (family.bits - length)) - 1
    return base & ~host, base | host


def _addresses(text: str, family: Family, mask: int) -> tuple[Value, ...]:
    low, high = _span(text, family)
    if high - low >= _MOST:
        raise ValueError("the range is too long")
    return tuple(dict.fromkeys(one & mask for one in range(low, high + 1)))


def _port_range(text: str) -> range:
    low, dash, high = text.partition("-")
    first = decimal(low)
    last = decimal(high) if dash else first
    if first > last or last >= _MOST:
        raise ValueError(f"{text[:20]!r} is not a port")
    return range(first, last + 1)


def _icmp_port(text: str, family: Family) -> int:
    kind_text, slash, code_text = text.partition("/")
    if slash or kind_text.isdigit():
        kind, code = decimal(kind_text), decimal(code_text) if slash else 0
    else:
        kind, code = icmp_numbers(text, family)
    if kind > 255 or code > 255:
        raise ValueError(f"{text[:20]!r} is not an ICMP type")
    return kind << 8 | max(code, 0)


def _ports(text: str, family: Family) -> tuple[Inner, ...]:
    """ "tcp:80", "80" (TCP), "icmp:echo-request", "gre:0"."""
    name, colon, port = text.partition(":")
    if not colon:
        return tuple((6, one) for one in _port_range(name))
    proto = protocol_number(name)
    if proto in (1, 58):
        return ((proto, _icmp_port(port, family)),)
    return tuple((proto, one) for one in _port_range(port))


def _inner(kind: Dimension, text: str, family: Family) -> tuple[Inner, ...]:
    if kind is Dimension.PORT:
        return _ports(text, family)
    if kind is Dimension.BARE_PORT:
        return tuple(_port_range(text.rpartition(":")[2]))
    if text and not _MAC.fullmatch(text):
        raise ValueError(f"{text[:30]!r} is not a hardware address")
    return (text.lower(),)


def _outer(kind: Dimension, text: str, family: Family, mask: int) -> tuple[Value, ...]:
    if kind is Dimension.IP:
        return _addresses(text, family, mask)
    if kind is Dimension.NET:
        return tuple(_prefixes(*_span(text, family), family.bits))
    if kind is Dimension.MARK:
        return (number(text) & mask,)
    if not text:
        raise ValueError("an interface without a name")
    return (text,)


def read_element(
    text: str, dimensions: tuple[Dimension, ...], family: Family, masks: tuple[int, ...]
) -> Element:
    """Read an entry of a set with these dimensions. Raises ValueError."""
    parts = text.split(",")
    if dimensions[-1] is Dimension.MAC and len(parts) == len(dimensions) - 1:
        parts.append("")
    if len(parts) != len(dimensions):
        raise ValueError(f"an entry of this set has {len(dimensions)} parts")
    outer: list[tuple[Value, ...]] = []
    shifts: list[tuple[int, ...]] = []
    inner: tuple[Inner, ...] = (0,)
    device = ""
    for kind, part, mask in zip(dimensions, parts, masks, strict=True):
        if kind in INNER:
            inner = _inner(kind, part, family)
            shifts.append(())
            continue
        values = _outer(kind, part, family, mask)
        outer.append(values)
        shifts.append(tuple(v[0] for v in values if isinstance(v, tuple)))
        device = part if kind is Dimension.IFACE else device
    return Element(tuple(outer), inner, tuple(shifts), device)
