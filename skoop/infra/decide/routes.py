"""Which entry of a route table a packet follows."""

from __future__ import annotations

from msgspec import Struct

from skoop.infra.dialect import Dialect
from skoop.infra.resources import NextHop, NextHopKind, Route, RouteOrigin, RouteState, RouteTable
from skoop.model.address import Family

_RANK = {origin: number for number, origin in enumerate(RouteOrigin)}


class Lookup(Struct, frozen=True):
    """The entry that decides, None when there is none, and its ways on with the share of
    connections that each takes. `idle` are entries not in force that would have been better."""

    route: Route | None
    ways: tuple[tuple[NextHop, float], ...] = ()
    idle: tuple[Route, ...] = ()


def lookup(table: RouteTable, family: Family, address: int, dialect: Dialect) -> Lookup:
    """Longest prefix first; of one length the cloud's own entry, then a user's, then a learned
    one. With `local_is_final` nothing is more specific than a route to the VPC itself."""
    covering = [
        each
        for each in table.routes
        if each.destination.family is family and each.destination.contains(address)
    ]
    covering.sort(key=lambda each: (-each.destination.length, _RANK[each.origin]))
    if dialect.local_is_final:
        covering.sort(key=lambda each: not _is_local(each))
    used = [each for each in covering if is_in_force(each)]
    if not used:
        return Lookup(None, idle=tuple(covering))
    chosen = used[0]
    idle = covering[: covering.index(chosen)]
    return Lookup(chosen, ways(chosen), tuple(idle))


def is_in_force(route: Route) -> bool:
    """A blackhole is in force: it takes packets, and drops them."""
    return route.state in (RouteState.ACTIVE, RouteState.BLACKHOLE)


def ways(route: Route) -> tuple[tuple[NextHop, float], ...]:
    """Next hops by weight; those of weight 0 only when there are no others."""
    hops = route.next_hops
    weighed = [each for each in hops if each.weight > 0]
    if not weighed:
        return tuple((each, 1 / len(hops)) for each in hops)
    total = sum(each.weight for each in weighed)
    return tuple((each, each.weight / total) for each in weighed)


def _is_local(route: Route) -> bool:
    return any(each.kind is NextHopKind.LOCAL for each in route.next_hops)
