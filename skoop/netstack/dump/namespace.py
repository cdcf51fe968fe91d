"""All outputs of one namespace -> Namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.model.packet import Proto
from skoop.netstack.dump.addresses import read_addresses
from skoop.netstack.dump.cache import ReadCache
from skoop.netstack.dump.commands import by_canonical_name
from skoop.netstack.dump.conntracktext import read_conntrack
from skoop.netstack.dump.fdb import read_fdb
from skoop.netstack.dump.firewall import read_firewalls, read_sets
from skoop.netstack.dump.ipvs import read_ipvs
from skoop.netstack.dump.links import read_links
from skoop.netstack.dump.neighbours import read_neighbours, with_ages
from skoop.netstack.dump.nexthops import read_nexthops
from skoop.netstack.dump.output import Output
from skoop.netstack.dump.ports import read_ports, with_ports
from skoop.netstack.dump.procsockets import read_proc_sockets, with_dual
from skoop.netstack.dump.qdiscs import Filters, read_filters, read_qdiscs, with_qdiscs
from skoop.netstack.dump.routes import read_cached, read_routes, resolved, with_locks
from skoop.netstack.dump.rules import read_rules
from skoop.netstack.dump.sockets import merged, read_sockets
from skoop.netstack.dump.sysctls import read_sysctls
from skoop.netstack.dump.vlans import read_vlans, with_vlans
from skoop.netstack.dump.wireguard import (
    Told,
    read_allowed,
    read_endpoints,
    read_fwmarks,
    read_handshakes,
    read_keys,
    read_listen_ports,
    with_wireguard,
)
from skoop.netstack.state import (
    CtTable,
    FdbEntry,
    Gap,
    Link,
    Namespace,
    Neighbour,
    Route,
    Shaping,
    Socket,
    TrafficControl,
)

_T = TypeVar("_T")
_Reader = Callable[[str, str], _T]
_PROC_SOCKETS = {"tcp": Proto.TCP, "tcp6": Proto.TCP, "udp": Proto.UDP, "udp6": Proto.UDP}


def read_namespace(
    id: str,  # noqa: A002
    outputs: Mapping[str, Output],
    *,
    inode: int = 0,
    nsids: tuple[tuple[int, int], ...] = (),
    source: str = "",
    cache: ReadCache | None = None,
) -> Namespace:
    """Everything the commands told.

    `outputs` is keyed by the command as typed ("ip -j -d link"), by path for files
    ("/proc/net/tcp"), and "sysctl" for settings. Nothing here raises: what is missing or cannot be
    read becomes a `Gap`, which names `source` (default: the id) and the command.
    """
    reader = _Reading(by_canonical_name(outputs), source or id, cache or ReadCache())
    rulesets, firewall_gaps = read_firewalls(outputs, reader.source, reader.cache)
    ipsets, set_gaps = read_sets(
        outputs, reader.source, reader.cache, needed=bool(rulesets or firewall_gaps)
    )
    links = _links(reader)
    table = read_ipvs(reader.outputs, links, reader.source, reader.gaps)
    sysctls = reader.read("sysctls", ("sysctl",), read_sysctls) or {}
    return Namespace(
        id=id,
        inode=inode,
        nsids=nsids,
        links=links,
        addresses=reader.read("addresses", ("ip -j addr",), read_addresses) or (),
        rules=tuple(
            rule
            for family, commands in _RULES.items()
            for rule in reader.read_family("rules", commands, read_rules, family)
        ),
        routes=_routes(reader),
        neighbours=_neighbours(reader),
        fdb=_fdb(reader, links),
        sysctls=sysctls,
        sockets=_sockets(reader),
        conntrack=_conntrack(reader, sysctls),
        rulesets=rulesets,
        ipsets=ipsets,
        ipvs=table,
        gaps=(*reader.gaps, *firewall_gaps, *set_gaps),
    )


_RULES = {Family.V4: ("ip -j rule",), Family.V6: ("ip -j -6 rule",)}


class _Reading:
    """One namespace being read: its outputs, and the gaps found so far."""

    def __init__(self, outputs: Mapping[str, Output], source: str, cache: ReadCache) -> None:
        self.outputs, self.source, self.cache = outputs, source, cache
        self.gaps: list[Gap] = []

    def has(self, command: str) -> bool:
        """Whether a command was run and worked."""
        output = self.outputs.get(command)
        return output is not None and output.rc == 0

    def read(self, part: str, commands: tuple[str, ...], read: _Reader[_T]) -> _T | None:
        """The first of several equivalent commands that worked; None and a gap if none did."""
        for command in commands:
            if self.has(command):
                return self.parse(part, command, read)
        command = next((name for name in commands if name in self.outputs), commands[0])
        output = self.outputs.get(command)
        why = f"{command} {output.failure}" if output else f"{command} was not collected"
        self.gaps.append(Gap(part, f"{self.source}: {why}"))
        return None

    def optional(self, part: str, command: str, read: _Reader[_T]) -> _T | None:
        """As `read`, but a command that was not run or did not work says nothing."""
        return self.parse(part, command, read) if self.has(command) else None

    def parse(self, part: str, command: str, read: _Reader[_T]) -> _T | None:
        """One command's text; None and a gap if it cannot be read."""
        text = self.outputs[command].stdout
        try:
            return self.cache.read(command, text, partial(read, text, command))
        except ParseError as error:
            self.gaps.append(Gap(part, f"{self.source}: {error}"))
            return None

    def read_family(
        self,
        part: str,
        commands: tuple[str, ...],
        read: Callable[[str, Family, str], tuple[_T, ...]],
        family: Family,
    ) -> tuple[_T, ...]:
        """As `read`, of one IP version; a kernel without IPv6 has none of it."""
        output = self.outputs.get(commands[0])
        if family is Family.V6 and output is not None and _no_ipv6(output):
            return ()
        return self.read(part, commands, lambda text, source: read(text, family, source)) or ()


