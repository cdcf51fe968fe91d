"""The rules that every Service depends on."""

from __future__ import annotations

from skoop.model.trace import Evidence
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.iptables import names
from skoop.service.iptables.rules import ProxyRules

# (table, built-in chain, chain of kube-proxy, what its absence does)
_HOOKS = (
    ("nat", "PREROUTING", names.SERVICES, "packets from pods and from outside are not translated"),
    ("nat", "OUTPUT", names.SERVICES, "packets of the node itself are not translated"),
    ("nat", "POSTROUTING", names.POSTROUTING, "marked packets are not masqueraded"),
    ("nat", names.SERVICES, names.NODE_PORTS, "NodePorts are not translated"),
    ("filter", "FORWARD", names.FORWARD, "translated packets are not accepted for forwarding"),
    ("filter", "FORWARD", names.SERVICES, "Services without endpoints are not rejected"),
    ("filter", "OUTPUT", names.SERVICES, "Services without endpoints are not rejected locally"),
    ("filter", "INPUT", names.EXTERNAL_SERVICES, "NodePorts without endpoints are not rejected"),
    (
        "filter",
        "FORWARD",
        names.EXTERNAL_SERVICES,
        "external IPs without endpoints are not rejected",
    ),
    ("filter", "FORWARD", names.PROXY_FIREWALL, "source ranges are not enforced"),
    ("filter", "INPUT", names.PROXY_FIREWALL, "source ranges are not enforced"),
    ("filter", "OUTPUT", names.PROXY_FIREWALL, "source ranges are not enforced locally"),
)


def has_rules(rules: ProxyRules) -> bool:
    """Whether kube-proxy's rules are there: its first chain is never empty, as NodePorts end it."""
    return bool(rules.services)


def audit_base(rules: ProxyRules) -> tuple[Difference, ...]:
    """Missing jumps, and marks or masquerading that are not done."""
    source = rules.tables.source
    if not has_rules(rules):
        state = "is empty" if rules.has_chain("nat", names.SERVICES) else "does not exist"
        text = f"chain {names.SERVICES} of table nat {state}"
        return (
            _difference(
                DifferenceKind.NO_RULES,
                names.SERVICES,
                "kube-proxy has no rules here: no Service is translated",
                Evidence(source, text),
            ),
        )
    found = [
        _difference(
            DifferenceKind.HOOK_MISSING,
            chain,
            f"{table} {chain} has no jump to {target}: {effect}",
            Evidence(f"{source} {table}", f"no rule of {chain} jumps to {target}"),
        )
        for table, chain, target, effect in _HOOKS
        if (table == "nat" or rules.has_chain(table, target))
        and not _leads_to(rules, table, chain, target)
    ]
    return (*found, *_masquerading(rules), *_accepting(rules))


def _leads_to(rules: ProxyRules, table: str, chain: str, target: str) -> bool:
    """KUBE-SERVICES may hold 10,000 rules and is indexed already."""
    indexed = (table, chain) == ("nat", names.SERVICES)
    lines = rules.services.values() if indexed else rules.lines(table, chain)
    return any(line.target == target for line in lines)


def _masquerading(rules: ProxyRules) -> list[Difference]:
    found = []
    source = f"{rules.tables.source} nat"
    lines = rules.lines("nat", names.POSTROUTING)
    masquerade = next((line for line in lines if line.target == "MASQUERADE"), None)
    if masquerade is None:
        found.append(
            _difference(
                DifferenceKind.MASQUERADE_MISSING,
                names.POSTROUTING,
                "packets marked for masquerading keep their source, so replies bypass this node",
                Evidence(source, f"no rule of {names.POSTROUTING} masquerades"),
            )
        )
    elif "--mark" not in masquerade.text and not any(line.target == "RETURN" for line in lines):
        found.append(
            _difference(
                DifferenceKind.MASQUERADE_TOO_MUCH,
                names.POSTROUTING,
                "every packet is masqueraded, so servers see this node as the client",
                rules.evidence("nat", masquerade),
            )
        )
    if not any(line.target == "MARK" for line in rules.lines("nat", names.MARK_MASQ)):
        found.append(
            _difference(
                DifferenceKind.MARK_MISSING,
                names.MARK_MASQ,
                "nothing is marked for masquerading, so replies bypass this node",
                Evidence(source, f"no rule of {names.MARK_MASQ} sets a mark"),
            )
        )
    return found


def _accepting(rules: ProxyRules) -> list[Difference]:
    """KUBE-FORWARD lets masqueraded packets through a FORWARD policy of DROP."""
    lines = rules.lines("filter", names.FORWARD)
    if not lines or any(line.target == "ACCEPT" and "--mark" in line.text for line in lines):
        return []
    return [
        _difference(
            DifferenceKind.ACCEPT_MISSING,
            names.FORWARD,
            "marked packets are not accepted for forwarding and depend on the other rules",
            Evidence(f"{rules.tables.source} filter", f"no rule of {names.FORWARD} accepts a mark"),
        )
    ]


def _difference(
    kind: DifferenceKind, chain: str, message: str, evidence: Evidence
) -> Difference:  # fmt: skip
    return Difference(kind=kind, service="", chain=chain, message=message, evidence=(evidence,))
