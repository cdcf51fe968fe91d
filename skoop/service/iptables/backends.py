"""The chains that choose an endpoint (KUBE-SVC, KUBE-SVL) and those that translate (KUBE-SEP)."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.model.address import format_ip
from skoop.model.trace import Evidence
from skoop.service.difference import Difference, DifferenceKind, about
from skoop.service.iptables import names
from skoop.service.iptables.rules import Line, ProxyRules
from skoop.service.plan import PortPlan
from skoop.service.view import ServiceEndpoint


def audit_choice(
    plan: PortPlan, rules: ProxyRules, chain: str, wanted: tuple[ServiceEndpoint, ...]
) -> Iterator[Difference]:
    """Compare the endpoints that a chain chooses from with those it should."""
    where = f"{rules.tables.source} nat"
    if not rules.has_chain("nat", chain):
        text = f"chain {chain} does not exist"
        message = f"the chain of {plan.name} is missing, so it is not translated"
        yield about(plan, DifferenceKind.CHAIN_MISSING, chain, message, Evidence(where, text))
        return
    jumps = [line for line in rules.lines("nat", chain) if line.target.startswith(names.ENDPOINT)]
    choices = dict.fromkeys(line.target for line in jumps if not line.sticky)
    if not choices:
        text = f"chain {chain} has no rule that leads to an endpoint"
        message = f"the chain of {plan.name} is empty, so it is not translated"
        yield about(plan, DifferenceKind.CHAIN_EMPTY, chain, message, Evidence(where, text))
        return
    expected = {names.endpoint_of(plan, each): each for each in wanted}
    for target, endpoint in expected.items():
        if target not in choices:
            message = f"{plan.name} does not send to {endpoint.who}"
            text = f"no rule of {chain} jumps to {target} ({endpoint})"
            evidence = (Evidence(where, text), plan.evidence(endpoint))
            kind = DifferenceKind.ENDPOINT_MISSING
            yield about(plan, kind, chain, message, *evidence, endpoint=str(endpoint))
    stale = {line.target: line for line in reversed(jumps) if line.target not in expected}
    for jump in stale.values():
        yield _stale(plan, rules, chain, jump)


def audit_endpoint(
    plan: PortPlan, rules: ProxyRules, endpoint: ServiceEndpoint
) -> Iterator[Difference]:
    """Compare an endpoint's own chain: its translation and its mark for hairpins."""
    chain = names.endpoint_of(plan, endpoint)
    where = f"{rules.tables.source} nat"
    lines = rules.lines("nat", chain)
    translations = [line for line in lines if line.target == "DNAT"]
    if not translations:
        state = "has no DNAT rule" if lines else "is empty or does not exist"
        message = f"{plan.name} is not translated to {endpoint.who}"
        evidence = Evidence(where, f"chain {chain} {state}"), plan.evidence(endpoint)
        kind = DifferenceKind.SEP_MISSING
        yield about(plan, kind, chain, message, *evidence, endpoint=str(endpoint))
        return
    if translations[0].to != str(endpoint):
        message = f"{plan.name} is translated to {translations[0].to} instead of {endpoint}"
        evidence = rules.evidence("nat", translations[0]), plan.evidence(endpoint)
        kind = DifferenceKind.WRONG_DNAT
        yield about(plan, kind, chain, message, *evidence, endpoint=str(endpoint))
    if not any(_marks_hairpin(line, endpoint) for line in lines):
        message = f"{endpoint.who} cannot reach itself through {plan.name}"
        text = f"no rule of {chain} marks packets from {format_ip(*endpoint.address)}"
        kind = DifferenceKind.HAIRPIN_MASQ_MISSING
        yield about(plan, kind, chain, message, Evidence(where, text), endpoint=str(endpoint))


def _marks_hairpin(line: Line, endpoint: ServiceEndpoint) -> bool:
    if line.target != names.MARK_MASQ or line.source_not:
        return False
    prefix = line.source_prefix
    return prefix is None or (
        prefix.family is endpoint.address[0] and prefix.contains(endpoint.address[1])
    )


def _stale(plan: PortPlan, rules: ProxyRules, chain: str, jump: Line) -> Difference:
    translation = next(
        (line for line in rules.lines("nat", jump.target) if line.target == "DNAT"), None
    )
    to = translation.to if translation else "nowhere"
    evidence = [rules.evidence("nat", jump)]
    if translation:
        evidence.append(rules.evidence("nat", translation))
    return about(
        plan,
        DifferenceKind.ENDPOINT_STALE,
        chain,
        f"{plan.name} still sends to {to}, which is no usable endpoint of it",
        *evidence,
        endpoint=to if translation else "",
    )
