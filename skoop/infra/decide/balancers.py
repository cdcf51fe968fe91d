"""What a layer-4 load balancer does with a connection."""

from __future__ import annotations

from collections.abc import Iterable

from skoop.infra.decide.flow import Flow, Match, address_in, port_in
from skoop.infra.dialect import Dialect
from skoop.infra.resources import (
    Access,
    AccessMode,
    Backend,
    Health,
    Listener,
    LoadBalancer,
    ServerGroup,
)


def listeners_at(balancer: LoadBalancer, flow: Flow) -> tuple[Listener, ...]:
    """The listeners for a packet, one for its very port before one for a range."""
    found = [
        each
        for each in balancer.listeners
        if each.protocol == flow.protocol and port_in(each.ports, flow.dport, flow)
    ]
    return tuple(sorted(found, key=lambda each: each.ports.last - each.ports.first))


def admits(access: Access, flow: Flow) -> Match:
    """Whether a listener's access list lets a client in. An empty list is as if it were off."""
    if access.mode is AccessMode.OFF or not access.entries:
        return True
    listed = any(address_in(each, flow.family, flow.src) for each in access.entries)
    return listed is (access.mode is AccessMode.ALLOW)


def serving(
    balancer: LoadBalancer, listener: Listener, group: ServerGroup, zone: str, dialect: Dialect
) -> tuple[tuple[Backend, float], ...]:
    """The backends that get new connections, and the share of each.

    Those with weight 0 get none, nor those of other zones when the balancer does not cross zones;
    unhealthy ones none while health is checked, unless the cloud then serves all.
    """
    candidates = [each for each in group.backends if each.weight > 0]
    if not balancer.cross_zone and zone:
        candidates = [each for each in candidates if each.zone in ("", zone)]
    well = [each for each in candidates if is_well(listener, each)]
    if not well and dialect.all_unhealthy_serves:
        well = candidates
    return _shares(well)


def is_well(listener: Listener, backend: Backend) -> bool:
    """Whether the health check, if there is one, leaves a backend in."""
    return not listener.check.enabled or backend.health is not Health.UNHEALTHY


def _shares(backends: Iterable[Backend]) -> tuple[tuple[Backend, float], ...]:
    chosen = tuple(backends)
    total = sum(each.weight for each in chosen)
    return tuple((each, each.weight / total) for each in chosen)
