"""`quota [over] N` (nft_quota.c): by the bytes that were used when the state was collected."""

from __future__ import annotations

from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, matcher
from skoop.netstack.nft.values import Json, UnmodelledError
from skoop.netstack.nft.world import World

_UNITS = {"bytes": 1, "kbytes": 1024, "mbytes": 1024**2, "gbytes": 1024**3}


def _bytes(json: Json, field: str) -> int:
    unit = json.get(f"{field}_unit", "bytes")
    if unit not in _UNITS:
        raise UnmodelledError(f"quota unit {str(unit)[:20]}")
    return int(json.get(field, 0)) * _UNITS[unit]


def compile_quota(json: Json, scope: Scope) -> Statement:
    """`{"val", "val_unit", "used", "used_unit", "inv"}` or the name of a quota object."""
    if isinstance(json, str):
        named = scope.object("quota", json)
        limit, used, over = named.bytes, named.used, named.inv
    else:
        limit, used, over = _bytes(json, "val"), _bytes(json, "used"), bool(json.get("inv"))

    def decide(world: World) -> bool:
        exceeded = used + world.packet.size > limit
        return exceeded is over

    return matcher(decide)
