"""`ct helper|timeout|expectation set` and `ct count` (nft_ct.c, nft_connlimit.c)."""

from __future__ import annotations

from msgspec import structs

from skoop.netstack.nft.expr.ct import has_connection
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import NOTHING, Statement, Step, action, matcher
from skoop.netstack.nft.values import Json
from skoop.netstack.nft.world import Flow, World


def compile_helper(json: Json, scope: Scope) -> Statement:
    """`ct helper set "NAME"`."""
    helper = scope.object("helper", json).type if isinstance(json, str) else ""

    def act(world: World) -> Step:
        if not has_connection(world):
            return world, Flow.NEXT
        return structs.replace(world, ct=structs.replace(world.ct, helper=helper)), Flow.NEXT

    return action(act)


def compile_policy(_json: Json, _scope: Scope) -> Statement:
    """`ct timeout set` and `ct expectation set` do not touch this packet."""
    return NOTHING


def compile_count(_json: Json, scope: Scope) -> Statement:
    """`ct count [over] N`."""
    count = scope.never_known("how many connections the rule has counted is not in a listing")
    return matcher(lambda _world: count)
