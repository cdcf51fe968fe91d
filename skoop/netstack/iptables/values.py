"""Reading the values of options. Everything here raises ValueError on what it does not know."""

from __future__ import annotations

import re

from skoop.model.address import Family, parse_ip

_MAX32 = 0xFFFFFFFF
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}")


def number(text: str) -> int:
    """12, 0xc or (as strtoul reads it) 014."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:30]!r} is not a number")
    if text[:2].lower() == "0x":
        return int(text, 16)
    if len(text) > 1 and text[0] == "0":
        return int(text, 8)
    return int(text)


def decimal(text: str) -> int:
    """A number that may carry leading zeros without being octal (ports, lengths)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError(f"{text[:30]!r} is not a number")
    return int(text)


def value_and_mask(text: str, full: int = _MAX32) -> tuple[int, int]:
    """ "0x1/0xff" as (1, 0xff); without a mask every bit counts."""
    value, slash, mask = text.partition("/")
    return number(value) & full, number(mask) & full if slash else full


def bounds(text: str, separator: str = ":", highest: int = 0xFFFF) -> tuple[int, int]:
    """ "80" as (80, 80), "80:90" as (80, 90), ":90" as (0, 90), "80:" as (80, highest)."""
    low, colon, high = text.partition(separator)
    first = decimal(low) if low else 0
    if not colon:
        return first, decimal(low)
    last = decimal(high) if high else highest
    if first > last or last > highest:
        raise ValueError(f"{text[:30]!r} is not a range")
    return first, last


def ports(text: str) -> tuple[int, int]:
    """A port or a range "low:high"."""
    low, high = bounds(text)
    if high > 0xFFFF:
        raise ValueError(f"{text[:30]!r} is not a port")
    return low, high


def address(text: str, family: Family) -> int:
    """An address of the table's family."""
    found, value = parse_ip(text)
    if found is not family:
        raise ValueError(f"{text[:50]!r} is of the other IP version")
    return value


def network(text: str, family: Family) -> tuple[int, int]:
    """(network, mask) of "10.0.0.0/8", "10.0.0.0/255.0.255.0" or a bare address."""
    base, slash, mask_text = text.partition("/")
    value, bits = address(base, family), family.bits
    if not slash:
        return value, (1 << bits) - 1
    if mask_text.isascii() and mask_text.isdigit():
        length = int(mask_text)
        if length > bits:
            raise ValueError(f"{text[:50]!r} is not a network")
        mask = ((1 << length) - 1) << (bits - length)
    else:
        mask = address(mask_text, family)
    return value & mask, mask


def address_range(text: str, family: Family, separator: str = "-") -> tuple[int, int]:
    """ "1.1.1.1-1.1.1.9", or one address as a range of itself."""
    low, dash, high = text.partition(separator)
    first = address(low, family)
    return first, address(high, family) if dash else first
