"""`limit rate [over] ...` (nft_limit.c).

One packet is under any rate: a bucket has at least one token unless other traffic emptied it, which
no listing shows. So `limit rate` matches and `limit rate over` does not.
"""

from __future__ import annotations

from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, matcher
from skoop.netstack.nft.values import Json


def compile_limit(json: Json, scope: Scope) -> Statement:
    """`{"rate", "per", "inv"}` or the name of a limit object (null or a name)."""
    over = scope.object("limit", json).inv if isinstance(json, str) else bool(json.get("inv"))
    return matcher(lambda _world: not over)
