"""The node as the API sees it, and its own network card."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.node import NodeIpChanged, NodeNetworkUnavailable, NodeNicDown, NodeNotReady
from skoop.model.address import format_ip
from skoop.model.kube import Condition, Node
from skoop.model.trace import Evidence
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, link_line
from skoop.plugin.repair import link_up
from skoop.plugin.site import Site, address_text, knows


def node_health(site: Site) -> Iterator[Expectation]:
    """Conditions, the address, the card."""
    if site.api is None:
        return
    yield from _conditions(site, site.api)
    if site.collected and knows(site.host, "addresses", "links"):
        yield from _address(site, site.api)


def _conditions(site: Site, node: Node) -> Iterator[Expectation]:
    for each in node.conditions:
        if each.type == "Ready" and each.status != "True":
            yield expect(
                NodeNotReady, site.host, f"node {node.name} is not Ready", _line(node, each)
            )
        if each.type == "NetworkUnavailable" and each.status == "True":
            message = f"node {node.name} says that its network is not set up"
            yield expect(NodeNetworkUnavailable, site.host, message, _line(node, each))


def _line(node: Node, condition: Condition) -> Evidence:
    text = f"{condition.type}={condition.status} {condition.reason} {condition.message}".rstrip()
    return Evidence(f"condition of node {node.name}", text)


def _address(site: Site, node: Node) -> Iterator[Expectation]:
    present = {(each.family, each.value): each.device for each in site.host.addresses}
    lost = [ip for ip in node.internal_ips if ip not in present]
    if lost and len(lost) == len(node.internal_ips):
        text = ", ".join(
            address_text(each) for each in site.host.addresses if each.scope == "global"
        )
        yield expect(
            NodeIpChanged,
            site.host,
            f"the API knows node {node.name} as {format_ip(*lost[0])}, which it does not have",
            Evidence(f"ip addr on {site.host.id}", text or "no address"),
        )
    for name in dict.fromkeys(present[ip] for ip in node.internal_ips if ip in present):
        for link in site.host.links:
            if link.name == name and not link.up and link.kind != "loopback":
                yield expect(
                    NodeNicDown,
                    site.host,
                    f"{name} of node {node.name} is down",
                    link_line(site.host, link),
                    repair=link_up(name),
                )
