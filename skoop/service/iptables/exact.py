"""The rules of one Service port, each of them, as kube-proxy would write them.

The audits in `entries`, `backends` and `audit` name what is usually wrong. This one sees that
nothing else is: a condition too many or too few, a foreign rule in a Service's chain, or another
order. It speaks of the form that kube-proxy writes since 1.26.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.model.address import format_ip
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.iptables import names
from skoop.service.iptables.canonical import Canonical, as_canonical, rule
from skoop.service.iptables.rules import Line, ProxyRules
from skoop.service.plan import PortPlan
from skoop.service.view import ServiceEndpoint

_UNKNOWN = "-i ?"
"""Pods are told by an interface, and which one is not known: any name will do."""


class Expected(Struct, frozen=True):
    """A chain and its rules in order; a rule's share is its "--probability"."""

    chain: str
    rules: tuple[Canonical, ...]


def audit_exactly(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    """At most one difference for each chain of a Service port, and for each of its entries."""
    for expected in chains(plan):
        lines = [line for line in rules.lines("nat", expected.chain) if line.target]
        yield from compare(plan.name, rules, "nat", expected, lines)
    for table, chain, wanted in entries(plan):
        yield from _entry(plan, rules, table, chain, wanted)
    if plan.port.node_port and plan.usable.anywhere:
        yield from _node_ports(plan, rules)


def compare(
    service: str, rules: ProxyRules, table: str, expected: Expected, lines: list[Line]
) -> Iterator[Difference]:
    """The first rule that is not as it should be."""
    have = [as_canonical(line.text) for line in lines]
    if any(_UNKNOWN in word for one in expected.rules for word in one):
        have = [frozenset(map(_any_interface, one)) for one in have]
    same = _targets(have) == _targets(list(expected.rules))
    if same and sorted(map(_shape, have)) == sorted(map(_shape, expected.rules)):
        in_order = _sequence(have) == _sequence(list(expected.rules))
        if in_order or expected.chain.startswith(names.FIREWALL):
            return
        text, kind = lines[0].text, DifferenceKind.RULE_ORDER
        what = "stand in another order than kube-proxy's"
    else:
        foreign = [line for line, one in zip(lines, have, strict=True)
                   if one not in expected.rules]  # fmt: skip
        text = foreign[0].text if foreign else f"{len(lines)} rules in {expected.chain}"
        kind, what = DifferenceKind.RULE_FOREIGN, "are not as kube-proxy writes them"
    yield Difference(
        kind=kind,
        service=service,
        chain=expected.chain,
        message=f"the rules of {expected.chain} {what}",
        evidence=(rules.evidence(table, Line(text=text)),),
    )


def _any_interface(word: str) -> str:
    negation, option, _ = word.partition("-i ")
    return negation + _UNKNOWN if option and negation in ("", "! ") else word


def _targets(listed: list[Canonical]) -> list[str]:
    return sorted(word for one in listed for word in one if _names_endpoint(word))


def _shape(one: Canonical) -> tuple[str, ...]:
    """A rule without the endpoint it chooses: any may come first, as all have equal shares."""
    return tuple(sorted(word for word in one if not _names_endpoint(word)))


def _sequence(listed: list[Canonical]) -> list[tuple[str, ...]]:
    """The order that matters: rules that lead clients back to their endpoint are for different
    clients."""
    return [("back",) if "--rcheck" in one else _shape(one) for one in listed]


def _names_endpoint(word: str) -> bool:
    return word.startswith(f"-j {names.ENDPOINT}")


def chains(plan: PortPlan) -> Iterator[Expected]:
    """Every chain that a Service port has on this node."""
    if not plan.usable.anywhere:
        return
    local = plan.usable.local if _uses_local(plan) else ()
    for prefix, endpoints in ((names.CLUSTER, plan.usable.cluster), (names.LOCAL, local)):
        if endpoints:
            yield Expected(names.chain_of(plan, prefix), tuple(_choice(plan, prefix, endpoints)))
    for endpoint in plan.reachable:
        yield Expected(names.endpoint_of(plan, endpoint), tuple(_endpoint(plan, endpoint)))
    if plan.external:
        yield Expected(names.chain_of(plan, names.EXTERNAL), tuple(_external(plan)))
    if plan.guarded:
        onward = names.chain_of(plan, names.EXTERNAL)
        listed = [rule(f"-s {_prefix(each, plan)}", f"-j {onward}") for each in plan.admitted]
        yield Expected(names.chain_of(plan, names.FIREWALL), tuple(listed))


def _uses_local(plan: PortPlan) -> bool:
    return plan.internal_local or (plan.external_local and plan.external)


def _prefix(text: str, plan: PortPlan) -> str:
    return text if "/" in text else f"{text}/{plan.family.bits}"


def _choice(
    plan: PortPlan, prefix: str, endpoints: tuple[ServiceEndpoint, ...]
) -> Iterator[Canonical]:
    inside = names.LOCAL if plan.internal_local else names.CLUSTER
    if prefix == inside and (plan.masquerade_all or plan.detects_local):
        who = [] if plan.masquerade_all else [_pods(plan, "! ")]
        for address in plan.cluster_ips:
            yield rule(*who, *_to(plan, format_ip(*address)), f"-j {names.MARK_MASQ}")
    if plan.sticky:
        for each in endpoints:
            yield rule("--rcheck", f"-j {names.endpoint_of(plan, each)}")
    for position, each in enumerate(endpoints):
        left = len(endpoints) - position
        share = [f"--probability {1 / left:.3f}", "--mode random"] if left > 1 else []
        yield rule(*share, f"-j {names.endpoint_of(plan, each)}")


def _endpoint(plan: PortPlan, endpoint: ServiceEndpoint) -> Iterator[Canonical]:
    own = f"{format_ip(*endpoint.address)}/{plan.family.bits}"
    yield rule(f"-s {own}", f"-j {names.MARK_MASQ}")
    sticky = ["--set"] if plan.sticky else []
    yield rule(*sticky, f"-p {plan.protocol}", "-j DNAT", f"--to-destination {endpoint}")


def _external(plan: PortPlan) -> Iterator[Canonical]:
    cluster = names.chain_of(plan, names.CLUSTER)
    mark = f"-j {names.MARK_MASQ}"
    if not plan.external_local:
        yield rule(mark)
    else:
        if plan.detects_local:
            yield rule(_pods(plan, ""), f"-j {cluster}")
        yield rule("--src-type LOCAL", mark)
        yield rule("--src-type LOCAL", f"-j {cluster}")
    if plan.outside:
        yield rule(f"-j {names.chain_of(plan, names.LOCAL) if plan.external_local else cluster}")


def _pods(plan: PortPlan, negation: str) -> str:
    if plan.pod_ranges:
        return f"{negation}-s {plan.pod_ranges[0]}"
    name = plan.pod_interface.replace("*", "+")
    return f"{negation}-i {name}" if name else negation + _UNKNOWN


def _to(plan: PortPlan, address: str) -> list[str]:
    return [
        f"-d {_prefix(address, plan)}", f"-p {plan.protocol}", f"--dport {plan.port.port}",
    ]  # fmt: skip


def entries(plan: PortPlan) -> Iterator[tuple[str, str, Canonical]]:
    """Rules that lead to the chains or refuse, with table and chain."""
    inside = names.chain_of(plan, names.LOCAL if plan.internal_local else names.CLUSTER)
    external = names.chain_of(plan, names.EXTERNAL)
    refusal = ["-j DROP"] if plan.usable.anywhere else ["-j REJECT"]
    for ip, _ in ((format_ip(*each), each) for each in plan.cluster_ips):
        if plan.internal:
            yield "nat", names.SERVICES, rule(*_to(plan, ip), f"-j {inside}")
        else:
            yield "filter", names.SERVICES, rule(*_to(plan, ip), *refusal)
    wall = names.chain_of(plan, names.FIREWALL) if plan.guarded else external
    for addresses, onward in ((plan.external_ips, external), (plan.load_balancer_ips, wall)):
        for ip in (format_ip(*each) for each in addresses):
            if plan.usable.anywhere:
                yield "nat", names.SERVICES, rule(*_to(plan, ip), f"-j {onward}")
            if not plan.outside:
                yield "filter", names.EXTERNAL_SERVICES, rule(*_to(plan, ip), *refusal)
    if plan.guarded:
        for ip in (format_ip(*each) for each in plan.load_balancer_ips):
            yield "filter", names.PROXY_FIREWALL, rule(*_to(plan, ip), "-j DROP")
    if plan.port.node_port and not plan.outside:
        port = ["--dst-type LOCAL", f"-p {plan.protocol}", f"--dport {plan.port.node_port}"]
        yield "filter", names.EXTERNAL_SERVICES, rule(*port, *refusal)


def _entry(
    plan: PortPlan, rules: ProxyRules, table: str, chain: str, wanted: Canonical
) -> Iterator[Difference]:
    """The rule that a lookup by its destination finds must be the very one."""
    found = {
        ("nat", names.SERVICES): rules.services,
        ("filter", names.SERVICES): rules.internal_filter,
        ("filter", names.EXTERNAL_SERVICES): rules.external_filter,
        ("filter", names.PROXY_FIREWALL): rules.firewall,
    }[table, chain]
    words = dict(each.partition(" ")[::2] for each in wanted)
    ip = words.get("-d", "").partition("/")[0]
    line = found.get((ip, plan.protocol, int(words["--dport"])))
    if line is None or as_canonical(line.text) == wanted:
        return
    yield Difference(
        kind=DifferenceKind.RULE_FOREIGN,
        service=plan.name,
        chain=chain,
        message=f"the rule for {plan.name} in {chain} is not as kube-proxy writes it",
        evidence=(rules.evidence(table, line),),
    )


def _node_ports(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    """NodePort rules may name addresses of the node, and nothing else."""
    port = (plan.protocol, plan.port.node_port)
    onward = names.chain_of(plan, names.EXTERNAL)
    wanted = rule(f"-p {port[0]}", f"--dport {port[1]}", f"-j {onward}")
    for line in rules.node_ports.values():
        have = {each for each in as_canonical(line.text) if not each.startswith("-d ")}
        if line.key[1:] == port and have != wanted:
            yield Difference(
                kind=DifferenceKind.RULE_FOREIGN,
                service=plan.name,
                chain=names.NODE_PORTS,
                message=f"a rule for NodePort {port[1]} of {plan.name} is not kube-proxy's",
                evidence=(rules.evidence("nat", line),),
            )
