"""Terway, Aliyun's CNI: pods have addresses of the VPC, on network interfaces of their node.

With shared interfaces (ENIIP) and veth pairs, a pod's packets come from a veth of the host; a
policy rule for its address leads them to the table of the interface that has the address, and
another leads packets for it past such tables (datapath/policy_router_linux.go of
github.com/AliyunContainerService/terway). A pod with an interface of its own, or an ipvlan device,
does not go through the host's network at all: what it needs is inside the pod, and in the cloud.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skoop.findings.route import (
    PolicyRuleCaptures,
    PolicyRuleMissing,
    RouteMissing,
    RouteViaDownLink,
)
from skoop.model.address import Family, Prefix
from skoop.model.disposition import Level
from skoop.model.kube import Address
from skoop.model.trace import Evidence
from skoop.netstack.state import PolicyRule, Route
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.checks.base import expect, link_line, route_line, rule_line, worst_first
from skoop.plugin.linux import linux_expectations, service_addresses
from skoop.plugin.repair import link_up, with_rule
from skoop.plugin.site import BridgeConf, PodSite, Site, site_of

GATEWAY = (Family.V4, 0xA9FE0101)
"""169.254.1.1, which the host's end of the veth answers for."""
FROM_POD = 2048
"""The priority of the rules for packets of pods."""


class TerwayPlugin:
    """Pods on network interfaces of Aliyun."""

    name = "terway"

    def unroutable(self, view: ClusterView) -> tuple[Prefix, ...]:
        """Pods' addresses are the VPC's own; only Services exist nowhere but on nodes."""
        return service_addresses(view)

    def advertised(self, view: ClusterView) -> Mapping[Prefix, Address]:  # noqa: ARG002
        """None: the VPC knows them."""
        return {}

    def expectations(self, view: ClusterView, node: str) -> tuple[Expectation, ...]:
        """What every CNI needs, and the rules and tables of the interfaces."""
        site = site_of(view, node, BridgeConf(gateways=(GATEWAY,)))
        own = {rule_line(site.host, each).text for each in _rules_of_pods(site)}
        found = linux_expectations(site, captures=Level.WARNING)
        foreign = [each for each in found if not _is_about(each, own)]
        return worst_first((*foreign, *_ways_out(site)))


def _is_about(expectation: Expectation, rules: set[str]) -> bool:
    suspicion = expectation.suspicion
    return suspicion.code == PolicyRuleCaptures.code and suspicion.evidence[0].text in rules


def _pods(site: Site) -> Iterator[tuple[PodSite, Prefix]]:
    """The pods behind a veth of their own, with each address."""
    for pod in site.pods:
        if pod.host_end is not None and not pod.host_end.master:
            for family, value in pod.pod.ips:
                yield pod, Prefix(family, value, family.bits)


def _rules_of_pods(site: Site) -> Iterator[PolicyRule]:
    own = {address for _, address in _pods(site)}
    for rule in site.host.rules:
        if rule.source in own or rule.destination in own:
            yield rule


def _leading(site: Site, address: Prefix) -> PolicyRule | None:
    """The rule that takes a pod's packets to its interface's table."""
    for rule in site.host.rules:
        if rule.source == address and rule.action == "lookup" and rule.target != "main":
            return rule
    return None


def _ways_out(site: Site) -> Iterator[Expectation]:
    """A pod without its rule, where the node has such rules for others; rules to tables that lead
    nowhere. With one interface only the table is clear, and the repair with it."""
    leading = [(pod, address, _leading(site, address)) for pod, address in _pods(site)]
    tables = {rule.target for _, _, rule in leading if rule is not None}
    for pod, address, rule in leading:
        if rule is not None:
            yield from _table(site, rule, address.family)
        elif tables:
            yield _no_rule(site, pod, address, tables)


def _no_rule(site: Site, pod: PodSite, address: Prefix, tables: set[str]) -> Expectation:
    assert pod.host_end is not None
    target = next(iter(tables)) if len(tables) == 1 else ""
    rule = PolicyRule(
        family=address.family,
        priority=FROM_POD,
        source=address,
        iif=pod.host_end.name,
        target=target,
    )
    command = f"ip rule add pref {FROM_POD} from {address} iif {pod.host_end.name} lookup"
    return expect(
        PolicyRuleMissing,
        site.host,
        f"node {site.node} has no policy rule that leads packets of pod {pod.name} to the table of "
        "its network interface",
        Evidence(f"ip rule on {site.host.id}", f"no rule from {address}"),
        repair=with_rule(rule) if target else None,
        fix=f"{command} {target or 'TABLE'}",
        level=Level.CRITICAL,
    )


def _table(site: Site, rule: PolicyRule, family: Family) -> Iterator[Expectation]:
    routes = [each for each in site.host.routes if each.table == rule.target]
    default = _default(routes, family)
    if default is None:
        yield expect(
            RouteMissing,
            site.host,
            f"table {rule.target} of node {site.node}, which packets of a pod are led to, has no "
            "default route",
            rule_line(site.host, rule),
            Evidence(f"table {rule.target} on {site.host.id}", f"{len(routes)} routes, no default"),
            level=Level.CRITICAL,
        )
        return
    for hop in default.nexthops:
        link = next((each for each in site.host.links if each.name == hop.device), None)
        if link is not None and not link.up:
            yield expect(
                RouteViaDownLink,
                site.host,
                f"{link.name} of node {site.node}, by which pods' packets leave, is down",
                route_line(site.host, default),
                link_line(site.host, link),
                repair=link_up(link.name),
                fix=f"ip link set {link.name} up",
            )


def _default(routes: list[Route], family: Family) -> Route | None:
    for each in routes:
        if each.destination.family is family and each.destination.length == 0:
            return each
    return None
