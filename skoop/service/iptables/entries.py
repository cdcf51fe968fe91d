"""The rules that lead a Service's addresses to its chains, or that reject them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skoop.model.address import format_ip
from skoop.model.kube import Address
from skoop.model.trace import Evidence
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.iptables import names
from skoop.service.iptables.rules import Key, Line, ProxyRules
from skoop.service.plan import PortPlan
from skoop.service.view import Via


def audit_entries(plan: PortPlan, rules: ProxyRules) -> Iterator[Difference]:
    """Every address of a Service port: to which chain it leads, and whether it is refused."""
    internal = names.chain_of(plan, names.LOCAL if plan.internal_local else names.CLUSTER)
    external = names.chain_of(plan, names.EXTERNAL)
    guarded = names.chain_of(plan, names.FIREWALL) if plan.guarded else external
    for address in plan.cluster_ips:
        yield from _entry(plan, rules, Via.CLUSTER_IP, address, internal if plan.internal else "")
        yield from _filter(plan, rules, rules.internal_filter, _key(plan, address), plan.internal)
    if not rules.covers_outside:
        return
    outside = external if plan.usable.anywhere else ""
    for address in plan.external_ips:
        yield from _entry(plan, rules, Via.EXTERNAL_IP, address, outside)
        yield from _filter(plan, rules, rules.external_filter, _key(plan, address), plan.outside)
    for address in plan.load_balancer_ips:
        wanted = guarded if plan.usable.anywhere else ""
        yield from _entry(plan, rules, Via.LOAD_BALANCER, address, wanted)
        yield from _filter(plan, rules, rules.external_filter, _key(plan, address), plan.outside)
        yield from _guard(plan, rules, _key(plan, address))
    if plan.port.node_port:
        key = ("", plan.protocol, plan.port.node_port)
        yield from _node_port(plan, rules, key, outside)
        yield from _filter(plan, rules, rules.external_filter, key, plan.outside)


def _key(plan: PortPlan, address: Address) -> Key:
    return format_ip(*address), plan.protocol, plan.port.port


def _entry(
    plan: PortPlan, rules: ProxyRules, via: Via, address: Address, wanted: str
) -> Iterator[Difference]:
    """One rule of nat's KUBE-SERVICES. `wanted` is the chain it should lead to, "" for none."""
    key = _key(plan, address)
    line = rules.services.get(key)
    what = f"{via.value} {key[0]}:{key[2]}/{key[1]} of {plan.name}"
    yield from _compare(plan, rules, line, wanted, what, DifferenceKind.ENTRY_MISSING)


def _node_port(
    plan: PortPlan, rules: ProxyRules, key: Key, wanted: str
) -> Iterator[Difference]:  # fmt: skip
    """NodePort rules may be limited to some addresses of the node (nodePortAddresses)."""
    line = rules.node_ports.get(key)
    if line is None:
        line = next(
            (
                each
                for each in rules.node_ports.values()
                if each.key[1:] == key[1:] and not each.destination.startswith("127.")
            ),
            None,
        )
    what = f"NodePort {key[2]}/{key[1]} of {plan.name}"
    yield from _compare(plan, rules, line, wanted, what, DifferenceKind.NODE_PORT_MISSING)


def _compare(
    plan: PortPlan,
    rules: ProxyRules,
    line: Line | None,
    wanted: str,
    what: str,
    missing: DifferenceKind,
) -> Iterator[Difference]:
    chain = names.NODE_PORTS if missing is DifferenceKind.NODE_PORT_MISSING else names.SERVICES
    if line is None and wanted:
        text = f"no rule of {chain} is about {what}"
        yield Difference(
            kind=missing,
            service=plan.name,
            chain=chain,
            message=f"{what} is not translated",
            evidence=(Evidence(f"{rules.tables.source} nat", text), *_usable(plan)),
        )
    elif line is not None and not wanted:
        yield Difference(
            kind=DifferenceKind.ENTRY_STALE,
            service=plan.name,
            chain=chain,
            message=f"{what} is still translated although no endpoint may be used",
            evidence=(rules.evidence("nat", line),),
        )
    elif line is not None and line.target != wanted:
        yield Difference(
            kind=DifferenceKind.WRONG_CHAIN,
            service=plan.name,
            chain=chain,
            message=f"{what} leads to {line.target} instead of {wanted}",
            evidence=(rules.evidence("nat", line),),
        )


def _filter(
    plan: PortPlan,
    rules: ProxyRules,
    found: Mapping[Key, Line],
    key: Key,
    endpoints: tuple[object, ...],
) -> Iterator[Difference]:
    """REJECT when the Service has no endpoint anywhere, DROP when only a Local policy has none."""
    line = found.get(key)
    wanted = "" if endpoints else ("DROP" if plan.usable.anywhere else "REJECT")
    if line is not None and not wanted:
        yield Difference(
            kind=DifferenceKind.REJECT_STALE,
            service=plan.name,
            chain=names.SERVICES,
            message=f"{plan.name} is refused ({line.target}) although endpoints exist",
            evidence=(rules.evidence("filter", line), *_usable(plan)),
        )
    elif wanted and (line is None or line.target != wanted):
        text = f"no rule refuses {key[0] or 'NodePort'}:{key[2]}/{key[1]} by {wanted}"
        evidence = (
            rules.evidence("filter", line)
            if line is not None
            else Evidence(f"{rules.tables.source} filter", text)
        )
        yield Difference(
            kind=DifferenceKind.REJECT_MISSING,
            service=plan.name,
            chain=names.SERVICES,
            message=f"{plan.name} has no endpoint to use, and nothing answers with {wanted}",
            evidence=(evidence,),
        )


def _guard(plan: PortPlan, rules: ProxyRules, key: Key) -> Iterator[Difference]:
    """Source ranges: KUBE-PROXY-FIREWALL drops what KUBE-FW let fall through."""
    line = rules.firewall.get(key)
    if plan.guarded == (line is not None):
        return
    text = f"no rule of {names.PROXY_FIREWALL} drops other packets to {key[0]}:{key[2]}"
    evidence = (
        rules.evidence("filter", line)
        if line is not None
        else Evidence(f"{rules.tables.source} filter", text)
    )
    state = "are not enforced" if plan.guarded else "are enforced although there are none"
    yield Difference(
        kind=DifferenceKind.SOURCE_RANGE_WRONG,
        service=plan.name,
        chain=names.PROXY_FIREWALL,
        message=f"the source ranges of {plan.name} {state}",
        evidence=(evidence,),
    )


def _usable(plan: PortPlan) -> tuple[Evidence, ...]:
    return tuple(plan.evidence(each) for each in plan.reachable[:3])
