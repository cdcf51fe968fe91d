"""A node's routes, neighbours and forwarding entries, indexed: a cluster has thousands of peers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Family, Prefix
from skoop.netstack.state import FdbEntry, Namespace, Neighbour, Route
from skoop.plugin.repair import in_main


class Tables(Struct, frozen=True):
    """Routes of table main by destination, neighbours by device and address, tunnel forwarding
    entries by device and MAC."""

    routes: Mapping[Prefix, tuple[Route, ...]]
    neighbours: Mapping[tuple[str, Family, int], Neighbour]
    fdb: Mapping[tuple[str, str], tuple[FdbEntry, ...]]

    def best(self, subnet: Prefix, *, exact: bool) -> Route | None:
        """The route the kernel takes for a subnet, more specific ones aside; without `exact` also
        one for a larger network, but no default route."""
        for length in range(subnet.length, subnet.length - 1 if exact else 0, -1):
            shift = subnet.family.bits - length
            key = Prefix(subnet.family, subnet.network >> shift << shift, length)
            found = [route for route in self.routes.get(key, ()) if not route.tos]
            if found:
                return min(found, key=lambda route: route.metric)
        return None


def tables_of(host: Namespace) -> Tables:
    """Index a node's namespace."""
    routes: dict[Prefix, list[Route]] = defaultdict(list)
    for route in host.routes:
        if in_main(route):
            routes[route.destination].append(route)
    fdb: dict[tuple[str, str], list[FdbEntry]] = defaultdict(list)
    for entry in host.fdb:
        if entry.remote is not None:
            fdb[entry.device, entry.mac].append(entry)
    return Tables(
        {key: tuple(found) for key, found in routes.items()},
        {
            (each.device, each.family, each.address): each
            for each in host.neighbours
            if not each.proxy
        },
        {key: tuple(found) for key, found in fdb.items()},
    )
