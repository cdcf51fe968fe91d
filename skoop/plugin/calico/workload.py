"""A pod on a Calico node: its address alone on its interface, a gateway that nobody has and the
node answers for, and a route of its own on the node
(docs.tigera.io/calico/latest/reference/faq: "Why does my container have a route to 169.254.1.1?").
"""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.neighbour import ProxyArpOff
from skoop.findings.route import RouteMissing, RouteWrongDevice
from skoop.findings.veth import VethPeerDown
from skoop.model.address import Family, Prefix, format_ip, parse_ip
from skoop.netstack.fib import FibKind
from skoop.netstack.lines import route_arguments
from skoop.netstack.state import Link, Route
from skoop.netstack.sysctl import Sysctls
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.calico.link_local import gateway6, is_off, restored, switched_off
from skoop.plugin.checks.base import expect, link_line, no_route, route_line, sysctl_line
from skoop.plugin.checks.routes import rp_filter_drop
from skoop.plugin.repair import (
    in_sequence,
    link_up,
    make_route,
    set_route,
    set_sysctls,
    without_route,
)
from skoop.plugin.site import PodSite, Site, default_gateway, knows, lookup

GATEWAY = parse_ip("169.254.1.1")


def workloads(site: Site) -> Iterator[Expectation]:
    """What is wrong with the node's end of each of its pods."""
    if not site.collected or not knows(site.host, "links", "routes"):
        return
    for pod in site.pods:
        end = pod.host_end
        if end is None or end.master:
            continue
        if not end.up:
            yield _down(site, pod, end)
            continue
        off = is_off(site, pod, end)
        if off:
            lost = _own_routes(pod, end, Family.V6)
            yield switched_off(site, pod, end, lost)
        for family, value in pod.pod.ips:
            if not off or family is Family.V4:
                yield from _route(site, pod, end, family, value)
        yield from _gateway(site, pod, end)
        if not off:
            yield from gateway6(site, pod, end)


def _own_route(family: Family, value: int, end: Link) -> Route:
    return make_route(Prefix(family, value, family.bits), end.name)


def _own_routes(pod: PodSite, end: Link, *families: Family) -> list[Repair]:
    return [
        set_route(_own_route(family, value, end))
        for family, value in pod.pod.ips
        if family in families
    ]


def _down(site: Site, pod: PodSite, end: Link) -> Expectation:
    """The kernel takes the routes away with the device, and its addresses of IPv6."""
    routes = _own_routes(pod, end, *Family)
    if any(family is Family.V6 for family, _ in pod.pod.ips):
        routes.append(restored(pod, end))
    return expect(
        VethPeerDown,
        site.host,
        f"{end.name}, the end of pod {pod.name} on node {site.node}, is down",
        link_line(site.host, end),
        repair=in_sequence((link_up(end.name), *routes)),
        fix=f"ip link set dev {end.name} up",
    )


def _route(
    site: Site, pod: PodSite, end: Link, family: Family, value: int
) -> Iterator[Expectation]:
    """Felix writes a route for every address of a pod. Without it the node's own block is a
    blackhole, so that packets for a pod that is gone do not go round in circles."""
    wanted = _own_route(family, value, end)
    found = lookup(site.fibs[family], family, value)
    devices = [hop.device for hop in found.nexthops]
    if found.kind in (FibKind.LOCAL, FibKind.UNKNOWN) or devices == [end.name]:
        return
    ip = format_ip(family, value)
    fix = f"ip route replace {route_arguments(wanted)}"
    own = found.route is not None and found.route.destination == wanted.destination
    if own and found.route is not None and found.kind is FibKind.UNICAST:
        yield expect(
            RouteWrongDevice,
            site.host,
            f"node {site.node} sends packets for its pod {pod.name} ({ip}) out of "
            f"{', '.join(devices)}; the pod is behind {end.name}",
            route_line(site.host, found.route),
            repair=in_sequence((without_route(found.route), set_route(wanted))),
            fix=fix,
        )
        if family is Family.V4:
            what = f"packets of pod {pod.name}, which come in by {end.name}"
            drop = rp_filter_drop(site.host, end.name, found.route, what)
            if drop:
                yield drop
        return
    lines = [route_line(site.host, found.route)] if found.route else []
    yield expect(
        RouteMissing,
        site.host,
        f"node {site.node} has no route to its own pod {pod.name} ({ip}); Felix should have "
        f"written: {route_arguments(wanted)}",
        no_route(site.host, f"{ip} dev {end.name}"),
        *lines,
        repair=set_route(wanted),
        fix=fix,
    )


def _gateway(site: Site, pod: PodSite, end: Link) -> Iterator[Expectation]:
    """The pod asks for the MAC of its gateway, unless it was told."""
    gateway = default_gateway(pod, Family.V4)
    if gateway is None or _told(pod, gateway) or _belongs_to_node(site, gateway):
        return
    if not knows(site.host, "sysctls"):
        return
    ip, name = format_ip(Family.V4, gateway), end.name.replace(".", "/")
    if not Sysctls(site.host.sysctls).either(end.name, "proxy_arp"):
        key = f"net.ipv4.conf.{name}.proxy_arp"
        yield expect(
            ProxyArpOff,
            site.host,
            f"node {site.node} does not answer for {ip}, the gateway of pod {pod.name}: proxy_arp "
            f"is off on {end.name}",
            sysctl_line(site.host, "net.ipv4.conf.all.proxy_arp", key),
            repair=set_sysctls({key: "1"}),
            fix=f"sysctl -w {key}=1",
        )
        return
    found = lookup(site.fibs[Family.V4], Family.V4, gateway)
    if found.kind is not FibKind.UNICAST:
        yield expect(
            ProxyArpOff,
            pod.namespace,
            f"node {site.node} has no route that {ip} would take, so it does not answer for it, "
            f"the gateway of pod {pod.name}: a default route will do",
            route_line(site.host, found.route) if found.route else no_route(site.host, ip),
            isolates=True,
        )


def _told(pod: PodSite, gateway: int) -> bool:
    return any(
        entry.address == gateway and entry.is_fixed and entry.mac
        for entry in pod.namespace.neighbours
    )


def _belongs_to_node(site: Site, gateway: int) -> bool:
    return any(each.value == gateway for each in site.host.addresses)
