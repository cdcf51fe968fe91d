"""Two writers of the same rules: what the lab gave the kernel, and what skoop expects there.

Both are made from the Services alone and know nothing of each other.
"""

from __future__ import annotations

from pathlib import Path

from skoop.diagnose.cluster import Cluster
from skoop.model.address import Family
from skoop.network.base import Context
from skoop.network.build import build_network, read
from skoop.network.generic import PlainInfra
from skoop.service import ProxyMode, iptables, ipvs, nftables
from skoop.service.difference import Difference
from skoop.service.plan import PortPlan, plan_node
from skoop.snapshot import load


def differences(folder: Path) -> list[str]:
    """Every difference that is found on the nodes of a healthy cluster: there should be none."""
    context = Context(collected=read(load(folder)))
    cluster = build_network(context, PlainInfra()).cluster
    config = cluster.facts.proxy.value
    found = []
    for node in cluster.inventory.nodes:
        for family in Family:
            plans = plan_node(cluster.inventory, node=node.name, family=family, config=config)
            if plans:
                said = _audited(cluster, node.name, family, plans)
                found += [f"{node.name} {each.kind.value}: {each.message}; {each.evidence}"
                          for each in said]  # fmt: skip
    return found


def _audited(
    cluster: Cluster, node: str, family: Family, plans: tuple[PortPlan, ...]
) -> tuple[Difference, ...]:
    if cluster.facts.proxy_mode.value is ProxyMode.IPVS:
        written = cluster.programmed.ipvs(node)
        assert written is not None
        return ipvs.audit(plans, written)
    if cluster.facts.proxy_mode.value is ProxyMode.NFTABLES:
        table = cluster.programmed.nftables(node, family)
        assert table is not None
        return nftables.audit(plans, table)
    rules = cluster.programmed.on(node, family)
    assert rules is not None
    return iptables.audit(plans, rules)
