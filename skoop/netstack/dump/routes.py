"""`ip -j -4|-6 route show table all` (and `... show cache`) -> Route.

Field names: iproute2 ip/iproute.c, print_route. What its JSON does not tell is a metric's `lock`;
the plain text of the same command does, see `with_locks`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from skoop.model.address import Family, Prefix, parse_ip, parse_prefix
from skoop.netstack.dump.jsontext import entries, located, with_line
from skoop.netstack.lines import prefix_text, route_line
from skoop.netstack.state import NextHop, Route, RouteType


class _Via(Struct, frozen=True):
    host: str


class _Hop(Struct, frozen=True):
    gateway: str = ""
    via: _Via | None = None
    dev: str = ""
    weight: int = 1
    flags: tuple[str, ...] = ()
    encap: str = ""


class _Metrics(Struct, frozen=True):
    mtu: int = 0
    lock: bool | int = False


class _Route(Struct, frozen=True):
    dst: str
    type: str = "unicast"
    source: str | None = msgspec.field(default=None, name="from")
    tos: str | int = 0
    nhid: int = 0
    gateway: str = ""
    via: _Via | None = None
    dev: str = ""
    table: str | int = "main"
    protocol: str | int = "boot"
    scope: str | int = "global"
    prefsrc: str = ""
    metric: int = 0
    flags: tuple[str, ...] = ()
    metrics: tuple[_Metrics, ...] = ()
    nexthops: tuple[_Hop, ...] = ()
    pref: str = "medium"
    encap: str = ""


_DECODER = msgspec.json.Decoder(_Route)
_TYPES = {kind.value: kind for kind in RouteType}
_SCOPES = {"0": "global", "200": "site", "253": "link", "254": "host", "255": "nowhere"}
_DSFIELD = {"default": 0, "lowdelay": 0x10, "throughput": 0x08, "reliability": 0x04}


def read_routes(text: str, family: Family, source: str) -> tuple[Route, ...]:
    """Every route of one family in the order printed. Raises ParseError."""
    routes = []
    for item, own in entries(text, _DECODER, source):
        try:
            route = _route(item, family)
            routes.append(with_line(route, route_line(route)))
        except ValueError as error:
            raise located(source, own, error) from error
    return tuple(routes)


def resolved(
    routes: tuple[Route, ...], nexthops: Mapping[int, tuple[NextHop, ...]]
) -> tuple[Route, ...]:
    """The routes, those that only name a nexthop object completed from it."""
    return tuple(
        msgspec.structs.replace(route, nexthops=nexthops.get(route.nhid, ()))
        if route.nhid and not route.nexthops
        else route
        for route in routes
    )


def with_locks(routes: tuple[Route, ...], plain: str) -> tuple[Route, ...]:
    """The routes, `mtu_locked` completed from the plain text of the same command."""
    locked = locked_mtus(plain)
    return tuple(
        _with_lock(route)
        if route.mtu and (prefix_text(route.destination), route.table) in locked
        else route
        for route in routes
    )


def _with_lock(route: Route) -> Route:
    locked = msgspec.structs.replace(route, mtu_locked=True)
    return with_line(locked, route_line(locked))


def read_cached(text: str, family: Family, source: str) -> tuple[Route, ...]:
    """The path MTUs a host has learnt (`show cache`, net/ipv4/route.c fnhe). An entry without an
    MTU is a redirect that was followed. Raises ParseError."""
    found = (
        msgspec.structs.replace(route, cached_pmtu=route.mtu > 0)
        for route in read_routes(text, family, source)
    )
    return tuple(with_line(route, route_line(route)) for route in found)


def _route(item: _Route, family: Family) -> Route:
    if item.type not in _TYPES:
        raise ValueError(f"unknown route type {item.type!r}")
    metrics = item.metrics[0] if item.metrics else _NO_METRICS
    return Route(
        destination=_prefix(item.dst, family),
        type=_TYPES[item.type],
        table=str(item.table),
        nexthops=_hops(item),
        metric=item.metric,
        scope=_SCOPES.get(str(item.scope), str(item.scope)),
        prefsrc=_prefix(item.prefsrc, family).network if item.prefsrc else 0,
        protocol=str(item.protocol),
        tos=dsfield(item.tos),
        mtu=metrics.mtu,
        mtu_locked=bool(metrics.lock),
        pref=item.pref,
        source=_prefix(item.source, family) if item.source else None,
        nhid=item.nhid,
    )


_NO_METRICS = _Metrics()


def _hops(item: _Route) -> tuple[NextHop, ...]:
    if item.nexthops:
        return tuple(_hop(hop) for hop in item.nexthops)
    if item.dev or item.gateway or item.via:
        return (_hop(_Hop(item.gateway, item.via, item.dev, 1, item.flags, item.encap)),)
    return ()


def _hop(hop: _Hop) -> NextHop:
    gateway = hop.gateway or (hop.via.host if hop.via else "")
    return NextHop(
        hop.dev, parse_ip(gateway) if gateway else None, hop.weight, hop.flags, hop.encap
    )


def _prefix(text: str, family: Family) -> Prefix:
    if text in ("default", "all", "any"):
        return Prefix(family, 0, 0)
    prefix = parse_prefix(text)
    if prefix.family is not family:
        raise ValueError(f"{text} is not of family IPv{int(family)}")
    return prefix


def dsfield(value: str | int) -> int:
    """A TOS byte by number, or by its name in /etc/iproute2/rt_dsfield. Raises ValueError."""
    if isinstance(value, int):
        return value
    name = value.lower()
    if name in _DSFIELD:
        return _DSFIELD[name]
    if name.startswith("cs") and name[2:].isdecimal():
        return int(name[2:]) << 5
    if name.startswith("af") and len(name) == 4 and name[2:].isdecimal():
        return int(name[2]) << 5 | int(name[3]) << 3
    if name == "ef":
        return 0xB8
    return int(name, 16)


def locked_mtus(text: str) -> frozenset[tuple[str, str]]:
    """From the plain `ip route show table all`: (destination, table) of routes printed with
    "mtu lock". Lines that are not routes tell nothing."""
    found = set()
    for line in text.splitlines():
        if " mtu lock " not in line:
            continue
        words = line.split()
        destination = words[1] if words[0] in _TYPES else words[0]
        table = words[words.index("table") + 1] if "table" in words[:-1] else "main"
        found.add((destination, table))
    return frozenset(found)
