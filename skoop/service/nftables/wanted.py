"""The chains of one Service port as kube-proxy would write them on a node.

pkg/proxy/nftables/proxier.go, in both of its forms: with a chain for every endpoint (up to 1.35),
and with a map from numbers to endpoints (since 1.36; with session affinity there are chains still).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from skoop.model.address import format_ip
from skoop.service.difference import DifferenceKind
from skoop.service.nftables import names
from skoop.service.nftables.rules import Choice, NftRules, one_of
from skoop.service.plan import PortPlan
from skoop.service.view import ServiceEndpoint

_INTERFACE = re.compile(r'iifname (!= )?"[^"]*"')
_OPEN = re.compile(r"iifname (!= )?\?")


def leaves_open(line: str) -> bool:
    """Whether the interface by which a line tells pods from others is not known."""
    return bool(_OPEN.search(line))


def any_interface(line: str) -> str:
    """A line with the name of its interface left open: any will do."""
    return _INTERFACE.sub(r"iifname \1?", line)


class Wanted(Struct, frozen=True, kw_only=True):
    """A line that should be there; what its absence is, and does."""

    line: str
    kind: DifferenceKind
    effect: str
    choice: Choice | None = None
    endpoint: ServiceEndpoint | None = None


class Chain(Struct, frozen=True):
    """A chain with all of its lines, in order."""

    name: str
    lines: tuple[Wanted, ...]


def chains(plan: PortPlan, rules: NftRules) -> Iterator[Chain]:
    """Every chain that a Service port has on this node."""
    if plan.walled:
        yield Chain(names.chain_of(plan, names.FIREWALL), (_firewall(plan, rules),))
    if not plan.usable.anywhere:
        return
    chosen: dict[ServiceEndpoint, None] = {}
    for prefix, endpoints in _choices(plan).items():
        yield Chain(names.chain_of(plan, prefix), tuple(_choice(plan, rules, prefix, endpoints)))
        chosen.update(dict.fromkeys(endpoints))
    if plan.sticky or rules.by_chains:
        for endpoint in chosen:
            yield Chain(names.endpoint_of(plan, endpoint), tuple(_endpoint(plan, rules, endpoint)))
    if plan.external:
        yield Chain(names.chain_of(plan, names.EXTERNAL), tuple(_external(plan, rules)))


def _choices(plan: PortPlan) -> dict[str, tuple[ServiceEndpoint, ...]]:
    found = {}
    if plan.usable.cluster:
        found[names.CLUSTER] = plan.usable.cluster
    if plan.usable.local and (plan.internal_local or (plan.external_local and plan.external)):
        found[names.LOCAL] = plan.usable.local
    return found


def _choice(
    plan: PortPlan, rules: NftRules, prefix: str, endpoints: tuple[ServiceEndpoint, ...]
) -> Iterator[Wanted]:
    if rules.by_chains and prefix == (names.LOCAL if plan.internal_local else names.CLUSTER):
        yield from _masquerade_cluster_ip(plan, rules)
    if plan.sticky:
        for each in endpoints:
            known = names.endpoint_of(plan, each, names.AFFINITY)
            yield Wanted(
                line=f"{rules.word} saddr @{known} goto {names.endpoint_of(plan, each)}",
                kind=DifferenceKind.AFFINITY_BROKEN,
                effect=f"clients of {each.who} are not led back to it by {plan.name}",
            )
    by_chain = plan.sticky or rules.by_chains
    targets = (names.endpoint_of(plan, each) if by_chain else str(each) for each in endpoints)
    yield Wanted(
        line="choose" if by_chain else f"meta l4proto {plan.protocol} choose",
        kind=DifferenceKind.CHAIN_EMPTY,
        effect=f"{plan.name} is not translated",
        choice=Choice(len(endpoints), tuple(enumerate(targets))),
    )


def _masquerade_cluster_ip(plan: PortPlan, rules: NftRules) -> Iterator[Wanted]:
    """By address, and up to 1.33 by port, too."""
    source = masqueraded_sources(plan, rules)
    chain = names.chain_of(plan, names.LOCAL if plan.internal_local else names.CLUSTER)
    by_port = f"{plan.protocol} dport {plan.port.port} "
    old = any(by_port in line.canonical for line in rules.lines(chain))
    for address in plan.cluster_ips if source is not None else ():
        to = f"{rules.word} daddr {format_ip(*address)} {by_port if old else ''}"
        yield Wanted(
            line=f"{to}{source}mark",
            kind=DifferenceKind.MARK_MASQ_MISSING,
            effect=f"packets to {plan.name} that do not come from pods keep their source",
        )


def masqueraded_sources(plan: PortPlan, rules: NftRules) -> str | None:
    """The condition under which packets to a ClusterIP are masqueraded, with a space behind it; ""
    for all of them, None for none."""
    if plan.masquerade_all:
        return ""
    if not plan.detects_local:
        return None
    return f"{_pod_sources(plan, rules, '!= ')} "


def _pod_sources(plan: PortPlan, rules: NftRules, operator: str) -> str:
    if plan.pod_ranges:
        pods = str(plan.pod_ranges[0])
        return f"{rules.word} saddr {operator}{one_of([pods]) if operator else pods}"
    return f"iifname {operator}" + (f'"{plan.pod_interface}"' if plan.pod_interface else "?")


def _endpoint(plan: PortPlan, rules: NftRules, endpoint: ServiceEndpoint) -> Iterator[Wanted]:
    if rules.by_chains:
        yield Wanted(
            line=f"{rules.word} saddr {format_ip(*endpoint.address)} mark",
            kind=DifferenceKind.HAIRPIN_MASQ_MISSING,
            effect=f"{endpoint.who} cannot reach itself through {plan.name}",
            endpoint=endpoint,
        )
    if plan.sticky:
        known = names.endpoint_of(plan, endpoint, names.AFFINITY)
        yield Wanted(
            line=f"update @{known} {{ {rules.word} saddr }}",
            kind=DifferenceKind.AFFINITY_BROKEN,
            effect=f"{plan.name} does not remember which clients {endpoint.who} has",
            endpoint=endpoint,
        )
    yield Wanted(
        line=f"meta l4proto {plan.protocol} dnat to {endpoint}",
        kind=DifferenceKind.SEP_MISSING,
        effect=f"{plan.name} is not translated to {endpoint}, of {endpoint.who}",
        endpoint=endpoint,
    )


def _external(plan: PortPlan, rules: NftRules) -> Iterator[Wanted]:
    """Masquerading under policy Cluster, short circuits under Local, then the endpoints."""
    cluster = names.chain_of(plan, names.CLUSTER)
    if plan.external_local:
        yield from _short_circuits(plan, rules, cluster)
    else:
        yield Wanted(
            line="mark",
            kind=DifferenceKind.MARK_MASQ_MISSING,
            effect=f"traffic from outside to {plan.name} is not masqueraded",
        )
    if plan.outside:
        target = names.chain_of(plan, names.LOCAL) if plan.external_local else cluster
        yield Wanted(
            line=f"goto {target}",
            kind=DifferenceKind.CHAIN_EMPTY,
            effect=f"traffic from outside to {plan.name} is not translated",
        )


def _short_circuits(plan: PortPlan, rules: NftRules, cluster: str) -> Iterator[Wanted]:
    kind = DifferenceKind.SHORT_CIRCUIT_MISSING
    bypass = f"does not bypass externalTrafficPolicy Local of {plan.name}"
    if plan.detects_local:
        line = f"{_pod_sources(plan, rules, '')} goto {cluster}"
        yield Wanted(line=line, kind=kind, effect=f"a pod {bypass}")
    yield Wanted(
        line="fib saddr type local mark",
        kind=DifferenceKind.MARK_MASQ_MISSING,
        effect=f"the node's own traffic to {plan.name} is not masqueraded",
    )
    line = f"fib saddr type local goto {cluster}"
    yield Wanted(line=line, kind=kind, effect=f"the node itself {bypass}")


def _firewall(plan: PortPlan, rules: NftRules) -> Wanted:
    return Wanted(
        line=f"{rules.word} saddr != {one_of(plan.admitted)} drop",
        kind=DifferenceKind.SOURCE_RANGE_WRONG,
        effect=f"the source ranges of {plan.name} are not enforced as they are declared",
    )
