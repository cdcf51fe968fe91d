"""What a pod needs to send: its default route, its gateway, the gateway's MAC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.neighbour import NeighbourWrongMac
from skoop.findings.route import (
    RouteShadowedByMoreSpecific,
    RouteWrongDevice,
    RouteWrongNexthop,
)
from skoop.findings.veth import PodDefaultRouteMissing
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.disposition import Level
from skoop.netstack.state import Link, Route, RouteType
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, neighbour_line, no_route, route_line
from skoop.plugin.repair import (
    in_main,
    make_route,
    set_neighbour,
    set_route,
    without_route,
)
from skoop.plugin.site import (
    PodSite,
    Site,
    addresses_on,
    bridge_of,
    default_gateway,
    gateway_of,
    knows,
    link_named,
)


def pod_routes(site: Site) -> Iterator[Expectation]:
    """Routes and neighbours inside the pods. A pod whose interface is down or has no address has
    lost its routes with it; that is found elsewhere."""
    for pod in site.pods:
        device = pod.device
        if device is None or not device.up or not knows(pod.namespace, "routes", "addresses"):
            continue
        for family in _families(pod, device):
            yield from _default_route(site, pod, device, family)
        yield from _pod_network(site, pod, device)
        if knows(pod.namespace, "neighbours"):
            yield from _gateway_mac(site, pod, device)


def lost_routes(site: Site, pod: PodSite) -> Iterator[Repair]:
    """The default routes that went away with the pod's interface."""
    families = dict.fromkeys(family for family, _ in pod.pod.ips)
    for family in families if pod.device else ():
        if _default(pod, family) is None:
            repair = _restored(site, pod, pod.device.name if pod.device else "", family)
            if repair:
                yield repair


def _families(pod: PodSite, device: Link) -> list[Family]:
    families = dict.fromkeys(family for family, _ in pod.pod.ips)
    return [each for each in families if addresses_on(pod.namespace, device.name, each)]


def _default(pod: PodSite, family: Family) -> Route | None:
    """The default route of lowest metric."""
    zero = Prefix(family, 0, 0)
    found = [
        route
        for route in pod.namespace.routes
        if route.destination == zero and in_main(route) and route.type is RouteType.UNICAST
    ]
    return min(found, key=lambda route: route.metric) if found else None


def _restored(site: Site, pod: PodSite, device: str, family: Family) -> Repair | None:
    bridge = bridge_of(site, pod)
    if bridge:
        gateway = gateway_of(site, bridge, family)
    else:
        others = Counter(default_gateway(each, family) for each in site.pods)
        del others[None]
        told = dict(site.cni.gateways).get(family)
        gateway = others.most_common(1)[0][0] if others else told
    if gateway is None:
        return None
    on_link = any(
        address.prefix.contains(gateway)
        for address in pod.namespace.addresses
        if address.device == device and address.family is family
    )
    return set_route(make_route(Prefix(family, 0, 0), device, gateway, onlink=not on_link))


def _default_route(site: Site, pod: PodSite, device: Link, family: Family) -> Iterator[Expectation]:
    route = _default(pod, family)
    if route is None:
        yield expect(
            PodDefaultRouteMissing,
            pod.namespace,
            f"pod {pod.name} has no default route",
            no_route(pod.namespace, "default" if family is Family.V4 else "default (IPv6)"),
            repair=_restored(site, pod, device.name, family),
        )
        return
    hop = route.nexthops[0] if route.nexthops else None
    if hop is None:
        return
    if hop.device != device.name:
        yield _default_elsewhere(site, pod, route, device)
        return
    bridge = bridge_of(site, pod)
    gateway = gateway_of(site, bridge, family) if bridge else None
    if gateway is None or hop.gateway is None or hop.gateway == (family, gateway):
        return
    right = replace(hop, gateway=(family, gateway))
    yield expect(
        RouteWrongNexthop,
        pod.namespace,
        f"pod {pod.name} uses {format_ip(*hop.gateway)} as its gateway; node {site.node} is "
        f"{format_ip(family, gateway)}",
        route_line(pod.namespace, route),
        repair=set_route(replace(route, nexthops=(right,), raw="")),
    )


