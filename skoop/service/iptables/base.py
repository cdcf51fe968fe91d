"""The rules that every Service depends on."""

from __future__ import annotations

from skoop.model.trace import Evidence
from skoop.service.difference import Difference, DifferenceKind, about_all
from skoop.service.iptables import names
from skoop.service.iptables.canonical import Canonical, as_canonical, rule
from skoop.service.iptables.doors import audit_doors
from skoop.service.iptables.rules import Line, ProxyRules
from skoop.service.plan import PortPlan

_HOOKS = (
    ("nat", "PREROUTING", names.SERVICES, "packets from pods and from outside are not translated"),
    ("nat", "OUTPUT", names.SERVICES, "packets of the node itself are not translated"),
    ("nat", "POSTROUTING", names.POSTROUTING, "marked packets are not masqueraded"),
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
    ("filter", "INPUT", names.NODE_PORTS, "health checks of load balancers are not accepted"),
    ("filter", "INPUT", names.LOCALNET, "packets to 127.0.0.0/8 from elsewhere are not dropped"),
    ("filter", "OUTPUT", names.LOCALNET, "packets to 127.0.0.0/8 are not looked at"),
)
"""Table, built-in chain, chain of kube-proxy, and what is wrong without the jump."""


def has_rules(rules: ProxyRules) -> bool:
    """Whether kube-proxy's rules are there: NodePorts end its first chain, unless no address of the
    node is to serve them, and then it masquerades all the same."""
    return bool(rules.services) or (
        rules.has_chain("nat", names.SERVICES) and bool(rules.lines("nat", names.POSTROUTING))
    )


def audit_base(rules: ProxyRules, sample: PortPlan | None) -> tuple[Difference, ...]:
    """Missing jumps, and marks or masquerading that are not done. `sample` is any plan of the node:
    it tells where NodePorts are served."""
    source = rules.tables.source
    if not has_rules(rules):
        state = "is empty" if rules.has_chain("nat", names.SERVICES) else "does not exist"
        text = f"chain {names.SERVICES} of table nat {state}"
        return (
            about_all(
                DifferenceKind.NO_RULES,
                names.SERVICES,
                "kube-proxy has no rules here: no Service is translated",
                Evidence(source, text),
            ),
        )
    found = [
        about_all(
            DifferenceKind.HOOK_MISSING,
            chain,
            f"{table} {chain} has no jump to {target}: {effect}",
            Evidence(f"{source} {table}", f"no rule of {chain} jumps to {target}"),
        )
        for table, chain, target, effect in _HOOKS
        if (table == "nat" or rules.has_chain(table, target))
        and not _jumping(rules, table, chain, target)
    ]
    found += audit_doors(rules, sample) if sample is not None else ()
    found += [*_masquerading(rules), *_accepting(rules)]
    told = {each.chain for each in found}
    return (*found, *(each for each in _conditions(rules, sample) if each.chain not in told))


_NEW = "--ctstate NEW"
_JUMPS: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("nat", "PREROUTING"): ((f"-j {names.SERVICES}",),),
    ("nat", "OUTPUT"): ((f"-j {names.SERVICES}",),),
    ("nat", "POSTROUTING"): ((f"-j {names.POSTROUTING}",),),
    ("filter", "INPUT"): (
        (_NEW, f"-j {names.PROXY_FIREWALL}"), (_NEW, f"-j {names.EXTERNAL_SERVICES}"),
    ),
    ("filter", "FORWARD"): (
        (_NEW, f"-j {names.PROXY_FIREWALL}"), (f"-j {names.FORWARD}",),
        (_NEW, f"-j {names.SERVICES}"), (_NEW, f"-j {names.EXTERNAL_SERVICES}"),
    ),
    ("filter", "OUTPUT"): ((_NEW, f"-j {names.PROXY_FIREWALL}"), (_NEW, f"-j {names.SERVICES}")),
}  # fmt: skip
"""By table and chain the jumps of kube-proxy that must be just so when they are there at all: the
conditions, and last the jump."""