def _no_ipv6(output: Output) -> bool:
    return output.rc != 0 and "not supported" in output.stderr


def _links(reader: _Reading) -> tuple[Link, ...]:
    links = reader.read("links", ("ip -j -d link",), read_links) or ()
    if any(link.master and link.port is None for link in links):
        for command in ("bridge -j -d link", "bridge -j link"):
            links = with_ports(links, reader.optional("links", command, read_ports) or {})
    filters = _filters(reader)

    def read(text: str, source: str) -> Mapping[str, TrafficControl]:
        return read_qdiscs(text, source, filters)

    vlans = reader.optional("links", "bridge -j vlan", read_vlans)
    links = links if vlans is None else with_vlans(links, vlans)
    if any(link.kind == "wireguard" for link in links):
        links = _with_wireguard(reader, links)
    return with_qdiscs(links, reader.optional("links", "tc -j qdisc", read) or {})


_WG = "wg show all "


def _with_wireguard(reader: _Reading, links: tuple[Link, ...]) -> tuple[Link, ...]:
    """What of it is missing is told once; a device that nothing is known of stays without."""
    keys = reader.read("wireguard", (f"{_WG}public-key",), read_keys)
    if keys is None:
        return links
    ports = reader.read("wireguard", (f"{_WG}listen-port",), read_listen_ports)
    marks = reader.read("wireguard", (f"{_WG}fwmark",), read_fwmarks)
    endpoints = reader.read("wireguard", (f"{_WG}endpoints",), read_endpoints)
    allowed = reader.read("wireguard", (f"{_WG}allowed-ips",), read_allowed)
    met = reader.optional("wireguard", f"{_WG}latest-handshakes", read_handshakes)
    if ports is None or marks is None or endpoints is None or allowed is None:
        return links
    return with_wireguard(links, Told(keys, ports, marks, endpoints, allowed, met))


def _filters(reader: _Reading) -> Filters:
    """`tc -j filter show dev DEV ingress|egress`, of the devices that have a place for them."""
    found: dict[tuple[str, str], Shaping] = {}
    for command in reader.outputs:
        if command.startswith(_FILTER):
            device, _, way = command.removeprefix(_FILTER).rpartition(" ")
            shaping = reader.optional("links", command, read_filters)
            if shaping is not None:
                found[device, way] = shaping
    return found


_FILTER = "tc -j filter show dev "


