"""Which endpoints one node uses: readiness, traffic policies and hints.

The rules are those of Kubernetes 1.36, pkg/proxy/topology.go. Ready endpoints are used; when there
are none, those that terminate but still serve. Hints only count when every ready endpoint has one
and at least one of them is for this node (or zone).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.kube import Service, ServicePort
from skoop.service.view import ServiceEndpoint, Unused, UnusedWhy


class Topology(Enum):
    """Which hints are in force."""

    NONE = ""
    SAME_NODE = "PreferSameNode"
    SAME_ZONE = "PreferSameZone"


class Place(Struct, frozen=True):
    """The node whose rules are asked about, and its zone ("" without the label)."""

    node: str
    zone: str = ""


class Usable(Struct, frozen=True, kw_only=True):
    """What a node may use: `cluster` under traffic policy Cluster, `local` under Local. `anywhere`
    tells whether the Service has a usable endpoint on any node."""

    cluster: tuple[ServiceEndpoint, ...]
    local: tuple[ServiceEndpoint, ...]
    anywhere: bool
    topology: Topology


def usable_endpoints(
    endpoints: tuple[ServiceEndpoint, ...], place: Place, *, uses_cluster: bool
) -> Usable:
    """Sort endpoints. `uses_cluster` is false for a Service that only ever serves locally (internal
    policy Local and not reachable from outside): then hints are not looked at."""
    topology = _topology(endpoints, place) if uses_cluster else Topology.NONE
    ready = [each for each in endpoints if each.ready]
    falling_back = [each for each in endpoints if each.falls_back]
    cluster = [each for each in ready if _available(each, topology, place)] or falling_back
    local = _of_node(ready, place) or _of_node(falling_back, place)
    return Usable(
        cluster=tuple(cluster) if uses_cluster else (),
        local=tuple(local),
        anywhere=bool(ready or falling_back),
        topology=topology,
    )


def externally_accessible(service: Service, port: ServicePort, family: Family) -> bool:
    """Whether a Service port has anything but a ClusterIP in this family."""
    outside = service.load_balancer_ips + service.external_ips
    return bool(port.node_port) or any(each is family for each, _ in outside)


def explain_unused(
    endpoints: Iterable[ServiceEndpoint],
    chosen: tuple[ServiceEndpoint, ...],
    usable: Usable,
    place: Place,
    *,
    local_only: bool,
) -> tuple[Unused, ...]:
    """Why each of the other endpoints gets nothing."""
    return tuple(
        _unused(each, usable, place, local_only=local_only)
        for each in endpoints
        if each not in chosen
    )


def _topology(endpoints: tuple[ServiceEndpoint, ...], place: Place) -> Topology:
    ready = [each for each in endpoints if each.ready]
    if not ready:
        return Topology.NONE
    if all(each.node_hints for each in ready) and any(
        place.node in each.node_hints for each in ready
    ):
        return Topology.SAME_NODE
    if all(each.zone_hints for each in ready) and any(
        place.zone in each.zone_hints for each in ready
    ):
        return Topology.SAME_ZONE
    return Topology.NONE


def _available(endpoint: ServiceEndpoint, topology: Topology, place: Place) -> bool:
    if topology is Topology.SAME_NODE:
        return place.node in endpoint.node_hints
    if topology is Topology.SAME_ZONE:
        return place.zone in endpoint.zone_hints
    return True


def _of_node(endpoints: list[ServiceEndpoint], place: Place) -> list[ServiceEndpoint]:
    return [each for each in endpoints if each.node and each.node == place.node]


def _unused(
    each: ServiceEndpoint, usable: Usable, place: Place, *, local_only: bool
) -> Unused:  # fmt: skip
    why, text = _why(each, usable, place, local_only=local_only)
    return Unused(each.who, why, text, each.slice)


def _why(
    each: ServiceEndpoint, usable: Usable, place: Place, *, local_only: bool
) -> tuple[UnusedWhy, str]:
    if not each.ready and not each.terminating:
        return UnusedWhy.NOT_READY, "it is not ready"
    if local_only and each.node != place.node:
        where = each.node or "no known node"
        text = f"it runs on {where}, and the traffic policy Local only allows {place.node}"
        return UnusedWhy.NOT_LOCAL, text
    if not each.ready and each.serving:
        return UnusedWhy.TERMINATING, "it is terminating, and others are ready"
    if not each.ready:
        return UnusedWhy.TERMINATING, "it is terminating and no longer serves"
    hints = each.node_hints if usable.topology is Topology.SAME_NODE else each.zone_hints
    here = place.node if usable.topology is Topology.SAME_NODE else f"zone {place.zone}"
    return UnusedWhy.HINTS, f"it is hinted for {', '.join(hints)}, this is {here}"
