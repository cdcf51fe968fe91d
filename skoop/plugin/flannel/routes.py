"""A node's routes to the other nodes' subnets."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.route import (
    NexthopOfflink,
    RouteMissing,
    RouteShadowedByMoreSpecific,
    RouteViaDownLink,
    RouteWrongDevice,
    RouteWrongNexthop,
)
from skoop.model.address import Family, Prefix
from skoop.netstack.fib import FibKind
from skoop.netstack.lines import route_arguments
from skoop.netstack.state import NextHop, Route, RouteType
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, no_route, route_line
from skoop.plugin.checks.routes import ENDING, rp_filter_drop
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.flannel.overlay import HOST_GW, Overlay, direct_device, peer_route
from skoop.plugin.flannel.tables import Tables
from skoop.plugin.repair import in_main, in_sequence, set_route, without_route
from skoop.plugin.site import Site, lookup


def peer_routes(
    site: Site, tables: Tables, overlay: Overlay, device: str, peer: Lease
) -> Iterator[Expectation]:
    """What is wrong with the route to a peer's subnet itself."""
    expected = peer_route(site, overlay, device, peer)
    if expected is None:
        if overlay.backend == HOST_GW:
            yield from _not_adjacent(site, tables, peer)
        return
    actual = tables.best(peer.subnet, exact=overlay.per_node)
    if actual is None:
        yield _missing(site, peer, expected)
    elif actual.type is RouteType.THROW:
        yield _missing(site, peer, expected, actual)
    elif actual.type in ENDING:
        yield expect(
            ENDING[actual.type],
            site.host,
            f"node {site.node} has a {actual.type.value} route for the pods of node {peer.node}",
            route_line(site.host, actual),
            repair=set_route(expected),
            fix=_fix(expected),
        )
    elif not _same_way(actual, expected, gateway=overlay.per_node):
        yield _wrong(site, peer, actual, expected)
    elif any("linkdown" in hop.flags or "dead" in hop.flags for hop in actual.nexthops):
        yield expect(
            RouteViaDownLink,
            site.host,
            f"the route of node {site.node} to the pods of node {peer.node} uses a link that is "
            f"down",
            route_line(site.host, actual),
            repair=set_route(expected),
        )


def _same_way(actual: Route, expected: Route, *, gateway: bool) -> bool:
    want = expected.nexthops[0]
    if not gateway:
        return [hop.device for hop in actual.nexthops] == [want.device]
    return [(hop.device, hop.gateway) for hop in actual.nexthops] == [(want.device, want.gateway)]


def _fix(expected: Route) -> str:
    return f"ip route replace {route_arguments(expected)}"


def _missing(site: Site, peer: Lease, expected: Route, instead: Route | None = None) -> Expectation:
    found = lookup(site.fibs[peer.family], peer.family, peer.subnet.network + 1)
    catches = found.route if found.kind is not FibKind.NONE else instead
    lines = [route_line(site.host, catches)] if catches else []
    return expect(
        RouteMissing,
        site.host,
        f"node {site.node} has no route to {peer.subnet}, the pods of node {peer.node}; flannel "
        f"should have written: {route_arguments(expected)}",
        no_route(site.host, peer.subnet),
        *lines,
        repair=set_route(expected),
        fix=_fix(expected),
    )


def _wrong(site: Site, peer: Lease, actual: Route, expected: Route) -> Expectation:
    want = expected.nexthops[0]
    hops = actual.nexthops or (NextHop(""),)
    same_device = all(hop.device == want.device for hop in hops)
    finding = RouteWrongNexthop if same_device else RouteWrongDevice
    return expect(
        finding,
        site.host,
        f"node {site.node} sends packets for {peer.subnet}, the pods of node {peer.node}, the "
        f"wrong way; it should be: {route_arguments(expected)}",
        route_line(site.host, actual),
        repair=in_sequence((without_route(actual), set_route(expected))),
        fix=_fix(expected),
    )


def _not_adjacent(site: Site, tables: Tables, peer: Lease) -> Iterator[Expectation]:
    found = lookup(site.fibs[peer.family], peer.family, peer.public)
    if found.route is None or tables.best(peer.subnet, exact=True):
        return
    yield expect(
        NexthopOfflink,
        site.host,
        f"flannel's host-gw backend needs all nodes on one link, and node {peer.node} "
        f"({peer.public_ip}) is behind a router for node {site.node}",
        route_line(site.host, found.route),
    )


def shadowing_routes(
    site: Site, overlay: Overlay, device: str, peers: tuple[Lease, ...]
) -> Iterator[Expectation]:
    """More specific routes within a peer's subnet that lead elsewhere."""
    subnets = {peer.subnet: peer for peer in peers}
    lengths = sorted({subnet.length for subnet in subnets}, reverse=True)
    for route in site.host.routes:
        if route.type is not RouteType.UNICAST or not in_main(route):
            continue
        peer = _holder(route.destination, subnets, lengths)
        expected = peer_route(site, overlay, device, peer) if peer else None
        if peer is None or expected is None or _same_way(route, expected, gateway=False):
            continue
        yield expect(
            RouteShadowedByMoreSpecific,
            site.host,
            f"node {site.node} has a route of its own for {route.destination}, a part of "
            f"{peer.subnet} on node {peer.node}",
            route_line(site.host, route),
            repair=without_route(route),
            fix=f"ip route del {route_arguments(route)}",
        )


def _holder(inner: Prefix, subnets: dict[Prefix, Lease], lengths: list[int]) -> Lease | None:
    """The peer whose subnet holds a prefix and is larger."""
    for length in lengths:
        if length < inner.length:
            shift = inner.family.bits - length
            found = subnets.get(Prefix(inner.family, inner.network >> shift << shift, length))
            if found is not None:
                return found
    return None


def reverse_paths(
    site: Site, overlay: Overlay, device: str, peers: tuple[Lease, ...]
) -> Iterator[Expectation]:
    """Peers whose packets come in by one device while the way back to them is another."""
    if overlay.family is not Family.V4:
        return
    for peer in peers:
        entrance = direct_device(site, overlay, peer) or device
        found = lookup(site.fibs[peer.family], peer.family, peer.subnet.network + 1)
        devices = [hop.device for hop in found.nexthops]
        if not entrance or entrance in devices or found.kind is not FibKind.UNICAST:
            continue
        what = f"packets from the pods of node {peer.node}, which come in by {entrance}"
        drop = rp_filter_drop(site.host, entrance, found.route, what) if found.route else None
        if drop:
            yield drop
