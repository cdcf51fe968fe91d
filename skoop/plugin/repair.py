"""Mending one thing in a namespace's state. Every repair is a pure function of the namespace.

What the kernel itself would do along with a change (a device that comes up gets its connected
routes, an address its local route) belongs to the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from skoop.model.address import Family, Prefix
from skoop.model.packet import Proto
from skoop.netstack.lines import route_line
from skoop.netstack.state import (
    Address,
    BridgePort,
    FdbEntry,
    Link,
    Namespace,
    Neighbour,
    NextHop,
    PolicyRule,
    Route,
    RouteType,
    Socket,
    WireguardPeer,
)
from skoop.plugin.base import Repair

_MAIN = ("main", "254")
_V6_METRIC = 256
"""IP6_RT_PRIO_ADDRCONF: what connected IPv6 routes get."""


def in_main(route: Route) -> bool:
    """Whether a route is in table main."""
    return route.table in _MAIN


def in_sequence(repairs: Iterable[Repair]) -> Repair:
    """One repair after the other."""
    steps = tuple(repairs)

    def repair(namespace: Namespace) -> Namespace:
        for step in steps:
            namespace = step(namespace)
        return namespace

    return repair


def make_route(
    destination: Prefix,
    device: str,
    gateway: int | None = None,
    *,
    onlink: bool = False,
) -> Route:
    """A unicast route of table main; without a gateway it is on link."""
    via = None if gateway is None else (destination.family, gateway)
    hop = NextHop(device, via, flags=("onlink",) if onlink else ())
    scope = "link" if gateway is None and destination.family is Family.V4 else "global"
    bare = Route(destination=destination, nexthops=(hop,), scope=scope)
    return replace(bare, raw=route_line(bare))


def set_route(route: Route) -> Repair:
    """`ip route replace`: this route instead of every other of its table with its destination."""

    def repair(namespace: Namespace) -> Namespace:
        kept = tuple(
            each
            for each in namespace.routes
            if each.destination != route.destination
            or each.table != route.table
            or each.tos != route.tos
            or each.source != route.source
        )
        return replace(namespace, routes=(*kept, route))

    return repair


def without_route(route: Route) -> Repair:
    """`ip route del`."""
    return lambda namespace: replace(
        namespace, routes=tuple(each for each in namespace.routes if each != route)
    )


def without_rule(rule: PolicyRule) -> Repair:
    """`ip rule del`."""
    return lambda namespace: replace(
        namespace, rules=tuple(each for each in namespace.rules if each != rule)
    )


def with_rule(rule: PolicyRule) -> Repair:
    """`ip rule add`."""
    return lambda namespace: replace(
        namespace, rules=tuple(sorted((*namespace.rules, rule), key=lambda each: each.priority))
    )


def set_neighbour(entry: Neighbour) -> Repair:
    """`ip neigh replace`."""

    def repair(namespace: Namespace) -> Namespace:
        key = (entry.device, entry.family, entry.address, entry.proxy)
        kept = tuple(
            each
            for each in namespace.neighbours
            if (each.device, each.family, each.address, each.proxy) != key
        )
        return replace(namespace, neighbours=(*kept, entry))

    return repair


def set_fdb(entry: FdbEntry) -> Repair:
    """`bridge fdb replace ... self`: the only entry of its MAC on a tunnel device."""

    def repair(namespace: Namespace) -> Namespace:
        kept = tuple(
            each for each in namespace.fdb if (each.device, each.mac) != (entry.device, entry.mac)
        )
        return replace(namespace, fdb=(*kept, entry))

    return repair


def without_fdb(entry: FdbEntry) -> Repair:
    """`bridge fdb del`."""
    return lambda namespace: replace(
        namespace, fdb=tuple(each for each in namespace.fdb if each != entry)
    )


def set_sysctls(values: dict[str, str]) -> Repair:
    """`sysctl -w`."""
    return lambda namespace: replace(namespace, sysctls={**namespace.sysctls, **values})


def change_link(name: str, change: Callable[[Link], Link]) -> Repair:
    """`ip link set`."""
    return lambda namespace: replace(
        namespace,
        links=tuple(change(each) if each.name == name else each for each in namespace.links),
    )


def add_link(link: Link) -> Repair:
    """`ip link add`; the link gets the next free index."""

    def repair(namespace: Namespace) -> Namespace:
        index = max((each.index for each in namespace.links), default=0) + 1
        return replace(namespace, links=(*namespace.links, replace(link, index=index)))

    return repair


def link_up(name: str) -> Repair:
    """`ip link set NAME up`, with the connected routes that come back (fib_add_ifaddr())."""
    return in_sequence((change_link(name, _up), with_connected_routes(name), _with_socket(name)))


def _with_socket(name: str) -> Repair:
    """A WireGuard device listens while it is up (wg_open())."""

    def repair(namespace: Namespace) -> Namespace:
        devices = (each.wireguard for each in namespace.links if each.name == name)
        device = next((each for each in devices if each is not None), None)
        held = {each.port for each in namespace.sockets if each.proto == Proto.UDP}
        if device is None or device.port in held:
            return namespace
        opened = tuple(Socket(Proto.UDP, family, 0, device.port) for family in Family)
        return replace(namespace, sockets=(*namespace.sockets, *opened))

    return repair


def set_peer(name: str, peer: WireguardPeer) -> Repair:
    """`wg set NAME peer ...`: its addresses are taken from all other peers."""

    def change(link: Link) -> Link:
        if link.wireguard is None:
            return link
        others = (
            replace(each, allowed=tuple(ips for ips in each.allowed if ips not in peer.allowed))
            for each in link.wireguard.peers
            if each.key != peer.key
        )
        return replace(link, wireguard=replace(link.wireguard, peers=(*others, peer)))

    return change_link(name, change)


def _up(link: Link) -> Link:
    port = link.port
    if port is not None and port.state == "disabled":
        port = replace(port, state="forwarding")
    return replace(link, up=True, carrier=True, operstate="UP", port=port)


def attach(name: str, bridge: str, port: BridgePort) -> Repair:
    """`ip link set NAME master BRIDGE`."""
    return change_link(name, lambda link: replace(link, master=bridge, port=port))


def add_address(address: Address) -> Repair:
    """`ip addr add`, with its local, connected and broadcast routes."""
    return in_sequence(
        (
            lambda namespace: replace(namespace, addresses=(*namespace.addresses, address)),
            with_connected_routes(address.device),
        )
    )


def without_address(address: Address) -> Repair:
    """`ip addr del`, with the routes the kernel made for the address."""

    def repair(namespace: Namespace) -> Namespace:
        made = {_key(route) for route in _routes_of(address)}
        return replace(
            namespace,
            addresses=tuple(each for each in namespace.addresses if each != address),
            routes=tuple(each for each in namespace.routes if _key(each) not in made),
        )

    return repair


def with_connected_routes(device: str) -> Repair:
    """The routes that the kernel makes for the addresses of a device, where they are missing."""

    def repair(namespace: Namespace) -> Namespace:
        present = {_key(route) for route in namespace.routes}
        missing = [
            route
            for address in namespace.addresses
            if address.device == device
            for route in _routes_of(address)
            if _key(route) not in present
        ]
        return replace(namespace, routes=(*namespace.routes, *missing))

    return repair


def _key(route: Route) -> tuple[object, ...]:
    table = "main" if in_main(route) else route.table
    device = route.nexthops[0].device if route.nexthops else ""
    gateway = route.nexthops[0].gateway if route.nexthops else None
    return table, route.destination, route.type, device, gateway


def _routes_of(address: Address) -> list[Route]:
    """fib_add_ifaddr(), addrconf_prefix_route()."""
    family, host = address.family, Prefix(address.family, address.value, address.family.bits)
    hop = (NextHop(address.device),)
    routes = [_kernel(host, RouteType.LOCAL, "local", hop, address.value, "host")]
    network = address.prefix.length < family.bits or family is Family.V6
    on_link = network and not address.secondary
    if on_link and "noprefixroute" not in address.flags:
        routes.append(
            _kernel(address.prefix, RouteType.UNICAST, "main", hop, address.value, "link")
        )
    if on_link and family is Family.V4 and address.prefix.length < 31:
        last = address.prefix.network | (~address.prefix.mask & 0xFFFFFFFF)
        broadcast = Prefix(family, last, 32)
        routes.append(_kernel(broadcast, RouteType.BROADCAST, "local", hop, address.value, "link"))
    return routes


def _kernel(
    destination: Prefix,
    kind: RouteType,
    table: str,
    hops: tuple[NextHop, ...],
    source: int,
    scope: str,
) -> Route:
    v4 = destination.family is Family.V4
    bare = Route(
        destination=destination,
        type=kind,
        table=table,
        nexthops=hops,
        scope=scope if v4 else "global",
        prefsrc=source if v4 else 0,
        protocol="kernel",
        metric=0 if v4 or kind is RouteType.LOCAL else _V6_METRIC,
    )
    return replace(bare, raw=route_line(bare))