def _conditions(rules: ProxyRules, sample: PortPlan | None) -> list[Difference]:
    """Jumps with other conditions than kube-proxy's, and its small chains rule by rule."""
    if not rules.covers_outside:
        return []
    found = []
    for (table, chain), jumps in _JUMPS.items():
        for jump in jumps:
            target = jump[-1].removeprefix("-j ")
            lines = _jumping(rules, table, chain, target)
            wrong = [line for line in lines if as_canonical(line.text) != rule(*jump)]
            if lines and wrong == lines:
                message = f"{table} {chain} jumps to {target} under other conditions"
                evidence = rules.evidence(table, wrong[0])
                kind = DifferenceKind.HOOK_MISSING
                found.append(about_all(kind, chain, message, evidence))
    for line in rules.node_ports.values():
        if line.target and not line.port:
            message = f"a rule of {names.NODE_PORTS} is about every port"
            kind, evidence = DifferenceKind.RULE_FOREIGN, rules.evidence("nat", line)
            found.append(about_all(kind, names.NODE_PORTS, message, evidence))
    for table, chain, wanted in _small_chains(rules):
        have = [as_canonical(line.text) for line in rules.lines(table, chain) if line.target]
        if chain == names.LOCALNET and not have and not _guards_localhost(sample):
            continue
        if have not in wanted and rules.has_chain(table, chain):
            message = f"the rules of {chain} are not as kube-proxy writes them"
            strange = [line for line in rules.lines(table, chain)
                       if as_canonical(line.text) not in wanted[0]]  # fmt: skip
            empty = Line(text=f"chain {chain} is empty")
            shown = (strange or list(rules.lines(table, chain)) or [empty])[0]
            kind = DifferenceKind.RULE_FOREIGN if strange else DifferenceKind.RULE_ORDER
            found.append(about_all(kind, chain, message, rules.evidence(table, shown)))
    return found


def _guards_localhost(sample: PortPlan | None) -> bool:
    """Whether kube-proxy needs KUBE-FIREWALL: where NodePorts answer on 127.0.0.1. kubelet may keep
    it elsewhere too. For ::1, which is never routed, there is nothing to drop."""
    return sample is None or sample.localhost_node_ports


def _jumping(rules: ProxyRules, table: str, chain: str, target: str) -> list[Line]:
    """KUBE-SERVICES may hold 10,000 rules and is indexed already."""
    indexed = (table, chain) == ("nat", names.SERVICES)
    lines = rules.services.values() if indexed else rules.lines(table, chain)
    return [line for line in lines if line.target == target]


def _small_chains(rules: ProxyRules) -> list[tuple[str, str, list[list[Canonical]]]]:
    """KUBE-MARK-MASQ, KUBE-POSTROUTING, KUBE-FORWARD and KUBE-FIREWALL (kubelet's too), with every
    form they have had."""
    mark = _mark(rules)
    masquerade = [
        rule(f"! --mark {mark}/{mark}", "-j RETURN"),
        rule("-j MARK", f"--set-xmark {mark}/0x0"),
        rule("-j MASQUERADE"),
    ]
    accept = rule(f"--mark {mark}/{mark}", "-j ACCEPT")
    known = rule("--ctstate RELATED,ESTABLISHED", "-j ACCEPT")
    invalid = rule("--ctstate INVALID", "-j DROP")
    marked = rule("--mark 0x8000/0x8000", "-j DROP")
    localnet = rule(
        "! -s 127.0.0.0/8", "-d 127.0.0.0/8", "! --ctstate RELATED,ESTABLISHED,DNAT", "-j DROP"
    )
    return [
        ("nat", names.MARK_MASQ, [
            [rule("-j MARK", f"--set-xmark {mark}/{mark}")],
            [rule("-j MARK", f"--or-mark {mark}")],
        ]),
        ("nat", names.POSTROUTING, [
            masquerade, [masquerade[0], rule("-j MARK", f"--xor-mark {mark}"), masquerade[2]],
        ]),
        ("filter", names.FORWARD, [[invalid, accept, known], [accept, known]]),
        ("filter", names.LOCALNET, [[localnet], [marked, localnet], [localnet, marked]]),
    ]  # fmt: skip


def _mark(rules: ProxyRules) -> str:
    """The mark that kube-proxy's own rule tests before masquerading ("0x4000")."""
    for line in rules.lines("nat", names.POSTROUTING):
        for option in as_canonical(line.text):
            if option.startswith("! --mark "):
                return option.removeprefix("! --mark ").partition("/")[0]
    return "0x4000"


def _masquerading(rules: ProxyRules) -> list[Difference]:
    found = []
    source = f"{rules.tables.source} nat"
    lines = rules.lines("nat", names.POSTROUTING)
    masquerade = next((line for line in lines if line.target == "MASQUERADE"), None)
    if masquerade is None:
        found.append(
            about_all(
                DifferenceKind.MASQUERADE_MISSING,
                names.POSTROUTING,
                "packets marked for masquerading keep their source, so replies bypass this node",
                Evidence(source, f"no rule of {names.POSTROUTING} masquerades"),
            )
        )
    elif "--mark" not in masquerade.text and not any(line.target == "RETURN" for line in lines):
        found.append(
            about_all(
                DifferenceKind.MASQUERADE_TOO_MUCH,
                names.POSTROUTING,
                "every packet is masqueraded, so servers see this node as the client",
                rules.evidence("nat", masquerade),
            )
        )
    if not any(line.target == "MARK" for line in rules.lines("nat", names.MARK_MASQ)):
        found.append(
            about_all(
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
        about_all(
            DifferenceKind.ACCEPT_MISSING,
            names.FORWARD,
            "marked packets are not accepted for forwarding and depend on the other rules",
            Evidence(f"{rules.tables.source} filter", f"no rule of {names.FORWARD} accepts a mark"),
        )
    ]
