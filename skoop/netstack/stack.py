"""A namespace compiled for lookups: what rules, routes and sockets are asked about thousands of
times. Built once per namespace, never changed."""

from __future__ import annotations

from collections import defaultdict

from skoop.model.address import Family, is_multicast
from skoop.model.packet import Packet
from skoop.netstack.fib import LOCAL_OUTPUT, Fib, FibKind, FibResult, Flow
from skoop.netstack.hooks import HookPlan
from skoop.netstack.ipvs.stage import stages as ipvs_stages
from skoop.netstack.netfilter import AddressType, FibAnswer, Hook, Membership
from skoop.netstack.sockets import SocketTable
from skoop.netstack.source6 import best_source
from skoop.netstack.state import (
    Address,
    CtEntry,
    FdbEntry,
    Link,
    Namespace,
    Neighbour,
    RouteType,
)
from skoop.netstack.sysctl import Sysctls

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


class Stack:
    """One namespace, ready to be asked. Implements `netfilter.Host`."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.id = namespace.id
        self.sysctls = Sysctls(namespace.sysctls)
        self.links: dict[str, Link] = {link.name: link for link in namespace.links}
        self.links_by_index: dict[int, Link] = {link.index: link for link in namespace.links}
        self.gaps: dict[str, str] = {gap.part: gap.why for gap in namespace.gaps}
        self._addresses: dict[tuple[str, Family], list[Address]] = defaultdict(list)
        for address in namespace.addresses:
            self._addresses[address.device, address.family].append(address)
        self.neighbours: dict[tuple[str, Family, int], Neighbour] = {
            (entry.device, entry.family, entry.address): entry
            for entry in namespace.neighbours
            if not entry.proxy
        }
        self.proxied = frozenset(
            (entry.device, entry.family, entry.address)
            for entry in namespace.neighbours
            if entry.proxy
        )
        self.fdb: dict[tuple[str, str], list[FdbEntry]] = defaultdict(list)
        for fdb_entry in namespace.fdb:
            owner = fdb_entry.master or fdb_entry.device
            self.fdb[owner, fdb_entry.mac].append(fdb_entry)
        self.ports: dict[str, list[Link]] = defaultdict(list)
        for link in namespace.links:
            if link.master:
                self.ports[link.master].append(link)
        skip = frozenset(
            link.name
            for link in namespace.links
            if self.sysctls.either(link.name, "ignore_routes_with_linkdown")
        )
        self._fibs = {
            family: Fib(
                family,
                (rule for rule in namespace.rules if rule.family is family),
                (r for r in namespace.routes if r.destination.family is family),
                skip,
            )
            for family in Family
        }
        self._single: dict[Family, frozenset[int]] = {
            family: frozenset(
                route.destination.network
                for route in namespace.routes
                if route.destination.family is family and route.type is RouteType.LOCAL
            )
            for family in Family
        }
        self._answers_for_others = (
            bool(self.proxied)
            or "routes" in self.gaps
            or any(
                self.sysctls.either(link.name, "proxy_arp") or link.kind == "vrf"
                for link in namespace.links
            )
            or any(
                route.type is RouteType.LOCAL
                and route.destination.length not in (0, 8, route.destination.family.bits)
                for route in namespace.routes
            )
        )
        self.sockets = SocketTable(namespace.sockets)
        self._plans: dict[tuple[Hook, Family], HookPlan] = {}
        self.connections: dict[object, CtEntry] = {}
        for entry in namespace.conntrack.entries:
            self.connections[entry.original] = entry
            self.connections.setdefault(entry.reply, entry)

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
