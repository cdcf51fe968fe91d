"""Room in the neighbour table."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.netstack.neightable import LIMITS, TableUse, table_use
from skoop.netstack.state import Namespace
from tests.netstack.builders import namespace, neighbour

SOFT, HARD = LIMITS[Family.V4]


def having(count: int, state: str = "STALE", **sysctls: str) -> Namespace:
    entries = tuple(
        neighbour(f"10.0.0.{n}", "eth0", f"02:00:00:00:00:{n:02x}", state) for n in range(count)
    )
    return namespace(neighbours=entries, sysctls=dict(sysctls))


def limits(soft: int, hard: int) -> dict[str, str]:
    return {SOFT: str(soft), HARD: str(hard)}


USES = {
    "room": (having(3, **limits(4, 6)), (), TableUse(3, 4, 6), False, False),
    "at the soft limit": (having(4, **limits(4, 6)), (), TableUse(4, 4, 6), True, False),
    "full": (having(6, **limits(4, 6)), (), TableUse(6, 4, 6), True, True),
    "with its pods": (having(3, **limits(4, 6)), (having(3),), TableUse(6, 4, 6), True, True),
    "failed ones make room": (
        having(6, "FAILED", **limits(4, 6)), (), TableUse(6, 4, 6, 6), True, False),
    "permanent ones do not count": (
        having(6, "PERMANENT", **limits(4, 6)), (), TableUse(0, 4, 6), False, False),
    "limits not collected": (having(6), (), TableUse(6), False, False),
}  # fmt: skip


@pytest.mark.parametrize(("host", "pods", "use", "crowded", "full"), USES.values(), ids=USES.keys())
def test_use(
    host: Namespace, pods: tuple[Namespace, ...], use: TableUse, crowded: bool, full: bool
) -> None:
    found = table_use(host, pods, Family.V4)
    assert (found, found.is_crowded, found.is_full) == (use, crowded, full)
    assert table_use(host, pods, Family.V6).entries == 0


def test_proxy_entries_are_no_neighbours() -> None:
    host = having(2)
    proxied = replace(host, neighbours=tuple(replace(e, proxy=True) for e in host.neighbours))
    assert table_use(proxied, (), Family.V4).entries == 0
