"""Expected rules against real ones.

nat PREROUTING, OUTPUT ─► KUBE-SERVICES ─┬─► KUBE-SVC / KUBE-SVL ─► KUBE-SEP ─► DNAT
                                         ├─► KUBE-FW ─► KUBE-EXT ─┬─► KUBE-SVC / KUBE-SVL
                                         └─► KUBE-NODEPORTS ──────┘
nat POSTROUTING ─► KUBE-POSTROUTING ─► MASQUERADE what KUBE-MARK-MASQ marked
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skoop.model.trace import Evidence
from skoop.netstack.iptables.parse import Tables
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.iptables import names
from skoop.service.iptables.backends import audit_choice, audit_endpoint
from skoop.service.iptables.base import audit_base, has_rules
from skoop.service.iptables.entries import audit_entries
from skoop.service.iptables.exact import audit_exactly
from skoop.service.iptables.rules import Line, ProxyRules, compile_rules
from skoop.service.plan import PortPlan
from skoop.service.view import ServiceEndpoint


def audit(expected: Iterable[PortPlan], rules: Tables | ProxyRules) -> tuple[Difference, ...]:
    """Every difference between what the plans of a node (`plan_node`) ask for and its rules; those
    about all Services first. Without any kube-proxy rules that is the only difference.

    Compile the dump once (`compile_rules`) when one node is audited several times.
    """
    compiled = rules if isinstance(rules, ProxyRules) else compile_rules(rules)
    plans = tuple(expected)
    base = audit_base(compiled, plans[0] if plans else None)
    if not has_rules(compiled):
        return base
    return (*base, *(found for plan in plans for found in audit_port(plan, compiled)))


def audit_port(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    """The differences of one Service port: those with a name of their own, else any other."""
    named = tuple(_named(plan, rules))
    yield from named
    if rules.covers_outside:
        told = {each.chain for each in named}
        yield from (each for each in audit_exactly(plan, rules) if each.chain not in told)


def _named(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    yield from audit_entries(plan, rules)
    if not plan.usable.anywhere:
        return
    chains = _choices(plan)
    for chain, endpoints in chains.items():
        yield from audit_choice(plan, rules, chain, endpoints)
    for endpoint in dict.fromkeys(each for found in chains.values() for each in found):
        yield from audit_endpoint(plan, rules, endpoint)
    yield from _marks_internal(plan, rules)
    if plan.external and rules.covers_outside:
        yield from _external_chain(plan, rules)
    if plan.guarded and rules.covers_outside:
        yield from _firewall_chain(plan, rules)


def _choices(plan: PortPlan) -> dict[str, tuple[ServiceEndpoint, ...]]:
    """The chains that choose an endpoint on this node, with their endpoints."""
    found = {}
    if plan.usable.cluster:
        found[names.chain_of(plan, names.CLUSTER)] = plan.usable.cluster
    uses_local = plan.internal_local or (plan.external_local and plan.external)
    if plan.usable.local and uses_local:
        found[names.chain_of(plan, names.LOCAL)] = plan.usable.local
    return found


def _marks_internal(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    """Packets to the ClusterIP that are no pod's are marked."""
    chain = names.chain_of(plan, names.LOCAL if plan.internal_local else names.CLUSTER)
    if not plan.internal or not (plan.masquerade_all or plan.detects_local):
        return
    lines = rules.lines("nat", chain)
    if lines and not any(line.target == names.MARK_MASQ for line in lines):
        yield _missing(
            plan,
            rules,
            DifferenceKind.MARK_MASQ_MISSING,
            chain,
            f"packets to {plan.name} that do not come from pods keep their source",
            f"no rule of {chain} jumps to {names.MARK_MASQ}",
        )


def _external_chain(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    """KUBE-EXT: masquerade under policy Cluster, short circuits under Local, then the endpoints."""
    chain = names.chain_of(plan, names.EXTERNAL)
    lines = rules.lines("nat", chain)
    if not lines:
        state = "is empty" if rules.has_chain("nat", chain) else "does not exist"
        kind = DifferenceKind.CHAIN_EMPTY if "empty" in state else DifferenceKind.CHAIN_MISSING
        message = f"traffic from outside to {plan.name} is not translated"
        yield _missing(plan, rules, kind, chain, message, f"chain {chain} {state}")
        return
    if not plan.external_local and not _jumps(lines, names.MARK_MASQ):
        kind = DifferenceKind.MARK_MASQ_MISSING
        message = f"traffic from outside to {plan.name} is not masqueraded"
        text = f"no rule of {chain} jumps to {names.MARK_MASQ}"
        yield _missing(plan, rules, kind, chain, message, text)
    if plan.external_local:
        yield from _short_circuits(plan, rules, lines)
    wanted = (
        names.chain_of(plan, names.LOCAL)
        if plan.external_local
        else names.chain_of(plan, names.CLUSTER)
    )
    if plan.outside and not _jumps(lines, wanted):
        kind = DifferenceKind.CHAIN_EMPTY
        message = f"traffic from outside to {plan.name} is not translated"
        yield _missing(plan, rules, kind, chain, message, f"no rule of {chain} jumps to {wanted}")


def _short_circuits(
    plan: PortPlan, rules: ProxyRules, lines: tuple[Line, ...]
) -> Iterator[Difference]:
    """Under externalTrafficPolicy Local, pods and the node itself still use every endpoint."""
    cluster = names.chain_of(plan, names.CLUSTER)
    of_node = [line for line in lines if line.source_local]
    of_pods = [line for line in lines if not line.source_local]
    present = {
        "the node itself": _jumps(tuple(of_node), cluster)
        and _jumps(tuple(of_node), names.MARK_MASQ),
        "a pod": not plan.detects_local or _jumps(tuple(of_pods), cluster),
    }
    for who, found in present.items():
        if not found:
            chain = names.chain_of(plan, names.EXTERNAL)
            message = f"{who} does not bypass externalTrafficPolicy Local of {plan.name}"
            text = f"{chain} lacks a rule that leads {who} to {cluster}"
            kind = DifferenceKind.SHORT_CIRCUIT_MISSING
            yield _missing(plan, rules, kind, chain, message, text)


def _firewall_chain(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    """KUBE-FW: every source range leads on to KUBE-EXT."""
    chain = names.chain_of(plan, names.FIREWALL)
    onward = [
        line
        for line in rules.lines("nat", chain)
        if line.target == names.chain_of(plan, names.EXTERNAL)
    ]
    allowed = {line.source_prefix for line in onward}
    missing = [str(each) for each in plan.ranges if each not in allowed]
    if missing:
        kind = DifferenceKind.SOURCE_RANGE_WRONG
        message = f"sources {', '.join(missing)} are not let in to {plan.name}"
        text = f"no rule of {chain} accepts {', '.join(missing)}"
        yield _missing(plan, rules, kind, chain, message, text)


def _jumps(lines: tuple[Line, ...], target: str) -> bool:
    return any(line.target == target for line in lines)


def _missing(
    plan: PortPlan, rules: ProxyRules, kind: DifferenceKind, chain: str, message: str, text: str
) -> Difference:
    return Difference(
        kind=kind,
        service=plan.name,
        chain=chain,
        message=message,
        evidence=(Evidence(f"{rules.tables.source} nat", text),),
    )
