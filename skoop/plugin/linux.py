"""What Linux needs to carry pod traffic, whatever the CNI; and the plugin for a CNI without a
file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skoop.model.address import Prefix
from skoop.model.disposition import Level
from skoop.model.kube import Address
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.checks.agents import proxy_agent
from skoop.plugin.checks.base import worst_first
from skoop.plugin.checks.bridges import bridges
from skoop.plugin.checks.conflicts import conflicts
from skoop.plugin.checks.neighbour_limits import neighbour_limits
from skoop.plugin.checks.neighbours import neighbours
from skoop.plugin.checks.node import node_health
from skoop.plugin.checks.pod_addresses import captured_addresses, pod_addresses
from skoop.plugin.checks.pod_links import pod_links
from skoop.plugin.checks.pod_routes import pod_routes
from skoop.plugin.checks.routes import ending_routes, local_delivery
from skoop.plugin.checks.rules import policy_rules
from skoop.plugin.checks.strayed import strayed
from skoop.plugin.checks.sysctls import forwarding, localnet
from skoop.plugin.site import Site, site_of
from skoop.service.config import ProxyMode


class LinuxPlugin:
    """The plugin for a CNI skoop has no file for."""

    name = "linux"

    def unroutable(self, view: ClusterView) -> tuple[Prefix, ...]:
        """Service addresses only exist in kube-proxy's rules; pod addresses may well be routed."""
        return service_addresses(view)

    def advertised(self, view: ClusterView) -> Mapping[Prefix, Address]:  # noqa: ARG002
        """None."""
        return {}

    def expectations(self, view: ClusterView, node: str) -> tuple[Expectation, ...]:
        """What every CNI needs. Policy rules are only warned of: some CNIs route by them."""
        return worst_first(linux_expectations(site_of(view, node), captures=Level.WARNING))


def linux_expectations(site: Site, *, captures: Level | None = None) -> Iterator[Expectation]:
    """What is wrong on a node that no CNI would want so. `captures` is the level of a policy rule
    that changes the way of pod traffic, None for the catalogue's."""
    yield from node_health(site)
    yield from proxy_agent(site)
    yield from pod_links(site)
    yield from bridges(site)
    yield from strayed(site)
    yield from neighbours(site)
    yield from neighbour_limits(site)
    yield from pod_addresses(site)
    yield from captured_addresses(site)
    yield from conflicts(site)
    yield from pod_routes(site)
    yield from ending_routes(site)
    yield from local_delivery(site)
    yield from policy_rules(site, captures=captures)
    yield from forwarding(site)
    yield from localnet(site)


def service_addresses(view: ClusterView) -> tuple[Prefix, ...]:
    """The service ranges, and every ClusterIP in case a range is not known. None where a program
    may translate them that skoop does not see (eBPF instead of kube-proxy)."""
    if view.facts.proxy_mode.value in (ProxyMode.EBPF, ProxyMode.UNKNOWN):
        return ()
    single = (
        Prefix(family, value, family.bits)
        for service in view.inventory.services
        for family, value in service.cluster_ips
    )
    return tuple(dict.fromkeys((*view.facts.service_cidrs.value, *single)))
