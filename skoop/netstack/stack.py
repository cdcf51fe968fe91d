"""A namespace compiled for lookups: what rules, routes and sockets are asked about thousands of
times. Built once per namespace, never changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from skoop.model.address import Family, is_multicast
from skoop.model.packet import Packet
from skoop.netstack.conntrack import FlowTuple
from skoop.netstack.fib import LOCAL_OUTPUT, Fib, FibKind, FibResult, Flow
from skoop.netstack.hooks import HookPlan
from skoop.netstack.ipvs.stage import stages as ipvs_stages
from skoop.netstack.netfilter import AddressType, FibAnswer, Hook, Membership
from skoop.netstack.sockets import SocketTable
from skoop.netstack.source6 import best_source
from skoop.netstack.state import (
    Address,
    CtEntry,
    Link,
    Namespace,
    Neighbour,
    RouteType,
)
from skoop.netstack.sysctl import Sysctls

_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")
_ADDRESS_TYPES = {
    FibKind.UNICAST: AddressType.UNICAST,
    FibKind.LOCAL: AddressType.LOCAL,
    FibKind.BROADCAST: AddressType.BROADCAST,
    FibKind.MULTICAST: AddressType.MULTICAST,
    FibKind.ANYCAST: AddressType.ANYCAST,
    FibKind.BLACKHOLE: AddressType.BLACKHOLE,
    FibKind.UNREACHABLE: AddressType.UNREACHABLE,
    FibKind.PROHIBIT: AddressType.PROHIBIT,
    FibKind.NONE: AddressType.UNREACHABLE,
    FibKind.UNKNOWN: AddressType.UNSPEC,
}


_OWN = (RouteType.LOCAL, RouteType.ANYCAST)


class Stack:
    """One namespace, ready to be asked. Implements `netfilter.Host`."""

    def __init__(self, namespace: Namespace) -> None:
        """`ports` are the members of a bridge (a bond, a VRF) by its name, `fdb` the forwarding
        entries by the bridge or tunnel device and the MAC, `neighbours` by device, family and
        address, `anycast` IPv6 addresses by device, `connections` by the tuple of either direction,
        `gaps` why a part is missing."""
        self.namespace = namespace
        self.id = namespace.id
        self.sysctls = Sysctls(namespace.sysctls)
        self.links: dict[str, Link] = {link.name: link for link in namespace.links}
        self.links_by_index: dict[int, Link] = {link.index: link for link in namespace.links}
        self.gaps: dict[str, str] = {gap.part: gap.why for gap in namespace.gaps}
        self.neighbours = {
            _asked(entry): entry for entry in namespace.neighbours if not entry.proxy
        }
        self.proxied = frozenset(_asked(entry) for entry in namespace.neighbours if entry.proxy)
        self.anycast = frozenset(_anycast(namespace))
        self.fdb = _grouped(namespace.fdb, lambda each: (each.master or each.device, each.mac))
        members = (link for link in namespace.links if link.master)
        self.ports = _grouped(members, lambda link: link.master)
        self.sockets = SocketTable(namespace.sockets)
        self.connections = _connections(namespace)
        self._addresses = _grouped(namespace.addresses, lambda each: (each.device, each.family))
        self._fibs = {family: _fib(namespace, family, self.sysctls) for family in Family}
        self._single = {family: _local_addresses(namespace, family) for family in Family}
        self._answers_for_others = _answers_for_others(namespace, self.sysctls)
        self._plans: dict[tuple[Hook, Family], HookPlan] = {}

    # --- routing -----------------------------------------------------------------------------

    def route(self, flow: Flow) -> FibResult:
        """A full lookup: policy rules, then tables."""
        part = "routes" if "routes" in self.gaps else "rules"
        if part in self.gaps:
            return FibResult(FibKind.UNKNOWN, why=f"{part} of {self.id}: {self.gaps[part]}")
        return self._fibs[flow.family].lookup(flow)

    def has_custom_rules(self, family: Family) -> bool:
        """Whether anything besides the default policy rules exists."""
        return self._fibs[family].has_custom_rules

    def is_local(self, family: Family, address: int, device: str = "") -> bool:
        """Whether an address belongs to this namespace (to one device of it, if named)."""
        return self.address_type(family, address, device) is AddressType.LOCAL

    def plan(self, hook: Hook, family: Family) -> HookPlan:
        """The chains of a hook, put in order at the first use."""
        plan = self._plans.get((hook, family))
        if plan is None:
            tracks = self.sysctls.number("net.ipv4.vs.conntrack", 0) > 0
            others = ipvs_stages(self.namespace.ipvs, hook, tracks=tracks)
            plan = HookPlan(hook, family, self.namespace.rulesets, others)
            self._plans[hook, family] = plan
        return plan

    def may_answer(self, family: Family, address: int) -> bool:
        """A quick no to a neighbour's question: neither the address nor any proxy is here."""
        return address in self._single[family] or self._answers_for_others

    # --- netfilter.Host ----------------------------------------------------------------------

    def address_type(self, family: Family, address: int, device: str) -> AddressType:
        """__inet_dev_addr_type() over the local table."""
        if family is Family.V4 and (address >> 24 == 0 or address == 0xFFFFFFFF):
            return AddressType.BROADCAST
        if is_multicast(family, address):
            return AddressType.MULTICAST
        found = self._fibs[family].lookup_table("local", Flow(family, address))
        if found.kind is FibKind.NONE:
            return AddressType.UNICAST
        if device and all(hop.device != device for hop in found.nexthops):
            return AddressType.UNICAST
        return _ADDRESS_TYPES[found.kind]

    def fib(
        self, family: Family, source: int, destination: int, mark: int, iif: str, oif: str, tos: int
    ) -> FibAnswer:
        """The route a packet with these fields would take."""
        flow = Flow(family, destination, source, iif or LOCAL_OUTPUT, oif, mark, tos)
        found = self.route(flow)
        device = found.nexthops[0].device if found.nexthops else ""
        return FibAnswer(_ADDRESS_TYPES[found.kind], device)

    def ipset(self, name: str) -> Membership | None:
        """A set by name."""
        return self.namespace.ipsets.get(name)

    def mtu(self, device: str) -> int:
        """The MTU of a device, 0 for one that is not known."""
        link = self.links.get(device)
        return link.mtu if link else 0

    def has_socket(self, packet: Packet, *, transparent_only: bool) -> bool | None:
        """Whether a local socket would take the packet. Transparency is not in any dump."""
        if "sockets" in self.gaps or transparent_only:
            return None
        return self.sockets.find(packet, "") is not None

    # --- addresses ---------------------------------------------------------------------------

    def addresses(self, device: str, family: Family) -> list[Address]:
        """The addresses of a device in the kernel's order."""
        return self._addresses.get((device, family), [])

    def select_source(
        self, device: str, family: Family, towards: int, *, global_only: bool = False
    ) -> int:
        """The address of a device for reaching `towards`, else one of another device, else 0.

        IPv4 takes the primary address of the subnet, or the first one (inet_select_addr());
        `global_only` leaves out those of link scope, as routes by a gateway and MASQUERADE do.
        """
        if family is Family.V6:
            return best_source(self.namespace.addresses, device, towards)
        first = 0
        for address in self.addresses(device, family):
            if address.secondary or address.scope == "host":
                continue
            if global_only and address.scope == "link":
                continue
            if address.prefix.contains(towards):
                return address.value
            first = first or address.value
        return first or self._any_source(family)

    def _any_source(self, family: Family) -> int:
        for address in self.namespace.addresses:
            if address.family is family and not address.secondary and address.scope == "global":
                return address.value
        return 0

    def tunnel_devices(self, kind: str) -> list[Link]:
        """All links of a kind, in index order."""
        return [link for link in self.namespace.links if link.kind == kind]

    @property
    def tracks_connections(self) -> bool:
        """Whether conntrack is at work here: something translates or matches by connection."""
        return bool(self.namespace.conntrack.count) or any(
            ruleset.chains for ruleset in self.namespace.rulesets
        )

    def conntrack_full(self) -> bool:
        """Whether a new connection would find no room (nf_conntrack_max reached)."""
        table = self.namespace.conntrack
        return bool(table.limit) and table.count >= table.limit


