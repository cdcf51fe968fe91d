"""How full the neighbour table of a machine is: one per IP version for all its namespaces.

neigh_alloc() refuses a new entry once there are gc_thresh3 and none can be thrown out. From
gc_thresh2 on it throws out (neigh_forced_gc()) what nothing holds, as the timer does of an entry
that is in use or asked about, and what has failed, needs no asking, or is older than five seconds
(net/core/neighbour.c). Only the host's own namespace has these settings. Permanent entries, those
of programs and those of the loopback are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from skoop.model.address import Family
from skoop.netstack.state import Namespace, Neighbour
from skoop.netstack.sysctl import Sysctls

LIMITS = {
    family: tuple(f"net.ipv{family.value}.neigh.default.gc_thresh{n}" for n in (2, 3))
    for family in Family
}
"""The settings from which entries are thrown out, and beyond which none is made."""


_OLD = 5
"""Seconds."""


class TableUse(Struct, frozen=True):
    """Entries as far as collected (there may be more), the two limits, 0 where not known, and how
    many of the entries are sure to be thrown out when a new one finds no room: all at once."""

    entries: int
    soft: int = 0
    hard: int = 0
    spare: int = 0

    @property
    def is_full(self) -> bool:
        """Whether those that stay leave a new neighbour no room, as far as collected."""
        return 0 < self.hard <= self.entries - self.spare

    @property
    def is_crowded(self) -> bool:
        """Whether entries are thrown out to make room."""
        return 0 < self.soft <= self.entries or 0 < self.hard <= self.entries


def table_use(host: Namespace, pods: Iterable[Namespace], family: Family) -> TableUse:
    """The entries of a machine's namespaces against the host's limits."""
    settings = Sysctls(host.sysctls)
    soft, hard = (settings.number(name, 0) for name in LIMITS[family])
    counted = [
        each
        for namespace in (host, *pods)
        for each in namespace.neighbours
        if each.family is family and _is_counted(each)
    ]
    return TableUse(len(counted), soft, hard, sum(map(_is_spare, counted)))


def _is_counted(entry: Neighbour) -> bool:
    own = entry.proxy or entry.learned or entry.device == "lo"
    return entry.state != "PERMANENT" and not own


def _is_spare(entry: Neighbour) -> bool:
    return entry.state in ("FAILED", "NOARP") or (entry.state == "STALE" and entry.idle >= _OLD)
