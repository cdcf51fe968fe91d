"""Addresses as integers, because the walk compares them millions of times.

An address is an `int` together with a `Family`; `socket.inet_pton` parses it (seven times faster
than `ipaddress`). Text enters and leaves only through the functions here.
"""

from __future__ import annotations

import socket
from enum import IntEnum
from functools import cache, lru_cache

from msgspec import Struct


class Family(IntEnum):
    """The IP version."""

    V4 = 4
    V6 = 6

    @property
    def bits(self) -> int:
        """Width of an address in bits."""
        return 32 if self is Family.V4 else 128


_AF = {Family.V4: socket.AF_INET, Family.V6: socket.AF_INET6}


def parse_ip(text: str) -> tuple[Family, int]:
    """Read "10.0.0.1" or "fd00::1"; a prefix, a zone or a name raises ValueError."""
    family = Family.V6 if ":" in text else Family.V4
    try:
        return family, int.from_bytes(socket.inet_pton(_AF[family], text), "big")
    except (OSError, UnicodeError, ValueError) as error:
        raise ValueError(f"not an IP address: {text[:60]!r}") from error


@lru_cache(maxsize=65536)
def format_ip(family: Family, value: int) -> str:
    """The usual text of an address: format_ip(Family.V4, 1) is "0.0.0.1"."""
    return socket.inet_ntop(_AF[family], value.to_bytes(family.bits // 8, "big"))


def with_port(address: str, port: int | str) -> str:
    """ "10.0.0.1:80", "[fd00::1]:80"."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Prefix(Struct, frozen=True, order=True):
    """A network: `network` has its host bits cleared, `length` is 0..32 or 0..128."""

    family: Family
    network: int
    length: int

    @property
    def mask(self) -> int:
        """The netmask as an integer."""
        bits = self.family.bits
        return ((1 << self.length) - 1) << (bits - self.length)

    def contains(self, address: int) -> bool:
        """Whether an address of the same family lies in this network."""
        shift = self.family.bits - self.length
        return address >> shift == self.network >> shift

    def __str__(self) -> str:
        return f"{format_ip(self.family, self.network)}/{self.length}"


def parse_prefix(text: str) -> Prefix:
    """Read "10.0.0.0/8" or a bare address (a host prefix); host bits are cleared.

    Raises ValueError.
    """
    address, slash, length_text = text.partition("/")
    family, value = parse_ip(address)
    if not slash:
        return Prefix(family, value, family.bits)
    if not (length_text.isascii() and length_text.isdigit()) or int(length_text) > family.bits:
        raise ValueError(f"not a prefix: {text[:60]!r}")
    length = int(length_text)
    shift = family.bits - length
    return Prefix(family, value >> shift << shift, length)


def is_loopback(family: Family, address: int) -> bool:
    """127.0.0.0/8 or ::1."""
    return address >> 24 == 127 if family is Family.V4 else address == 1


def is_multicast(family: Family, address: int) -> bool:
    """224.0.0.0/4 or ff00::/8."""
    return address >> 28 == 0xE if family is Family.V4 else address >> 120 == 0xFF


def is_link_local(family: Family, address: int) -> bool:
    """169.254.0.0/16 or fe80::/10."""
    return address >> 16 == 0xA9FE if family is Family.V4 else address >> 118 == 0xFE80 >> 6


_PRIVATE = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
    "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128",
)  # fmt: skip


@cache
def _private_networks() -> tuple[Prefix, ...]:
    return tuple(map(parse_prefix, _PRIVATE))


def is_private(family: Family, address: int) -> bool:
    """Whether no router of the internet knows it (RFC 1918, 6598, 4193 and link-local)."""
    return any(each.family is family and each.contains(address) for each in _private_networks())
