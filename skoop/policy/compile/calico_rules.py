"""One Calico rule: what its fields mean together (libcalico-go EntityRule, updateprocessors).

Every field that is set must hold. A selector of a namespaced policy looks in that namespace unless
a namespaceSelector says otherwise; one of a global policy looks everywhere.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from msgspec import Struct

from skoop.errors import ParseError
from skoop.model.address import Family, Prefix
from skoop.model.answer import Answer
from skoop.model.kube import CalicoEntity, CalicoIcmp, CalicoPolicy, CalicoRule, Inventory
from skoop.policy.answer import Miss, MissKind
from skoop.policy.labelled import ACCOUNT_PREFIX, NAMESPACE_PREFIX, Labelled, OfFamily
from skoop.policy.party import NAMES, Party, Traffic
from skoop.policy.peers import (
    Domains,
    Networks,
    Not,
    PeerTest,
    Undecided,
    all_of_peers,
)
from skoop.policy.ports import (
    AnyTraffic,
    IcmpTypes,
    IpProtocol,
    NamedPorts,
    NotTraffic,
    Ports,
    SourcePorts,
    TrafficTest,
    UndecidedTraffic,
    all_of_traffic,
    any_of_traffic,
    protocol_word,
)
from skoop.policy.rules import Action, Rule, Way
from skoop.policy.selector import Expr, parse_selector
from skoop.policy.selector.tree import NAMESPACE, Among, And

_ACTIONS = {"Allow": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
ACCOUNT = "projectcalico.org/serviceaccount"


class Scope(Struct, frozen=True):
    """Where a rule stands: the namespace of its policy, "" for a global one."""

    namespace: str
    inventory: Inventory


def subject_of(policy: CalicoPolicy) -> PeerTest:
    """The endpoints a policy applies to."""
    parts = [("selector", policy.selector, "")]
    if policy.namespace_selector and not policy.namespace:
        parts.append(("namespaceSelector", policy.namespace_selector, NAMESPACE_PREFIX))
    if policy.service_account_selector:
        word = "serviceAccountSelector"
        parts.append((word, policy.service_account_selector, ACCOUNT_PREFIX))
    known = [Among(NAMESPACE, (policy.namespace,))] if policy.namespace else []
    return together(parts, known, own=True)


def together(
    parts: Iterable[tuple[str, str, str]], known: Iterable[Expr] = (), *, own: bool = False
) -> PeerTest:
    """One condition for selectors that must all find the same endpoint: (field, text, prefix).
    One that cannot be read makes the whole undecided."""
    exprs: list[Expr] = list(known)
    words: list[str] = []
    for word, text, prefix in parts:
        try:
            expr = parse_selector(text)
        except ParseError as error:
            return Undecided(f"{word} {text[:80]!r} cannot be read: {error.problem}")
        exprs.append(expr.prefixed(prefix) if prefix else expr)
        words.append(word)
    joined = exprs[0] if len(exprs) == 1 else And(tuple(exprs))
    return Labelled(joined, " and ".join(words) or "selector", own)


def calico_rules(rules: Iterable[CalicoRule], scope: Scope, way: Way) -> tuple[Rule, ...]:
    """Rules that decide; Log only writes a line and goes on."""
    return tuple(
        _rule(rule, scope, f"{way.value}[{index}]")
        for index, rule in enumerate(rules)
        if rule.action in _ACTIONS
    )


def _rule(rule: CalicoRule, scope: Scope, name: str) -> Rule:
    source = list(_entity(rule.source, scope))
    if rule.ip_version:
        source.append(OfFamily(Family(rule.ip_version)))
    if any(rule.source.service):
        source.append(_service_addresses(rule.source, scope))
    return Rule(
        action=_ACTIONS[rule.action],
        name=name,
        source=all_of_peers(source),
        destination=all_of_peers(_entity(rule.destination, scope)),
        traffic=all_of_traffic(_traffic(rule, scope)),
        text=rule_text(rule),
    )


def _entity(entity: CalicoEntity, scope: Scope) -> Iterator[PeerTest]:
    """The conditions on one side."""
    yield from _selectors(entity, scope)
    if entity.not_selector:
        inner = together([("notSelector", entity.not_selector, "")])
        yield Not(inner, f"notSelector {entity.not_selector}")
    if entity.nets:
        yield Networks(tuple((net, ()) for net in entity.nets), "nets")
    if entity.not_nets:
        inner = Networks(tuple((net, ()) for net in entity.not_nets), "notNets")
        listed = ", ".join(map(str, entity.not_nets))
        yield Not(inner, f"notNets {listed}", MissKind.IP_EXCEPT)
    if entity.domains:
        yield Domains(entity.domains)


def _selectors(entity: CalicoEntity, scope: Scope) -> Iterator[PeerTest]:
    parts = []
    known: list[Expr] = []
    if entity.namespace_selector:
        parts.append(("namespaceSelector", entity.namespace_selector, NAMESPACE_PREFIX))
    if entity.selector:
        parts.append(("selector", entity.selector, ""))
    if entity.service_accounts:
        known.append(Among(ACCOUNT, entity.service_accounts))
    if entity.service_account_selector:
        word = "serviceAccounts.selector"
        parts.append((word, entity.service_account_selector, ACCOUNT_PREFIX))
    # notSelector too limits a namespaced policy's rule to its namespace (GetEntityRuleSelector()
    # in libcalico-go's updateprocessors).
    if not parts and not known and not (entity.not_selector and scope.namespace):
        return
    if scope.namespace and not entity.namespace_selector:
        known.append(Among(NAMESPACE, (scope.namespace,)))
    yield together(parts, known)


def _traffic(rule: CalicoRule, scope: Scope) -> Iterator[TrafficTest]:
    if rule.protocol:
        yield IpProtocol(rule.protocol)
    if rule.not_protocol:
        word = protocol_word(rule.not_protocol)
        yield NotTraffic(IpProtocol(rule.not_protocol), f"notProtocol {word}", MissKind.PROTOCOL)
    if rule.icmp is not None:
        yield _icmp(rule.icmp)
    if rule.not_icmp is not None:
        yield NotTraffic(_icmp(rule.not_icmp), "notICMP", MissKind.ICMP)
    yield from _ports(rule)
    if any(rule.destination.service):
        yield _service(rule.destination, scope)
    if rule.http:
        yield UndecidedTraffic("the rule asks about the HTTP request, which is not known")


def _icmp(icmp: CalicoIcmp) -> TrafficTest:
    return IcmpTypes(icmp.type, icmp.code)


def _ports(rule: CalicoRule) -> Iterator[TrafficTest]:
    destination = rule.destination
    if destination.ports:
        yield any_of_traffic(_port(each, rule.protocol) for each in destination.ports)
    if destination.not_ports:
        inner = AnyTraffic(tuple(_port(each, rule.protocol) for each in destination.not_ports))
        yield NotTraffic(inner, f"notPorts {_listed(destination.not_ports)}")
    for ports, inverted in ((rule.source.ports, False), (rule.source.not_ports, True)):
        if any(isinstance(each, str) for each in ports):
            yield UndecidedTraffic("a source port is given by name")
        elif ports:
            test = SourcePorts(tuple(each for each in ports if not isinstance(each, str)))
            yield NotTraffic(test, "notPorts", MissKind.SOURCE_PORT) if inverted else test


def _port(port: tuple[int, int] | str, proto: int) -> TrafficTest:
    if isinstance(port, str):
        return NamedPorts(proto, port)
    low, high = port
    if proto:
        return Ports(proto, low, high, ranged=low != high)
    several = (Ports(each, low, high, ranged=low != high) for each in NAMES.values())
    return AnyTraffic(tuple(several))


class ServiceEndpoints(Struct, frozen=True):
    """The addresses and ports behind a Service. `listed` is None when they were not collected."""

    name: str
    listed: frozenset[tuple[Family, int, int, int]] | None

    @property
    def key(self) -> Hashable:
        """By the Service."""
        return ("service", self.name)

    def test(self, traffic: Traffic, destination: Party) -> Answer:
        """Whether the destination is one of them."""
        if self.listed is None or destination.ip < 0:
            return None
        wanted = (destination.family, destination.ip, traffic.proto, traffic.dport)
        return wanted in self.listed

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """The Service."""
        if self.test(traffic, destination) is None:
            return (Miss(MissKind.UNKNOWN, f"the endpoints of Service {self.name} are not known"),)
        text = f"{destination.address} {traffic} is no endpoint of Service {self.name}"
        return (Miss(MissKind.SERVICE, text),)


def _service(entity: CalicoEntity, scope: Scope) -> ServiceEndpoints:
    namespace, name = _service_name(entity, scope)
    if scope.inventory.is_absent("endpointslices"):
        return ServiceEndpoints(f"{namespace}/{name}", None)
    listed = frozenset(
        (family, value, NAMES.get(port.protocol, 0), port.port)
        for each in scope.inventory.slices_of(namespace, name)
        for port in each.ports
        for endpoint in each.endpoints
        for family, value in endpoint.addresses
    )
    return ServiceEndpoints(f"{namespace}/{name}", listed)


def _service_addresses(entity: CalicoEntity, scope: Scope) -> PeerTest:
    namespace, name = _service_name(entity, scope)
    if scope.inventory.is_absent("endpointslices"):
        return Undecided(f"the endpoints of Service {namespace}/{name} are not known")
    nets = tuple(
        (Prefix(family, value, family.bits), ())
        for each in scope.inventory.slices_of(namespace, name)
        for endpoint in each.endpoints
        for family, value in endpoint.addresses
    )
    return Networks(nets, f"endpoints of Service {namespace}/{name}")


def _service_name(entity: CalicoEntity, scope: Scope) -> tuple[str, str]:
    namespace, name = entity.service
    return namespace or scope.namespace, name


def rule_text(rule: CalicoRule) -> str:
    """A rule in one line."""
    words = [rule.action]
    if rule.protocol:
        words.append(protocol_word(rule.protocol))
    if rule.not_protocol:
        words.append(f"not {protocol_word(rule.not_protocol)}")
    words += _entity_words("from", rule.source) + _entity_words("to", rule.destination)
    return " ".join(words)


def _entity_words(word: str, entity: CalicoEntity) -> list[str]:
    fields = (
        ("selector", entity.selector),
        ("not selector", entity.not_selector),
        ("namespaces", entity.namespace_selector),
        ("nets", ",".join(map(str, entity.nets))),
        ("not nets", ",".join(map(str, entity.not_nets))),
        ("service accounts", ",".join(entity.service_accounts) or entity.service_account_selector),
        ("service", "/".join(filter(None, entity.service))),
        ("domains", ",".join(entity.domains)),
        ("ports", _listed(entity.ports)),
        ("not ports", _listed(entity.not_ports)),
    )
    found = [f"{name} {value}" for name, value in fields if value]
    return [word, *found] if found else []


def _listed(ports: Iterable[tuple[int, int] | str]) -> str:
    texts = []
    for port in ports:
        if isinstance(port, str):
            texts.append(port)
        else:
            texts.append(str(port[0]) if port[0] == port[1] else f"{port[0]}:{port[1]}")
    return ",".join(texts)
