"""The end of KUBE-SERVICES: on which addresses of the node NodePorts are served."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.model.address import Family, format_ip, parse_ip
from skoop.model.kube import Address
from skoop.model.trace import Evidence
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.iptables import names
from skoop.service.iptables.canonical import Canonical, as_canonical, rule
from skoop.service.iptables.rules import Line, ProxyRules
from skoop.service.plan import PortPlan

_JUMP = f"-j {names.NODE_PORTS}"
_LOCAL = "--dst-type LOCAL"


def audit_doors(rules: ProxyRules, plan: PortPlan) -> Iterator[Difference]:
    """One jump for every address, or one for each that nodePortAddresses holds."""
    lines = [line for line in rules.services.values() if line.target == names.NODE_PORTS]
    if plan.node_port_ranges:
        yield from _limited(rules, plan, lines)
    elif not lines:
        text = f"no rule of {names.SERVICES} jumps to {names.NODE_PORTS}"
        message = (
            f"nat {names.SERVICES} has no jump to {names.NODE_PORTS}: NodePorts are not translated"
        )
        yield _told(DifferenceKind.HOOK_MISSING, message, Evidence(_nat(rules), text))
    elif rules.covers_outside and not any(_everywhere(line, plan) for line in lines):
        message = f"nat {names.SERVICES} jumps to {names.NODE_PORTS} under other conditions"
        yield _told(DifferenceKind.HOOK_MISSING, message, rules.evidence("nat", lines[0]))


def _everywhere(line: Line, plan: PortPlan) -> bool:
    """Whether a jump is for every local address but those of loopback that are not served."""
    return as_canonical(line.text) in _forms(plan)


def _forms(plan: PortPlan) -> list[Canonical]:
    if plan.family is Family.V6:  # older ones did not except ::1, which is never routed
        return [rule(_LOCAL, _JUMP, "! -d ::1/128"), rule(_LOCAL, _JUMP)]
    beside = () if plan.localhost_node_ports else ("! -d 127.0.0.0/8",)
    return [rule(_LOCAL, _JUMP, *beside)]


def _limited(rules: ProxyRules, plan: PortPlan, lines: list[Line]) -> Iterator[Difference]:
    listed = ", ".join(map(str, plan.node_port_ranges))
    told = Evidence("nodePortAddresses", listed)
    for line in lines:
        address = _address(line)
        served = address is not None and any(
            each.family is address[0] and each.contains(address[1])
            for each in plan.node_port_ranges
        )
        if not served:
            where = line.destination.partition("/")[0] or "every address of the node"
            message = f"NodePorts are served on {where}, not only on nodePortAddresses {listed}"
            kind = DifferenceKind.RULE_FOREIGN
            yield _told(kind, message, rules.evidence("nat", line), told)
    have = {_address(line) for line in lines}
    for wanted in plan.node_port_ips:
        if wanted not in have:
            ip = format_ip(*wanted)
            text = f"no rule of {names.SERVICES} jumps to {names.NODE_PORTS} for {ip}"
            message = f"NodePorts are not served on {ip}, an address of {plan.node}"
            kind = DifferenceKind.NODE_ADDRESS_UNLISTED
            yield _told(kind, message, Evidence(_nat(rules), text), told)


def _address(line: Line) -> Address | None:
    """The one address that a jump is for and that is its only condition."""
    ip, _, length = line.destination.partition("/")
    if not ip or as_canonical(line.text) != rule(f"-d {line.destination}", _JUMP):
        return None
    try:
        address = parse_ip(ip)
    except ValueError:
        return None
    return address if length in ("", str(address[0].bits)) else None


def _nat(rules: ProxyRules) -> str:
    return f"{rules.tables.source} nat"


def _told(kind: DifferenceKind, message: str, *evidence: Evidence) -> Difference:
    return Difference(
        kind=kind, service="", chain=names.SERVICES, message=message, evidence=evidence
    )
