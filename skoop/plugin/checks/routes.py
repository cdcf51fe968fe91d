"""Routes that end pod traffic, and the way from a node to its own pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skoop.findings.base import Finding
from skoop.findings.route import (
    RouteBlackhole,
    RouteMissing,
    RouteProhibit,
    RouteShadowedByMoreSpecific,
    RouteUnreachable,
    RouteWrongDevice,
)
from skoop.findings.sysctl import RpFilterDrop
from skoop.model.address import Family, format_ip
from skoop.netstack.fib import Fib, FibKind, FibResult
from skoop.netstack.state import Link, Namespace, Route, RouteType
from skoop.netstack.sysctl import Sysctls
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, no_route, place, route_line, sysctl_line
from skoop.plugin.repair import set_sysctls, with_connected_routes, without_route
from skoop.plugin.site import (
    PodSite,
    Site,
    addresses_on,
    bridge_of,
    knows,
    link_named,
    lookup,
    plain_fib,
)

ENDING: Mapping[RouteType, type[Finding]] = {
    RouteType.BLACKHOLE: RouteBlackhole,
    RouteType.UNREACHABLE: RouteUnreachable,
    RouteType.PROHIBIT: RouteProhibit,
}
"""Types of routes that end a packet, and the finding for each."""


def ending_routes(site: Site) -> Iterator[Expectation]:
    """blackhole, unreachable and prohibit routes that an existing pod's or Service's address falls
    into. One that only covers what more specific routes lead elsewhere is harmless (and Calico
    writes such)."""
    namespaces = [(site.host, site.fibs)] if site.collected else []
    namespaces += [
        (pod.namespace, {family: plain_fib(pod.namespace, family) for family in Family})
        for pod in site.pods
        if any(route.type in ENDING for route in pod.namespace.routes)
    ]
    for namespace, fibs in namespaces:
        for route in namespace.routes:
            if route.type in ENDING and knows(namespace, "routes"):
                yield from _ending(site, namespace, fibs[route.destination.family], route)


def _ending(site: Site, namespace: Namespace, fib: Fib, route: Route) -> Iterator[Expectation]:
    family = route.destination.family
    for what, address in _addresses_in(site, route):
        if lookup(fib, family, address).route != route:
            continue
        yield expect(
            ENDING[route.type],
            namespace,
            f"{place(namespace)} has a {route.type.value} route for {route.destination}, which "
            f"holds {what} ({format_ip(family, address)})",
            route_line(namespace, route),
            repair=without_route(route),
            fix=f"ip route del {route.type.value} {route.destination}",
        )
        return


def _addresses_in(site: Site, route: Route) -> Iterator[tuple[str, int]]:
    inventory = site.view.inventory
    family, inside = route.destination.family, route.destination.contains
    for pod in inventory.pods:
        if not pod.host_network and not pod.finished:
            for ip in pod.ips:
                if ip[0] is family and inside(ip[1]):
                    yield f"pod {pod.namespace}/{pod.name}", ip[1]
    for node in inventory.nodes if site.view.facts.node_cidrs else ():
        for subnet in node.pod_cidrs:
            if subnet.family is family and inside(subnet.network + 2):
                yield f"podCIDR {subnet} of node {node.name}", subnet.network + 2
    for node in inventory.nodes:
        for ip in node.internal_ips:
            if ip[0] is family and inside(ip[1]):
                yield f"node {node.name}", ip[1]
    for service in inventory.services:
        for ip in service.cluster_ips:
            if ip[0] is family and inside(ip[1]):
                yield f"Service {service.namespace}/{service.name}", ip[1]


def local_delivery(site: Site) -> Iterator[Expectation]:
    """The node's way to each pod on its bridges. The same missing route is told once."""
    if not site.collected or not knows(site.host, "routes", "links", "addresses"):
        return
    told: set[object] = set()
    for pod in site.pods:
        bridge = link_named(site.host, bridge_of(site, pod))
        if bridge is None or not bridge.up:
            continue
        for family, value in pod.pod.ips:
            found = lookup(site.fibs[family], family, value)
            devices = [hop.device for hop in found.nexthops]
            if found.kind is FibKind.UNICAST and devices != [bridge.name]:
                yield from _reverse_path(site, pod, bridge, family, found)
            elif found.kind is not FibKind.NONE:
                continue
            key = found.route or bridge.name
            if key not in told:
                told.add(key)
                yield from _misled(site, pod, bridge, (family, value), found)


def _misled(
    site: Site, pod: PodSite, bridge: Link, ip: tuple[Family, int], found: FibResult
) -> Iterator[Expectation]:
    family, value = ip
    own = [each.prefix for each in addresses_on(site.host, bridge.name, family)]
    subnet = next((prefix for prefix in own if prefix.contains(value)), None)
    connected = any(
        route.destination == subnet
        and route.type is RouteType.UNICAST
        and route.nexthops
        and route.nexthops[0].device == bridge.name
        for route in site.host.routes
    )
    if subnet is None:
        return
    if not connected:
        lines = [route_line(site.host, found.route)] if found.route else []
        yield expect(
            RouteMissing,
            site.host,
            f"node {site.node} has no route to its own pods ({subnet} on {bridge.name})",
            no_route(site.host, subnet),
            *lines,
            repair=with_connected_routes(bridge.name),
            fix=f"ip route add {subnet} dev {bridge.name}",
        )
    elif found.route is not None:
        device = found.nexthops[0].device
        longer = found.route.destination.length > subnet.length
        yield expect(
            RouteShadowedByMoreSpecific if longer else RouteWrongDevice,
            site.host,
            f"node {site.node} sends packets for its pod {pod.name} out of {device}, the pod is on "
            f"{bridge.name}",
            route_line(site.host, found.route),
            repair=without_route(found.route),
        )


def _reverse_path(
    site: Site, pod: PodSite, bridge: Link, family: Family, found: FibResult
) -> Iterator[Expectation]:
    if family is Family.V4 and found.route is not None:
        drop = rp_filter_drop(
            site.host,
            bridge.name,
            found.route,
            f"packets of pod {pod.name}, which come in by {bridge.name}",
        )
        if drop:
            yield drop


def rp_filter_drop(namespace: Namespace, device: str, back: Route, what: str) -> Expectation | None:
    """The reverse path filter, when it is strict on a device and the way back, `back`, leaves by
    another (fib_validate_source()). Loose mode is the smallest change that lets them pass."""
    if not knows(namespace, "sysctls"):
        return None
    if Sysctls(namespace.sysctls).highest(device, "rp_filter") != 1:
        return None
    name = f"net.ipv4.conf.{device.replace('.', '/')}.rp_filter"
    out = f"by {back.nexthops[0].device}" if back.nexthops else "closed"
    return expect(
        RpFilterDrop,
        namespace,
        f"{place(namespace)} drops {what}: the way back to them is {out}, and rp_filter is strict",
        sysctl_line(namespace, "net.ipv4.conf.all.rp_filter", name),
        route_line(namespace, back),
        repair=set_sysctls({name: "2"}),
        fix=f"sysctl -w {name}=2",
    )
