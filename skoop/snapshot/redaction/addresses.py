"""Addresses replaced by others that stand in the same relations.

The mapping keeps prefixes: two addresses that share k leading bits share k leading bits afterwards
(as Xu et al., "Prefix-preserving IP address anonymization", 2002), so every route, mask and set
decides as before. The last 8 bits (64 of IPv6) stay, so networks, broadcasts and small ranges keep
their look; where a range spans more, the bits that its order depends on stay too. What has a
meaning of its own stays: loopback, link-local, multicast, shared address space, masks; and a
private address stays a private one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from skoop.model.address import Family, Prefix, parse_prefix

_KEPT = tuple(
    map(
        parse_prefix,
        (
            "0.0.0.0/8",
            "127.0.0.0/8",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "224.0.0.0/3",
            "::/16",
            "64:ff9b::/96",
            "fe80::/10",
            "ff00::/8",
        ),
    )
)
_STAYS_INSIDE = tuple(map(parse_prefix, ("172.16.0.0/12", "192.168.0.0/16")))
_FIRST_BIT = {Family.V4: 8, Family.V6: 16}
_LAST_BIT = {Family.V4: 24, Family.V6: 64}


class AddressMap:
    """One snapshot's mapping, made by a secret key. `ranges` are pairs of addresses whose order has
    to stay."""

    def __init__(self, key: bytes, ranges: Iterable[tuple[Family, int, int]] = ()) -> None:
        self._key = key
        self._pinned: set[tuple[Family, int, int]] = set()
        for prefix in (*_KEPT, *_STAYS_INSIDE):
            self._pin(prefix.family, prefix.network, prefix.length)
        for family, low, high in ranges:
            for end in (low, high):
                self._pin(family, end, family.bits)
        self.map = lru_cache(maxsize=1 << 17)(self._map)

    def _pin(self, family: Family, address: int, length: int) -> None:
        for depth in range(_FIRST_BIT[family], min(length, _LAST_BIT[family])):
            self._pinned.add((family, depth, address >> (family.bits - depth)))

    def _map(self, family: Family, address: int) -> int:
        if family is Family.V6 and address >> 32 == 0xFFFF:
            return 0xFFFF << 32 | self.map(Family.V4, address & 0xFFFFFFFF)
        if any(prefix.family is family and prefix.contains(address) for prefix in _KEPT):
            return address
        flips = 0
        for depth in range(_FIRST_BIT[family], _LAST_BIT[family]):
            above = address >> (family.bits - depth)
            if self._flip(family, depth, above):
                flips |= 1 << (family.bits - 1 - depth)
        return address ^ flips

    def map_prefix(self, prefix: Prefix) -> Prefix:
        """The network of the mapped addresses."""
        shift = prefix.family.bits - prefix.length
        mapped = self.map(prefix.family, prefix.network)
        return Prefix(prefix.family, mapped >> shift << shift, prefix.length)

    def _flip(self, family: Family, depth: int, above: int) -> bool:
        if (family, depth, above) in self._pinned:
            return False
        text = f"{int(family)}/{depth}/{above:x}".encode()
        return bool(blake2b(text, key=self._key[:64], digest_size=1).digest()[0] & 1)
