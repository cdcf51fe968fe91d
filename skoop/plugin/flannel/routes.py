"""A node's routes to the other nodes' subnets."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.route import NexthopOfflink
from skoop.model.address import Family
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, route_line
from skoop.plugin.checks.ways import Wanted, reverse_path, shadowing, way_to
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.flannel.overlay import HOST_GW, Overlay, direct_device, peer_route
from skoop.plugin.site import Site, lookup
from skoop.plugin.tables import Tables


def peer_routes(
    site: Site, tables: Tables, overlay: Overlay, device: str, peer: Lease
) -> Iterator[Expectation]:
    """What is wrong with the route to a peer's subnet itself."""
    wanted = _wanted(site, overlay, device, peer)
    if wanted is not None:
        yield from way_to(site, tables, wanted)
    elif overlay.backend == HOST_GW:
        yield from _not_adjacent(site, tables, peer)


def _wanted(site: Site, overlay: Overlay, device: str, peer: Lease) -> Wanted | None:
    route = peer_route(site, overlay, device, peer)
    if route is None:
        return None
    return Wanted(
        cidr=peer.subnet, node=peer.node, route=route, by="flannel", exact=overlay.per_node
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
    found = (_wanted(site, overlay, device, peer) for peer in peers)
    yield from shadowing(site, {each.cidr: each for each in found if each is not None})


def reverse_paths(
    site: Site, overlay: Overlay, device: str, peers: tuple[Lease, ...]
) -> Iterator[Expectation]:
    """Peers whose packets come in by one device while the way back to them is another."""
    if overlay.family is Family.V4:
        for peer in peers:
            entrance = direct_device(site, overlay, peer) or device
            yield from reverse_path(site, peer.subnet, entrance, peer.node)
