"""The maps and sets by which packets find the chains of a Service port."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.model.address import format_ip, parse_ip
from skoop.model.kube import Address
from skoop.model.trace import Evidence
from skoop.service.difference import Difference, DifferenceKind, about
from skoop.service.nftables import names
from skoop.service.nftables.rules import Key, NftRules
from skoop.service.plan import PortPlan
from skoop.service.view import Via


def audit_entries(plan: PortPlan, rules: NftRules) -> Iterator[Difference]:
    """Every address of a Service port, and what the table says about it."""
    inside = names.LOCAL if plan.internal_local else names.CLUSTER
    external = f"goto {names.chain_of(plan, names.EXTERNAL)}" if plan.usable.anywhere else ""
    internal = f"goto {names.chain_of(plan, inside)}" if plan.internal else ""
    for address in plan.cluster_ips:
        key = _key(plan, address)
        what = f"{Via.CLUSTER_IP.value} {' '.join(key)} of {plan.name}"
        yield from _entry(plan, rules, names.SERVICE_IPS, key, internal, what)
        refused = "" if plan.internal else names.refusal(plan)
        yield from _refused(plan, rules, names.NO_ENDPOINT_IPS, key, refused, what)
        yield from _listed(plan, rules, address)
    refused = "" if plan.outside else names.refusal(plan)
    for via, addresses in (
        (Via.EXTERNAL_IP, plan.external_ips),
        (Via.LOAD_BALANCER, plan.load_balancer_ips),
    ):
        for address in addresses:
            key = _key(plan, address)
            what = f"{via.value} {' '.join(key)} of {plan.name}"
            yield from _entry(plan, rules, names.SERVICE_IPS, key, external, what)
            yield from _refused(plan, rules, names.NO_ENDPOINT_IPS, key, refused, what)
            guard = f"goto {names.chain_of(plan, names.FIREWALL)}" if plan.walled else ""
            guarded = guard if via is Via.LOAD_BALANCER else ""
            yield from _guard(plan, rules, key, guarded)
    if plan.port.node_port:
        key = (plan.protocol, str(plan.port.node_port))
        what = f"NodePort {' '.join(key)} of {plan.name}"
        yield from _entry(plan, rules, names.NODE_PORTS, key, external, what)
        yield from _refused(plan, rules, names.NO_ENDPOINT_PORTS, key, refused, what)
        yield from _served(plan, rules)
    yield from _hairpins(plan, rules)


def _key(plan: PortPlan, address: Address) -> Key:
    return format_ip(*address), plan.protocol, str(plan.port.port)


def _entry(
    plan: PortPlan, rules: NftRules, name: str, key: Key, wanted: str, what: str
) -> Iterator[Difference]:
    """One element of a map that leads to chains."""
    found = rules.maps.get(name, {}).get(key, "")
    if found == wanted:
        return
    shown = _element(rules, name, key, found)
    if not found:
        missing = name == names.NODE_PORTS
        kind = DifferenceKind.NODE_PORT_MISSING if missing else DifferenceKind.ENTRY_MISSING
        usable = (plan.evidence(each) for each in plan.reachable[:3])
        yield about(plan, kind, name, f"{what} is not translated", shown, *usable)
    elif not wanted:
        message = f"{what} is still translated although no endpoint may be used"
        yield about(plan, DifferenceKind.ENTRY_STALE, name, message, shown)
    else:
        message = f"{what} leads to {found} instead of {wanted}"
        yield about(plan, DifferenceKind.WRONG_CHAIN, name, message, shown)


def _refused(
    plan: PortPlan, rules: NftRules, name: str, key: Key, wanted: str, what: str
) -> Iterator[Difference]:
    found = rules.maps.get(name, {}).get(key, "")
    if found == wanted:
        return
    shown = _element(rules, name, key, found)
    if not wanted:
        message = f"{what} is refused ({found}) although endpoints exist"
        usable = (plan.evidence(each) for each in plan.reachable[:3])
        yield about(plan, DifferenceKind.REJECT_STALE, name, message, shown, *usable)
        return
    message = f"{what} has no endpoint to use, and nothing answers with {wanted}"
    yield about(plan, DifferenceKind.REJECT_MISSING, name, message, shown)


def _guard(plan: PortPlan, rules: NftRules, key: Key, wanted: str) -> Iterator[Difference]:
    """Source ranges are asked for by an element of firewall-ips."""
    found = rules.maps.get(names.FIREWALL_IPS, {}).get(key, "")
    if found == wanted:
        return
    state = "are not enforced" if wanted else "are enforced although there are none"
    message = f"the source ranges of {plan.name} {state}"
    shown = _element(rules, names.FIREWALL_IPS, key, found)
    yield about(plan, DifferenceKind.SOURCE_RANGE_WRONG, names.FIREWALL_IPS, message, shown)


def _listed(plan: PortPlan, rules: NftRules, address: Address) -> Iterator[Difference]:
    """The set of ClusterIPs, which kube-proxy has since 1.30."""
    key = (format_ip(*address),)
    known = rules.sets.get(names.CLUSTER_IPS)
    if known is None or key in known:
        return
    message = f"the ClusterIP of {plan.name} is not listed, so its clients are not masqueraded"
    if rules.by_chains:
        message = f"wrong ports of the ClusterIP of {plan.name} are not rejected"
    shown = _element(rules, names.CLUSTER_IPS, key, "")
    yield about(plan, DifferenceKind.CLUSTER_IP_UNLISTED, names.CLUSTER_IPS, message, shown)


def _served(plan: PortPlan, rules: NftRules) -> Iterator[Difference]:
    """The set of addresses that serve NodePorts, which kube-proxy has unless all of them do."""
    served = rules.sets.get(names.NODE_PORT_IPS)
    if served is None or not plan.node_port_ranges:
        return
    for address in plan.node_port_ips:
        key = (format_ip(*address),)
        if key not in served:
            message = f"NodePorts are not served on {key[0]}, an address of {plan.node}"
            shown = _element(rules, names.NODE_PORT_IPS, key, "")
            kind = DifferenceKind.NODE_ADDRESS_UNLISTED
            yield about(plan, kind, names.NODE_PORT_IPS, message, shown)
    listed = ", ".join(map(str, plan.node_port_ranges))
    for (ip,) in sorted(served):
        if not _within(ip, plan):
            message = f"NodePorts are served on {ip}, not only on nodePortAddresses {listed}"
            shown = rules.evidence(names.NODE_PORT_IPS, ip)
            yield about(plan, DifferenceKind.RULE_FOREIGN, names.NODE_PORT_IPS, message, shown)


def _within(ip: str, plan: PortPlan) -> bool:
    """What is no address is not judged."""
    try:
        family, value = parse_ip(ip)
    except ValueError:
        return True
    return any(each.family is family and each.contains(value) for each in plan.node_port_ranges)


def _hairpins(plan: PortPlan, rules: NftRules) -> Iterator[Difference]:
    if rules.by_chains:
        return
    for each in plan.reachable:
        ip = format_ip(*each.address)
        key = (ip, ip, plan.protocol, str(each.port))
        if each.node == plan.node and key not in rules.sets[names.HAIRPINS]:
            message = f"{each.who} cannot reach itself through {plan.name}"
            shown = _element(rules, names.HAIRPINS, key, "")
            kind = DifferenceKind.HAIRPIN_ENTRY_MISSING
            evidence = (shown, plan.evidence(each))
            yield about(plan, kind, names.HAIRPINS, message, *evidence, endpoint=str(each))


def _element(rules: NftRules, name: str, key: Key, found: str) -> Evidence:
    text = " . ".join(key)
    return rules.evidence(name, f"{text} : {found}" if found else f"no element {text}")
