"""Routing lookups: policy rules, tables, longest prefix (net/core/fib_rules.c, fib_trie.c).

A lookup answers with a `FibResult`. Errors are results too, because the kernel makes each visible
in its own way: blackhole is silent, unreachable and prohibit send ICMP or an errno.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.packet import port_within
from skoop.netstack.state import NextHop, PolicyRule, Route, RouteType

LOCAL_OUTPUT = "lo"
"""The input interface of packets this namespace makes itself, as `ip rule iif lo` names it."""

_TABLE_NAMES = {"255": "local", "254": "main", "253": "default"}


def table_name(table: str) -> str:
    """The usual name of a table that is given by its number."""
    return _TABLE_NAMES.get(table, table)


class FibKind(Enum):
    """What a lookup found."""

    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    ANYCAST = "anycast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    NONE = "no route"
    UNKNOWN = "unknown"


_KINDS = {
    RouteType.UNICAST: FibKind.UNICAST,
    RouteType.LOCAL: FibKind.LOCAL,
    RouteType.BROADCAST: FibKind.BROADCAST,
    RouteType.MULTICAST: FibKind.MULTICAST,
    RouteType.ANYCAST: FibKind.ANYCAST,
    RouteType.BLACKHOLE: FibKind.BLACKHOLE,
    RouteType.UNREACHABLE: FibKind.UNREACHABLE,
    RouteType.PROHIBIT: FibKind.PROHIBIT,
}
_ACTIONS = {
    "blackhole": FibKind.BLACKHOLE,
    "unreachable": FibKind.UNREACHABLE,
    "prohibit": FibKind.PROHIBIT,
}


class Flow(Struct, frozen=True):
    """The key of a lookup (struct flowi). `src` 0 means not chosen yet; `oif` is a bound device."""

    family: Family
    dst: int
    src: int = 0
    iif: str = LOCAL_OUTPUT
    oif: str = ""
    mark: int = 0
    tos: int = 0
    proto: int = 0
    sport: int = 0
    dport: int = 0


class FibResult(Struct, frozen=True):
    """`nexthops` are the usable ones of the route, by weight. `rule` is the policy rule that led
    here. `why` says what made the answer UNKNOWN."""

    kind: FibKind
    route: Route | None = None
    nexthops: tuple[NextHop, ...] = ()
    rule: PolicyRule | None = None
    why: str = ""

    @property
    def prefsrc(self) -> int:
        """The route's preferred source address, 0 for none."""
        return self.route.prefsrc if self.route else 0


NO_ROUTE = FibResult(FibKind.NONE)


class _Table:
    """One routing table: a dictionary per prefix length, longest first."""

    __slots__ = ("_levels",)

    def __init__(self, family: Family, routes: Iterable[Route]) -> None:
        levels: dict[int, dict[int, list[Route]]] = {}
        for route in routes:
            shift = family.bits - route.destination.length
            bucket = levels.setdefault(shift, {})
            bucket.setdefault(route.destination.network >> shift, []).append(route)
        for bucket in levels.values():
            for aliases in bucket.values():
                aliases.sort(key=lambda route: (-route.tos, route.metric))
        self._levels = tuple(sorted(levels.items()))

    def lookup(self, flow: Flow, skip_linkdown: frozenset[str]) -> tuple[Route, FibResult] | None:
        """The route for a flow and its result, or None when the table has none."""
        for shift, bucket in self._levels:
            for route in bucket.get(flow.dst >> shift, ()):
                if route.tos and route.tos != flow.tos & 0x1C:
                    continue
                if route.source and not route.source.contains(flow.src):
                    continue
                if route.type is RouteType.THROW:
                    return route, NO_ROUTE
                kind = _KINDS.get(route.type)
                if kind is None:
                    continue
                if kind in _ERROR_KINDS:
                    return route, FibResult(kind, route)
                alive = _alive(route, flow.oif, skip_linkdown)
                if alive:
                    return route, FibResult(kind, route, alive)
        return None


_ERROR_KINDS = frozenset((FibKind.BLACKHOLE, FibKind.UNREACHABLE, FibKind.PROHIBIT))


def _alive(route: Route, oif: str, skip_linkdown: frozenset[str]) -> tuple[NextHop, ...]:
    """Next hops the kernel would consider: not dead, on the bound device if there is one."""
    return tuple(
        hop
        for hop in route.nexthops
        if "dead" not in hop.flags
        and not ("linkdown" in hop.flags and hop.device in skip_linkdown)
        and (not oif or hop.device == oif)
    )


