"""canal: flannel carries pods' packets between nodes, Calico connects pods to their node and
enforces policy (docs.tigera.io/calico/latest/getting-started/kubernetes/flannel)."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.model.address import Prefix
from skoop.model.kube import Address
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.calico.workload import GATEWAY, workloads
from skoop.plugin.checks.agents import agents
from skoop.plugin.checks.base import worst_first
from skoop.plugin.flannel.plugin import FlannelPlugin
from skoop.plugin.site import BridgeConf, site_of


class CanalPlugin:
    """flannel between nodes, Calico on each."""

    name = "canal"

    def unroutable(self, view: ClusterView) -> tuple[Prefix, ...]:
        """As flannel has it."""
        return FlannelPlugin().unroutable(view)

    def advertised(self, view: ClusterView) -> Mapping[Prefix, Address]:  # noqa: ARG002
        """None."""
        return {}

    def expectations(self, view: ClusterView, node: str) -> tuple[Expectation, ...]:
        """What both should have set up."""
        site = site_of(view, node, BridgeConf(gateways=(GATEWAY,)))
        own = (*agents(site, "canal", "canal"), *workloads(site))
        return worst_first((*own, *FlannelPlugin().expectations(view, node)))
