"""Room for neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.neighbour import NeighbourTableFull
from skoop.findings.sysctl import GcThreshLow
from skoop.model.address import Family
from skoop.model.trace import Evidence
from skoop.netstack.neightable import LIMITS, TableUse, table_use
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, sysctl_line
from skoop.plugin.repair import set_sysctls
from skoop.plugin.site import Site, knows


def neighbour_limits(site: Site) -> Iterator[Expectation]:
    """The node's neighbour tables against their limits."""
    if not site.collected or not knows(site.host, "neighbours", "sysctls"):
        return
    pods = tuple(pod.namespace for pod in site.pods)
    for family in Family:
        use = table_use(site.host, pods, family)
        if use.is_full or use.is_crowded:
            yield _found(site, family, use)


def _found(site: Site, family: Family, use: TableUse) -> Expectation:
    soft, hard = LIMITS[family]
    what = (
        f"as many as {hard} allows: new ones find no room"
        if use.is_full
        else f"more than {soft} allows for long: the oldest are thrown out to make room"
    )
    roomy = {soft: str(max(4096, 4 * use.soft)), hard: str(max(8192, 4 * use.hard))}
    return expect(
        NeighbourTableFull if use.is_full else GcThreshLow,
        site.host,
        f"the neighbour table of node {site.node} has {use.entries} IPv{family.value} entries, "
        f"{what}",
        Evidence(
            f"ip neigh in {site.host.id} and its pods",
            f"{use.entries} entries not permanent, {use.spare} of them sure to make room",
        ),
        sysctl_line(site.host, soft, hard),
        repair=set_sysctls(roomy),
        fix="sysctl -w " + " ".join(f"{name}={value}" for name, value in roomy.items()),
    )
