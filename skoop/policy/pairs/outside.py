"""Addresses outside the cluster, as far as policies can tell them apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec.structs import replace

from skoop.model.address import Family, format_ip
from skoop.policy.pairs.walk import all_peer_leaves, net_bounds
from skoop.policy.parties import Parties
from skoop.policy.party import Party, PartyKind
from skoop.policy.rules import PolicySet

_MAX_OUTSIDE = 4096
"""Address ranges that stand for what is outside; with more of them the rest is left out."""


def outside(known: Parties, sets: Sequence[PolicySet]) -> Iterator[Party]:
    """A range of addresses between any two at which some network begins or ends, as far as no pod
    or node has both its first and its last one."""
    bounds = net_bounds(all_peer_leaves(sets))
    count = 0
    for family in Family:
        if not bounds[family.value] and family is Family.V6:
            continue
        for first, last in _ranges(bounds[family.value], family):
            count += 1
            for value in dict.fromkeys((first, last)):
                party = known.of_address((family, value))
                if party.kind is PartyKind.ADDRESS and count <= _MAX_OUTSIDE:
                    yield replace(party, name=_range_text(family, first, last))
                    break


def _ranges(bounds: Iterable[int], family: Family) -> Iterator[tuple[int, int]]:
    edges = sorted({0, 1 << family.bits, *bounds})
    for first, after in pairwise(edges):
        yield first, after - 1


def _range_text(family: Family, first: int, last: int) -> str:
    if first == last:
        return format_ip(family, first)
    return f"{format_ip(family, first)}-{format_ip(family, last)}"
