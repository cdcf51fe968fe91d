"""The node as the API sees it, and its own network card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from skoop.findings.node import NodeIpChanged, NodeNetworkUnavailable, NodeNicDown, NodeNotReady
from skoop.findings.route import RouteMissing
from skoop.findings.sysctl import DisableIpv6Set
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.disposition import Level
from skoop.model.kube import Condition, Node
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Address
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, link_line, no_route, sysctl_line
from skoop.plugin.repair import in_main, in_sequence, link_up, make_route, set_route
from skoop.plugin.site import Site, knows, link_named

_ALL_OFF = "net.ipv6.conf.all.disable_ipv6"


def node_health(site: Site) -> Iterator[Expectation]:
    """Conditions, the address, the card."""
    if site.api is None:
        return
    yield from _conditions(site, site.api)
    if site.collected and knows(site.host, "addresses", "links"):
        yield from _address(site, site.api)


def _conditions(site: Site, node: Node) -> Iterator[Expectation]:
    for each in node.conditions:
        if each.type == "Ready" and each.status != "True":
            yield expect(
                NodeNotReady, site.host, f"node {node.name} is not Ready", _line(node, each)
            )
        if each.type == "NetworkUnavailable" and each.status == "True":
            message = f"node {node.name} says that its network is not set up"
            yield expect(NodeNetworkUnavailable, site.host, message, _line(node, each))


def _line(node: Node, condition: Condition) -> Evidence:
    text = f"{condition.type}={condition.status} {condition.reason} {condition.message}".rstrip()
    return Evidence(f"condition of node {node.name}", text)


def _address(site: Site, node: Node) -> Iterator[Expectation]:
    present = {(each.family, each.value): each.device for each in site.host.addresses}
    lost = [ip for ip in node.internal_ips if ip not in present]
    six = [value for family, value in lost if family is Family.V6]
    if six and site.host.sysctls.get(_ALL_OFF) == "1":
        yield expect(
            DisableIpv6Set,
            site.host,
            f"IPv6 is switched off on node {node.name}, which the API knows as "
            f"{format_ip(Family.V6, six[0])}",
            sysctl_line(site.host, _ALL_OFF),
            isolates=True,
            fix=f"sysctl -w {_ALL_OFF}=0, then configure its addresses anew",
        )
    elif lost and len(lost) == len(node.internal_ips):
        text = ", ".join(
            address_line(each) for each in site.host.addresses if each.scope == "global"
        )
        yield expect(
            NodeIpChanged,
            site.host,
            f"the API knows node {node.name} as {format_ip(*lost[0])}, which it does not have",
            Evidence(f"ip addr on {site.host.id}", text or "no address"),
            isolates=True,
        )
    for name in dict.fromkeys(present[ip] for ip in node.internal_ips if ip in present):
        link = link_named(site.host, name)
        if link is None or link.kind == "loopback":
            continue
        if not link.up:
            yield expect(
                NodeNicDown,
                site.host,
                f"{name} of node {node.name} is down",
                link_line(site.host, link),
                repair=in_sequence((link_up(name), *_default_routes(site, name))),
            )
        elif knows(site.host, "routes"):
            yield from _default_route(site, name)


def _default_route(site: Site, device: str) -> Iterator[Expectation]:
    """Missed where the other nodes have one. Without it pods reach nothing outside."""
    families = {
        each.family for each in site.host.addresses if each.device == device and _is_global(each)
    }
    for family in sorted(families):
        zero = Prefix(family, 0, 0)
        if any(route.destination == zero for route in site.host.routes):
            continue
        gateway = _usual_gateway(site, family)
        if gateway is not None:
            repairs = list(_default_routes(site, device))
            yield expect(
                RouteMissing,
                site.host,
                f"node {site.node} has no default route; other nodes use "
                f"{format_ip(family, gateway)}",
                no_route(site.host, "default"),
                repair=in_sequence(repairs) if repairs else None,
                level=Level.WARNING,
            )


def _default_routes(site: Site, device: str) -> Iterator[Repair]:
    """Default routes as the other nodes have them, by a gateway on the same link."""
    for address in site.host.addresses:
        if address.device != device or not _is_global(address):
            continue
        family = address.family
        zero = Prefix(family, 0, 0)
        if any(route.destination == zero for route in site.host.routes):
            continue
        gateway = _usual_gateway(site, family)
        if gateway is not None and address.prefix.contains(gateway):
            yield set_route(make_route(zero, device, gateway))


def _is_global(address: Address) -> bool:
    return address.scope == "global"


def _usual_gateway(site: Site, family: Family) -> int | None:
    """The gateway of the default routes of most nodes."""
    zero = Prefix(family, 0, 0)
    gateways = Counter(
        route.nexthops[0].gateway[1]
        for host in site.view.hosts.values()
        for route in host.routes
        if route.destination == zero and in_main(route)
        if route.nexthops and route.nexthops[0].gateway
    )
    return gateways.most_common(1)[0][0] if gateways else None