class Fib:
    """All tables and rules of one family in one namespace."""

    __slots__ = ("_family", "_rules", "_skip_linkdown", "_tables")

    def __init__(
        self,
        family: Family,
        rules: Iterable[PolicyRule],
        routes: Iterable[Route],
        skip_linkdown: frozenset[str] = frozenset(),
    ) -> None:
        """`skip_linkdown` names the devices with ignore_routes_with_linkdown set."""
        self._family = family
        self._rules = tuple(sorted(rules, key=lambda rule: rule.priority))
        tables: dict[str, list[Route]] = {}
        for route in routes:
            tables.setdefault(table_name(route.table), []).append(route)
        compiled = {name: _Table(family, members) for name, members in tables.items()}
        for number, name in _TABLE_NAMES.items():  # a rule may name a table either way
            if name in compiled:
                compiled[number] = compiled[name]
        self._tables: Mapping[str, _Table] = compiled
        self._skip_linkdown = skip_linkdown

    @property
    def has_custom_rules(self) -> bool:
        """fib4_has_custom_rules(): anything besides the three default rules."""
        return [(r.priority, r.target) for r in self._rules] not in (
            [(0, "local"), (32766, "main"), (32767, "default")],
            [(0, "local"), (32766, "main")],
        )

    def lookup_table(self, name: str, flow: Flow) -> FibResult:
        """A lookup in one table only, without rules."""
        table = self._tables.get(name)
        found = table.lookup(flow, self._skip_linkdown) if table else None
        return found[1] if found else NO_ROUTE

    def lookup(self, flow: Flow) -> FibResult:
        """fib_rules_lookup(): the first rule that matches and does not pass the flow on."""
        rules, position = self._rules, 0
        while position < len(rules):
            rule = rules[position]
            position += 1
            matches = _rule_matches(rule, flow)
            if matches is None:
                return FibResult(FibKind.UNKNOWN, rule=rule, why=f"cannot decide rule {rule.raw}")
            if not matches or rule.action == "nop":
                continue
            if rule.action == "goto":
                position = _jump(rules, rule.target, position)
                continue
            if rule.action in _ACTIONS:
                return FibResult(_ACTIONS[rule.action], rule=rule)
            result = self._lookup_by(rule, flow)
            if result is not None:
                return result
        return NO_ROUTE

    def _lookup_by(self, rule: PolicyRule, flow: Flow) -> FibResult | None:
        table = self._tables.get(rule.target)
        found = table.lookup(flow, self._skip_linkdown) if table else None
        if found is None or found[1].kind is FibKind.NONE:
            return None
        route, result = found
        refused = result.kind in _ERROR_KINDS and self._family is Family.V4
        if route.destination.length <= rule.suppress_prefixlength and not refused:
            return None  # fib_rules_lookup() suppresses only what would have been a way
        return FibResult(result.kind, route, result.nexthops, rule)


def _jump(rules: tuple[PolicyRule, ...], target: str, after: int) -> int:
    """Where `goto` continues: the first rule of that priority, which the kernel keeps ahead. A goto
    to a priority that no rule has does nothing."""
    for index in range(after, len(rules)):
        if str(rules[index].priority) == target:
            return index
    return after


def _rule_matches(rule: PolicyRule, flow: Flow) -> bool | None:
    """fib_rule_match() with `not` applied; None when it depends on what is not known."""
    verdict = _selectors_match(rule, flow)
    return None if verdict is None else verdict is not rule.inverted


def _selectors_match(rule: PolicyRule, flow: Flow) -> bool | None:
    if rule.iif and rule.iif != flow.iif:
        return False
    if rule.oif and rule.oif != flow.oif:
        return False
    if rule.fwmark and flow.mark & rule.fwmark[1] != rule.fwmark[0] & rule.fwmark[1]:
        return False
    if rule.source and not rule.source.contains(flow.src):
        return False
    if rule.destination and not rule.destination.contains(flow.dst):
        return False
    if rule.tos and rule.tos != flow.tos & _TOS_MASKS[rule.family]:
        return False
    if rule.ipproto and rule.ipproto != flow.proto:
        return False
    return _ports_match(rule, flow)


_TOS_MASKS = {Family.V4: 0x1C, Family.V6: 0xFC}
"""The bits of the TOS byte a rule compares (IPTOS_RT_MASK; all of DSCP in IPv6)."""


def _ports_match(rule: PolicyRule, flow: Flow) -> bool | None:
    answers = []
    if rule.sport:
        answers.append(port_within(flow.sport, *rule.sport))
    if rule.dport:
        answers.append(port_within(flow.dport, *rule.dport))
    if False in answers:
        return False
    if None in answers or _asks_the_unknown(rule):
        return None
    return True


def _asks_the_unknown(rule: PolicyRule) -> bool:
    """Whether a rule looks at what is not collected: the socket's user, VRFs, interface groups."""
    return bool(
        rule.uid_range
        or rule.tun_id
        or rule.l3mdev
        or rule.unmodelled
        or rule.suppress_ifgroup >= 0
    )
