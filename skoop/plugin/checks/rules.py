"""Policy rules: the three that belong there, and foreign ones that take pod traffic away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from skoop.findings.route import PolicyRuleCaptures, PolicyRuleMissing
from skoop.model.address import Family, Prefix
from skoop.model.disposition import Level
from skoop.model.trace import Evidence
from skoop.netstack.fib import LOCAL_OUTPUT, Fib, FibKind, FibResult, Flow, table_name
from skoop.netstack.state import Namespace, PolicyRule
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, place, route_line, rule_line
from skoop.plugin.repair import with_rule, without_rule
from skoop.plugin.site import DEFAULT_RULES, Site, knows

_FEW = 3


class Traffic(Struct, frozen=True):
    """Flows to try a rule with: sources and destinations of one family, and ways in. The address 0
    is a source not chosen yet."""

    sources: tuple[int, ...]
    destinations: tuple[int, ...]
    entrances: tuple[str, ...]


def policy_rules(site: Site, *, captures: Level | None = None) -> Iterator[Expectation]:
    """`captures` is the level of a lookup rule that changes the way of pod traffic (None: as the
    catalogue says); some CNIs route by such rules on purpose."""
    namespaces = [(site.host, "")] if site.collected else []
    namespaces += [(pod.namespace, pod.name) for pod in site.pods]
    for namespace, pod in namespaces:
        if not knows(namespace, "rules", "routes"):
            continue
        for family in _families(site):
            yield from _missing(namespace, family)
            yield from _foreign(site, namespace, family, in_pod=bool(pod), captures=captures)


def _families(site: Site) -> tuple[Family, ...]:
    ranges = (each.family for each in site.view.facts.pod_cidrs.value)
    ips = (family for pod in site.pods for family, _ in pod.pod.ips)
    return tuple(dict.fromkeys((*ranges, *ips)))


def _missing(namespace: Namespace, family: Family) -> Iterator[Expectation]:
    rules = [rule for rule in namespace.rules if rule.family is family]
    for default in DEFAULT_RULES[family]:
        if default.target == "default" and family is Family.V6:
            continue
        if any(_always_looks_up(rule, default.target) for rule in rules):
            continue
        has = "; ".join(rule_line(namespace, rule).text for rule in rules) or "no rule"
        yield expect(
            PolicyRuleMissing,
            namespace,
            f"{place(namespace)} has no policy rule for table {default.target}",
            Evidence(f"ip rule on {namespace.id}", f"no lookup of {default.target}: {has}"),
            repair=with_rule(default),
            level=Level.INFO if default.target == "default" else None,
            fix=f"{_command(default)} add pref {default.priority} lookup {default.target}",
        )


def _always_looks_up(rule: PolicyRule, table: str) -> bool:
    return (
        rule.action == "lookup"
        and table_name(rule.target) == table
        and not _has_selector(rule)
        and rule.suppress_prefixlength < 0
    )


def _has_selector(rule: PolicyRule) -> bool:
    return bool(
        rule.inverted
        or (rule.source and rule.source.length)
        or (rule.destination and rule.destination.length)
        or rule.iif
        or rule.oif
        or rule.fwmark
        or rule.tos
        or rule.ipproto
        or rule.sport
        or rule.dport
        or rule.uid_range
        or rule.l3mdev
        or rule.tun_id
        or rule.unmodelled
    )


def _foreign(
    site: Site, namespace: Namespace, family: Family, *, in_pod: bool, captures: Level | None
) -> Iterator[Expectation]:
    rules = [rule for rule in namespace.rules if rule.family is family]
    foreign = [rule for rule in rules if not _is_default(rule)]
    if not foreign:
        return
    routes = [route for route in namespace.routes if route.destination.family is family]
    # The kernel adds the l3mdev rule itself with the first VRF; outside VRFs it matches nothing.
    counted = [rule for rule in rules if not rule.l3mdev]
    complete = Fib(family, counted, routes)
    for rule in foreign:
        without = Fib(family, [each for each in counted if each != rule], routes)
        flows = _flows(site, namespace, rule, in_pod=in_pod)
        changed = next(
            (
                (before, after)
                for flow in flows
                for before, after in ((without.lookup(flow), complete.lookup(flow)),)
                if _differ(before, after)
            ),
            None,
        )
        yield _report(namespace, rule, changed, captures)


def _is_default(rule: PolicyRule) -> bool:
    table = table_name(rule.target)
    names = {"local", "main", "default"}
    return rule.action == "lookup" and table in names and not _has_selector(rule)


def _differ(before: FibResult, after: FibResult) -> bool:
    if FibKind.UNKNOWN in (before.kind, after.kind):
        return before.kind is not after.kind
    return (before.kind, before.nexthops) != (after.kind, after.nexthops)


def _command(rule: PolicyRule) -> str:
    return "ip -6 rule" if rule.family is Family.V6 else "ip rule"


_ENDS = {
    FibKind.BLACKHOLE: "drops pod traffic without an answer",
    FibKind.UNREACHABLE: "stops pod traffic as unreachable",
    FibKind.PROHIBIT: "stops pod traffic as prohibited",
    FibKind.NONE: "leaves pod traffic without a route",
}


def _report(
    namespace: Namespace,
    rule: PolicyRule,
    changed: tuple[FibResult, FibResult] | None,
    captures: Level | None,
) -> Expectation:
    where = place(namespace)
    if changed is None:
        return expect(
            PolicyRuleCaptures,
            namespace,
            f"policy rule {rule.priority} of {where} is not one of the kernel's; it does not "
            f"change the way of pod traffic",
            rule_line(namespace, rule),
            level=Level.INFO,
        )
    before, after = changed
    if after.kind in _ENDS:
        level, does = None, _ENDS[after.kind]
    elif after.kind is FibKind.UNKNOWN:
        level, does = Level.WARNING, "may change the way of pod traffic"
    else:
        level = captures
        device = after.nexthops[0].device if after.nexthops else after.kind.value
        instead = f", not {before.nexthops[0].device}" if before.nexthops else ""
        does = f"sends pod traffic by {device}{instead}"
    lines = [route_line(namespace, after.route)] if after.route and after.rule == rule else []
    return expect(
        PolicyRuleCaptures,
        namespace,
        f"policy rule {rule.priority} of {where} {does}",
        rule_line(namespace, rule),
        *lines,
        repair=without_rule(rule),
        level=level,
        fix=f"{_command(rule)} del pref {rule.priority}",
    )


def _flows(site: Site, namespace: Namespace, rule: PolicyRule, *, in_pod: bool) -> Iterable[Flow]:
    """Pod and Service traffic that the rule could match: its own selectors fill what is free."""
    traffic = _pod_traffic(site, namespace, rule) if in_pod else _node_traffic(site, rule)
    marks = {0}
    mask = site.view.facts.proxy.value.masquerade_mark
    if rule.fwmark and not in_pod and mask & rule.fwmark[1] == rule.fwmark[0] & rule.fwmark[1]:
        marks.add(mask)
    for kind in traffic:
        for source in kind.sources:
            for destination in kind.destinations:
                for iif in kind.entrances:
                    for mark in sorted(marks):
                        yield Flow(
                            rule.family,
                            destination,
                            source,
                            iif,
                            mark=mark,
                            tos=rule.tos or 0,
                            proto=rule.ipproto,
                            sport=rule.sport[0] if rule.sport else 0,
                            dport=rule.dport[0] if rule.dport else 0,
                        )


def _pod_traffic(site: Site, namespace: Namespace, rule: PolicyRule) -> tuple[Traffic, ...]:
    own = [
        address.value
        for address in namespace.addresses
        if address.family is rule.family and address.scope == "global"
    ]
    towards = (*_pods(site, rule, rule.destination, here=None), *_services(site, rule))
    return (Traffic((0, *own[:_FEW]), towards, (LOCAL_OUTPUT,)),)


def _node_traffic(site: Site, rule: PolicyRule) -> tuple[Traffic, ...]:
    bridges = site.bridges
    ends = [pod.host_end.name for pod in site.pods if pod.host_end and not pod.host_end.master]
    inner = (*bridges, *ends[:_FEW])
    outer = tuple(
        link.name
        for link in site.host.links
        if link.name not in inner and link.kind not in ("veth", "loopback", "bridge") and link.up
    ) + tuple(_underlay(site))
    local_source = _pods(site, rule, rule.source, here=True)
    remote_source = _pods(site, rule, rule.source, here=False)
    local = _pods(site, rule, rule.destination, here=True)
    remote = _pods(site, rule, rule.destination, here=False)
    return (
        Traffic(local_source, (*remote, *local), inner),
        Traffic(remote_source, local, tuple(dict.fromkeys(outer))),
        Traffic((0,), (*local, *remote, *_services(site, rule)), (LOCAL_OUTPUT,)),
    )


def _underlay(site: Site) -> list[str]:
    ips = site.api.ips if site.api else ()
    return [each.device for each in site.host.addresses if (each.family, each.value) in ips]


def _pods(
    site: Site, rule: PolicyRule, selector: Prefix | None, *, here: bool | None
) -> tuple[int, ...]:
    """A few pod addresses that a selector holds; `here` asks for those of this node (True), of
    others (False) or both. A podCIDR without pods stands for its first address."""
    found: list[int] = []
    for node in site.view.inventory.nodes:
        if here is not None and (node.name == site.node) is not here:
            continue
        ips = [
            ip
            for pod in site.view.inventory.pods_on_node(node.name)
            if not pod.host_network
            for ip in pod.ips
        ]
        ips += [(each.family, _inside(each, selector)) for each in node.pod_cidrs]
        found += [value for family, value in ips if family is rule.family]
    wanted = (v for v in found if rule.inverted or selector is None or selector.contains(v))
    few = list(dict.fromkeys(wanted))[:_FEW]
    return tuple(few)


def _inside(subnet: Prefix, selector: Prefix | None) -> int:
    """An address of a subnet, in the selector's part of it if that is smaller."""
    if selector and selector.family is subnet.family and subnet.contains(selector.network):
        return max(subnet.network + 2, selector.network)
    return subnet.network + 2


def _services(site: Site, rule: PolicyRule) -> tuple[int, ...]:
    vips = (
        value
        for service in site.view.inventory.services
        for family, value in service.cluster_ips
        if family is rule.family
    )
    selector = rule.destination
    return tuple(
        value for value in vips if rule.inverted or selector is None or selector.contains(value)
    )[:_FEW]
