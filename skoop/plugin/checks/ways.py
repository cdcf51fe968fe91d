"""A node's routes to the addresses of other nodes' pods, as its CNI should have written them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from skoop.findings.base import Finding
from skoop.findings.route import (
    RouteMissing,
    RouteShadowedByMoreSpecific,
    RouteViaDownLink,
    RouteWrongDevice,
    RouteWrongNexthop,
)
from skoop.model.address import Family, Prefix
from skoop.model.disposition import Level
from skoop.netstack.fib import FibKind
from skoop.netstack.lines import route_arguments
from skoop.netstack.state import NextHop, Route, RouteType
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, no_route, route_line
from skoop.plugin.checks.routes import ENDING, rp_filter_drop
from skoop.plugin.repair import in_main, in_sequence, set_route, without_route
from skoop.plugin.site import Site, lookup
from skoop.plugin.tables import Tables

BIRD = "BIRD"
"""Who writes the routes that BGP tells."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A route to addresses of a node's pods.

    `exact` asks for a route of just these addresses, else one for a larger network will do; `by`
    is who writes it, `missing` the finding when it is not there. `level` is how bad that is, None
    for the catalogue's word.
    """

    cidr: Prefix
    node: str
    route: Route
    by: str
    exact: bool = True
    missing: type[Finding] = RouteMissing
    level: Level | None = None

    @property
    def command(self) -> str:
        """How to write it by hand."""
        return f"ip route replace {route_arguments(self.route)}"

    @property
    def fix(self) -> str:
        """How to find out why it is not there, where that can be said, and how to write it."""
        if self.by != BIRD:
            return self.command
        look = "calicoctl node status   # on both nodes: is their session established?"
        return f"{look}\n{self.command}"

    def followed_by(self, route: Route) -> bool:
        """Whether a route leads the same way."""
        want = self.route.nexthops[0]
        if not self.exact:
            return [hop.device for hop in route.nexthops] == [want.device]
        ways = [(hop.device, hop.gateway) for hop in route.nexthops]
        return ways == [(want.device, want.gateway)]


def way_to(site: Site, tables: Tables, wanted: Wanted) -> Iterator[Expectation]:
    """What is wrong with the route itself."""
    actual = tables.best(wanted.cidr, exact=wanted.exact)
    if actual is None:
        yield _missing(site, wanted)
    elif actual.type is RouteType.THROW:
        yield _missing(site, wanted, actual)
    elif actual.type in ENDING:
        yield expect(
            ENDING[actual.type],
            site.host,
            f"node {site.node} has a {actual.type.value} route for {actual.destination}, addresses "
            f"of pods on node {wanted.node}",
            route_line(site.host, actual),
            repair=set_route(wanted.route),
            fix=wanted.command,
        )
    elif not wanted.followed_by(actual):
        yield _wrong(site, wanted, actual)
    elif any("linkdown" in hop.flags or "dead" in hop.flags for hop in actual.nexthops):
        yield expect(
            RouteViaDownLink,
            site.host,
            f"the route of node {site.node} to the pods of node {wanted.node} uses a link that is "
            f"down",
            route_line(site.host, actual),
            repair=set_route(wanted.route),
        )


def _missing(site: Site, wanted: Wanted, instead: Route | None = None) -> Expectation:
    family = wanted.cidr.family
    found = lookup(site.fibs[family], family, _inside(wanted.cidr))
    catches = found.route if found.kind is not FibKind.NONE else instead
    lines = [route_line(site.host, catches)] if catches else []
    return expect(
        wanted.missing,
        site.host,
        f"node {site.node} has no route to {wanted.cidr}, the pods of node {wanted.node}; "
        f"{wanted.by} should have written: {route_arguments(wanted.route)}",
        no_route(site.host, wanted.cidr),
        *lines,
        repair=set_route(wanted.route),
        level=wanted.level,
        fix=wanted.fix,
    )


def _inside(cidr: Prefix) -> int:
    """An address that a pod there may have: the first one, if there are several."""
    return cidr.network + (cidr.length < cidr.family.bits)


def _wrong(site: Site, wanted: Wanted, actual: Route) -> Expectation:
    want = wanted.route.nexthops[0]
    hops = actual.nexthops or (NextHop(""),)
    same_device = all(hop.device == want.device for hop in hops)
    finding = RouteWrongNexthop if same_device else RouteWrongDevice
    return expect(
        finding,
        site.host,
        f"node {site.node} sends packets for {wanted.cidr}, the pods of node {wanted.node}, the "
        f"wrong way; it should be: {route_arguments(wanted.route)}",
        route_line(site.host, actual),
        repair=in_sequence((without_route(actual), set_route(wanted.route))),
        fix=wanted.command,
    )


def shadowing(site: Site, ways: Mapping[Prefix, Wanted]) -> Iterator[Expectation]:
    """More specific routes within a peer's addresses that lead elsewhere. A part that is itself
    wanted is judged on its own."""
    lengths = sorted({cidr.length for cidr in ways}, reverse=True)
    for route in site.host.routes:
        if route.type is not RouteType.UNICAST or not in_main(route) or route.destination in ways:
            continue
        wanted = _holder(route.destination, ways, lengths)
        if wanted is None or not route.nexthops:
            continue
        if _way(route) == _way(wanted.route) or _of_own_address(site, route):
            continue
        yield expect(
            RouteShadowedByMoreSpecific,
            site.host,
            f"node {site.node} has a route of its own for {route.destination}, a part of "
            f"{wanted.cidr} on node {wanted.node}",
            route_line(site.host, route),
            repair=without_route(route),
            fix=f"ip route del {route_arguments(route)}",
        )


def _of_own_address(site: Site, route: Route) -> bool:
    """Whether the kernel made it for a single address of the node, as it does in IPv6: what is
    wrong then is the address."""
    host = route.destination.length == route.destination.family.bits
    return host and any(
        (each.family, each.value) == (route.destination.family, route.destination.network)
        for each in site.host.addresses
    )


def _way(route: Route) -> list[tuple[str, bool]]:
    """The devices, and whether a neighbour there is asked to forward."""
    return [(hop.device, hop.gateway is not None) for hop in route.nexthops]


def _holder(inner: Prefix, ways: Mapping[Prefix, Wanted], lengths: list[int]) -> Wanted | None:
    """The way to the smallest larger network that holds a prefix."""
    for length in lengths:
        if length < inner.length:
            shift = inner.family.bits - length
            found = ways.get(Prefix(inner.family, inner.network >> shift << shift, length))
            if found is not None:
                return found
    return None


def reverse_path(site: Site, cidr: Prefix, entrance: str, peer: str) -> Iterator[Expectation]:
    """A peer's packets come in by `entrance` while the way back to its pods is another."""
    if cidr.family is not Family.V4 or not entrance:
        return
    found = lookup(site.fibs[cidr.family], cidr.family, _inside(cidr))
    devices = [hop.device for hop in found.nexthops]
    if entrance in devices or found.kind is not FibKind.UNICAST or found.route is None:
        return
    what = f"packets from the pods of node {peer}, which come in by {entrance}"
    drop = rp_filter_drop(site.host, entrance, found.route, what)
    if drop:
        yield drop