def _default_elsewhere(site: Site, pod: PodSite, route: Route, device: Link) -> Expectation:
    """A second interface may hold the default route on purpose, when it has an address."""
    family = route.destination.family
    other = route.nexthops[0].device
    has_address = bool(addresses_on(pod.namespace, other, family))
    return expect(
        RouteWrongDevice,
        pod.namespace,
        f"the default route of pod {pod.name} leaves by {other}, its address is on {device.name}",
        route_line(pod.namespace, route),
        repair=_restored(site, pod, device.name, family),
        level=Level.WARNING if has_address else None,
    )


def _pod_network(site: Site, pod: PodSite, device: Link) -> Iterator[Expectation]:
    """Routes to other pods that leave by another interface than the one of the pod's address."""
    ranges = site.view.facts.pod_cidrs.value + site.view.facts.service_cidrs.value
    for route in pod.namespace.routes:
        if route.type is not RouteType.UNICAST or not in_main(route) or not route.nexthops:
            continue
        inside = any(within(route.destination, each) for each in ranges)
        if inside and route.nexthops[0].device != device.name:
            yield expect(
                RouteWrongDevice,
                pod.namespace,
                f"pod {pod.name} sends {route.destination} out of {route.nexthops[0].device}, "
                f"its address is on {device.name}",
                route_line(pod.namespace, route),
                repair=without_route(route),
            )
        elif inside and (found := _wrong_gateway(site, pod, route)):
            yield found


def _wrong_gateway(site: Site, pod: PodSite, route: Route) -> Expectation | None:
    """On a bridge all pods of other nodes are behind the gateway."""
    bridge = bridge_of(site, pod)
    family = route.destination.family
    gateway = gateway_of(site, bridge, family) if bridge else None
    used = route.nexthops[0].gateway
    own = [each.prefix for each in pod.namespace.addresses if each.family is family]
    on_link = used is None and any(
        within(route.destination, each) or within(each, route.destination) for each in own
    )
    if gateway is None or on_link or used == (family, gateway):
        return None
    to = "its own link" if used is None else format_ip(*used)
    return expect(
        RouteShadowedByMoreSpecific if used is None else RouteWrongNexthop,
        pod.namespace,
        f"pod {pod.name} sends {route.destination} to {to}; its gateway on node {site.node} is "
        f"{format_ip(family, gateway)}",
        route_line(pod.namespace, route),
        repair=without_route(route),
    )


def within(inner: Prefix, outer: Prefix) -> bool:
    """Whether a prefix lies in another (or is it)."""
    return (
        inner.family is outer.family
        and inner.length >= outer.length
        and outer.contains(inner.network)
    )


def _gateway_mac(site: Site, pod: PodSite, device: Link) -> Iterator[Expectation]:
    """Only entries that the kernel never asks about again can stay wrong."""
    if pod.host_end is None:
        return
    bridge = link_named(site.host, bridge_of(site, pod))
    right = (bridge or pod.host_end).mac
    for entry in pod.namespace.neighbours:
        if entry.device != device.name or not entry.is_fixed or not entry.mac:
            continue
        if default_gateway(pod, entry.family) != entry.address or entry.mac == right or not right:
            continue
        owner = bridge or pod.host_end
        yield expect(
            NeighbourWrongMac,
            pod.namespace,
            f"pod {pod.name} holds a fixed neighbour entry for its gateway "
            f"{format_ip(entry.family, entry.address)} with {entry.mac}; {owner.name} on node "
            f"{site.node} has {right}",
            neighbour_line(pod.namespace, entry),
            repair=set_neighbour(replace(entry, mac=right, raw="")),
        )