def _grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> Mapping[_Key, list[_Item]]:
    """The items by key, in their order."""
    found: dict[_Key, list[_Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def _asked(entry: Neighbour) -> tuple[str, Family, int]:
    return entry.device, entry.family, entry.address


def _connections(namespace: Namespace) -> Mapping[FlowTuple, CtEntry]:
    """Where a tuple is one entry's reply and another's original, the original counts."""
    found: dict[FlowTuple, CtEntry] = {}
    for entry in namespace.conntrack.entries:
        found[entry.original] = entry
        found.setdefault(entry.reply, entry)
    return found


def _fib(namespace: Namespace, family: Family, sysctls: Sysctls) -> Fib:
    skip = frozenset(
        link.name
        for link in namespace.links
        if sysctls.either(link.name, "ignore_routes_with_linkdown")
    )
    rules = (rule for rule in namespace.rules if rule.family is family)
    routes = (route for route in namespace.routes if route.destination.family is family)
    return Fib(family, rules, routes, skip)


def _local_addresses(namespace: Namespace, family: Family) -> frozenset[int]:
    """Where local and anycast routes begin: the addresses of this namespace, and some networks."""
    return frozenset(
        route.destination.network
        for route in namespace.routes
        if route.destination.family is family and route.type in _OWN
    )


def _anycast(namespace: Namespace) -> Iterator[tuple[str, int]]:
    for route in namespace.routes:
        if route.destination.family is Family.V6 and route.type is RouteType.ANYCAST:
            yield from ((hop.device, route.destination.network) for hop in route.nexthops)


def _answers_for_others(namespace: Namespace, sysctls: Sysctls) -> bool:
    """Whether it may answer for addresses that `_local_addresses` does not list: by a proxy, in a
    VRF, for a local route that covers many, or by routes that were not collected."""
    return (
        any(entry.proxy for entry in namespace.neighbours)
        or any(gap.part == "routes" for gap in namespace.gaps)
        or any(
            sysctls.either(link.name, "proxy_arp") or link.kind == "vrf" for link in namespace.links
        )
        or any(
            route.type is RouteType.LOCAL
            and route.destination.length not in (0, 8, route.destination.family.bits)
            for route in namespace.routes
        )
    )