def _routes(reader: _Reading) -> tuple[Route, ...]:
    nexthops = reader.optional("routes", "ip -j nexthop", read_nexthops) or {}
    routes: list[Route] = []
    for family in (Family.V4, Family.V6):
        flag = f"-{int(family)}"
        command = f"ip -j {flag} route show table all"
        found = reader.read_family("routes", (command,), read_routes, family)
        plain = reader.outputs.get(f"ip {flag} route show table all")
        routes += with_locks(found, plain.stdout) if plain and "lock" in plain.stdout else found
        routes += _cached(reader, family)
    return resolved(tuple(routes), nexthops)


def _cached(reader: _Reading, family: Family) -> tuple[Route, ...]:
    def read(text: str, source: str) -> tuple[Route, ...]:
        return read_cached(text, family, source)

    found = reader.optional("routes", f"ip -j -{int(family)} route show cache", read) or ()
    for route in found:
        if not route.cached_pmtu:
            why = f"a followed ICMP redirect is not modelled: {route.raw}"
            reader.gaps.append(Gap("routes", f"{reader.source}: {why}"))
    return tuple(route for route in found if route.cached_pmtu)


def _fdb(reader: _Reading, links: tuple[Link, ...]) -> tuple[FdbEntry, ...]:
    """Only bridges and vxlan devices forward by their entries; without one none is missed."""
    if links and not any(link.kind in ("bridge", "vxlan") for link in links):
        return reader.optional("fdb", "bridge -j fdb", read_fdb) or ()
    return reader.read("fdb", ("bridge -j fdb",), read_fdb) or ()


def _neighbours(reader: _Reading) -> tuple[Neighbour, ...]:
    commands = ("ip -j neigh show nud all", "ip -j neigh")
    found = reader.read("neighbours", commands, read_neighbours) or ()
    aged = reader.optional("neighbours", "ip -j -s neigh show nud stale", read_neighbours) or ()
    return with_ages(found, aged) + (
        reader.optional("neighbours", "ip -j neigh show proxy", read_neighbours) or ()
    )


def _sockets(reader: _Reading) -> tuple[Socket, ...]:
    commands = [name for name in reader.outputs if name.startswith("ss ") and reader.has(name)]
    if not commands:
        return _proc_sockets(reader)
    found: tuple[Socket, ...] = ()
    for command in commands:
        only_udp = "-u" in command.split() or "-nu" in command.split()

        def read(text: str, source: str, netid: str = "udp" if only_udp else "") -> _Sockets:
            return read_sockets(text, source, netid=netid)

        found += reader.parse("sockets", command, read) or ()
    return merged(found)


_Sockets = tuple[Socket, ...]


def _proc_sockets(reader: _Reading) -> tuple[Socket, ...]:
    found: tuple[Socket, ...] = ()
    if not any(reader.has(f"/proc/net/{name}") for name in ("tcp", "udp")):
        return reader.read("sockets", ("ss -H -lntu",), read_sockets) or ()
    for name, proto in _PROC_SOCKETS.items():

        def read(text: str, source: str, proto: Proto = proto) -> _Sockets:
            return read_proc_sockets(text, proto, source)

        if name.endswith("6"):
            found += reader.optional("sockets", f"/proc/net/{name}", read) or ()
        else:
            found += reader.read("sockets", (f"/proc/net/{name}",), read) or ()
    return with_dual(found)


def _conntrack(reader: _Reading, sysctls: Mapping[str, str]) -> CtTable:
    counted = reader.outputs.get("conntrack -C")
    count = _number(counted.stdout if counted else "")
    if count < 0:
        count = _number(sysctls.get("net.netfilter.nf_conntrack_count", ""))
    limit = max(0, _number(sysctls.get("net.netfilter.nf_conntrack_max", "")))
    listings = [name for name in reader.outputs if name.startswith("conntrack -L")]
    if count == 0 and not any(reader.has(name) for name in listings):
        return CtTable(limit=limit)
    commands = (*(listings or ["conntrack -L"]), "/proc/net/nf_conntrack")
    entries = reader.read("conntrack", commands, read_conntrack) or ()
    for command in listings[1:]:
        entries += reader.optional("conntrack", command, read_conntrack) or ()
    return CtTable(tuple(dict.fromkeys(entries)), max(count, 0), limit)


def _number(text: str) -> int:
    """-1 when it is none."""
    stripped = text.strip()
    return int(stripped) if stripped.isascii() and stripped.isdigit() and len(stripped) < 12 else -1
