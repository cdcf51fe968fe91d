"""How full the neighbour table of a machine is: one per IP version for all its namespaces.

neigh_alloc() refuses a new entry once there are gc_thresh3 and none can be thrown out, and throws
out what is older than five seconds from gc_thresh2 on (net/core/neighbour.c). Only the host's own
namespace has these settings. Permanent entries are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from skoop.model.address import Family
from skoop.netstack.state import Namespace
from skoop.netstack.sysctl import Sysctls

LIMITS = {
    family: tuple(f"net.ipv{family.value}.neigh.default.gc_thresh{n}" for n in (2, 3))
    for family in Family
}
"""The settings from which entries are thrown out, and beyond which none is made."""


class TableUse(Struct, frozen=True):
    """Entries as far as collected (there may be more), and the two limits, 0 where not known."""

    entries: int
    soft: int = 0
    hard: int = 0

    @property
    def is_full(self) -> bool:
        """Whether a new neighbour finds no room."""
        return 0 < self.hard <= self.entries

    @property
    def is_crowded(self) -> bool:
        """Whether entries in use are thrown out to make room."""
        return 0 < self.soft < self.entries


def table_use(host: Namespace, pods: Iterable[Namespace], family: Family) -> TableUse:
    """The entries of a machine's namespaces against the host's limits."""
    settings = Sysctls(host.sysctls)
    soft, hard = (settings.number(name, 0) for name in LIMITS[family])
    entries = sum(
        each.family is family and each.state != "PERMANENT" and not each.proxy
        for namespace in (host, *pods)
        for each in namespace.neighbours
    )
    return TableUse(entries, soft, hard)
