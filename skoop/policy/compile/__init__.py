"""From policies as written to the one form in which they are evaluated."""

from __future__ import annotations

from skoop.model.kube import Inventory
from skoop.policy.compile.calico import calico_policies
from skoop.policy.compile.cluster import cluster_tier
from skoop.policy.compile.kubernetes import network_policy_tier
from skoop.policy.rules import Engine, PolicySet, Way

__all__ = ["compile_policies"]


def compile_policies(inventory: Inventory, engine: Engine = Engine.KUBERNETES) -> PolicySet:
    """All policies of a cluster, as an engine reads them."""
    if engine is Engine.CALICO:
        return calico_policies(inventory)
    ingress, egress = (
        (
            cluster_tier(inventory.cluster_policies, "Admin", way),
            network_policy_tier(inventory.network_policies, way),
            cluster_tier(inventory.cluster_policies, "Baseline", way),
        )
        for way in (Way.INGRESS, Way.EGRESS)
    )
    return PolicySet(engine=engine, ingress=ingress, egress=egress)
