"""A chain's lines against those that should be there."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.service.difference import Difference, DifferenceKind, about
from skoop.service.nftables import names
from skoop.service.nftables.rules import Choice, Line, NftRules
from skoop.service.nftables.wanted import Chain, Wanted, any_interface, leaves_open
from skoop.service.plan import PortPlan


def compare(plan: PortPlan, rules: NftRules, chain: Chain) -> Iterator[Difference]:
    """Lines that are missing, that are too many, or that stand in another order."""
    if not chain.lines:
        return
    if chain.name not in rules.chains:
        kind = DifferenceKind.CHAIN_MISSING
        if chain.name.startswith(names.ENDPOINT):
            kind = DifferenceKind.SEP_MISSING
        message = f"a chain of {plan.name} is missing: {chain.lines[-1].effect}"
        evidence = rules.evidence("", f"chain {chain.name} does not exist")
        yield about(plan, kind, chain.name, message, evidence)
        return
    wanted = [each.line for each in chain.lines]
    fold = any(map(leaves_open, wanted))
    lines = [_folded(each) if fold else each for each in rules.lines(chain.name)]
    have = [each.canonical for each in lines]
    unknown = [line for line in lines if line.canonical not in wanted]
    missing = [each for each in chain.lines if each.line not in have]
    for each in missing:
        yield _missing(plan, rules, chain.name, each, unknown)
    if unknown and not missing:
        message = f"a rule of {plan.name} is not kube-proxy's"
        evidence = rules.evidence(chain.name, unknown[0].text)
        yield about(plan, DifferenceKind.RULE_FOREIGN, chain.name, message, evidence)
    if not missing and not unknown and _sequence(have) != _sequence(wanted):
        message = f"the rules of {plan.name} stand in another order than kube-proxy's"
        evidence = rules.evidence(chain.name, lines[0].text)
        yield about(plan, DifferenceKind.RULE_ORDER, chain.name, message, evidence)
    for each in chain.lines:
        found = next((line for line in lines if line.canonical == each.line), None)
        if each.choice is not None and found is not None and found.choice is not None:
            yield from _chosen(plan, rules, chain.name, each.choice, found, found.choice)


def _sequence(lines: list[str]) -> list[str]:
    """The order that matters: rules that lead clients back to their endpoint are for different
    clients."""
    return ["back" if f" saddr @{names.AFFINITY}" in line else line for line in lines]


def _folded(line: Line) -> Line:
    return Line(text=line.text, canonical=any_interface(line.canonical), choice=line.choice)


def _missing(
    plan: PortPlan, rules: NftRules, chain: str, wanted: Wanted, unknown: list[Line]
) -> Difference:
    where = rules.evidence(chain, f"no rule like: {wanted.line}")
    evidence = [where, *(rules.evidence(chain, each.text) for each in unknown[:1])]
    endpoint = ""
    kind = wanted.kind
    if wanted.endpoint is not None:
        endpoint = str(wanted.endpoint)
        evidence.append(plan.evidence(wanted.endpoint))
        if kind is DifferenceKind.SEP_MISSING and unknown and "dnat" in unknown[0].text:
            kind = DifferenceKind.WRONG_DNAT
    return about(plan, kind, chain, wanted.effect, *evidence, endpoint=endpoint)


def _chosen(
    plan: PortPlan, rules: NftRules, chain: str, wanted: Choice, line: Line, found: Choice
) -> Iterator[Difference]:
    endpoints = {str(each): each for each in plan.reachable}
    have = {target for _, target in found.entries}
    want = {target for _, target in wanted.entries}
    shown = rules.evidence(chain, line.text)
    for target in sorted(want - have):
        endpoint = endpoints.get(target) or endpoints[_by_chain(plan, target)]
        message = f"{plan.name} does not send to {endpoint.who}"
        kind = DifferenceKind.ENDPOINT_MISSING
        evidence = (shown, plan.evidence(endpoint))
        yield about(plan, kind, chain, message, *evidence, endpoint=str(endpoint))
    for target in sorted(have - want):
        to = _address(rules, target)
        message = f"{plan.name} still sends to {to}, which is no usable endpoint of it"
        yield about(plan, DifferenceKind.ENDPOINT_STALE, chain, message, shown, endpoint=to)
    numbers = sorted(number for number, _ in found.entries)
    if have == want and (numbers != list(range(len(wanted.entries))) or
                         found.modulus != wanted.modulus):  # fmt: skip
        message = f"{plan.name} does not give its endpoints equal shares"
        yield about(plan, DifferenceKind.SHARE_WRONG, chain, message, shown)


def _by_chain(plan: PortPlan, target: str) -> str:
    for each in plan.reachable:
        if names.endpoint_of(plan, each) == target:
            return str(each)
    return target


def _address(rules: NftRules, target: str) -> str:
    """Where an endpoint's chain translates to; the target itself if it is an address."""
    for line in rules.lines(target):
        _, word, to = line.canonical.partition("dnat to ")
        if word:
            return to
    return target
