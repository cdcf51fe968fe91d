"""`KEY vmap { ... }`: the verdict of the key's element; none ends the rule."""

from __future__ import annotations

from skoop.netstack.nft.datatypes import OPAQUE
from skoop.netstack.nft.elements import MISSING, Elements, Maybe
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, Step, action
from skoop.netstack.nft.stmt.verdict import read_verdict
from skoop.netstack.nft.values import BREAK, Json, UnmodelledError
from skoop.netstack.nft.world import ANYTHING, Doubt, Flow, World

MAX_CANDIDATES = 16


def compile_vmap(json: Json, scope: Scope) -> Statement:
    """`{"key", "data"}`."""
    key = scope.expression(json["key"], OPAQUE)
    data = json["data"]
    cache: list[Elements] = []

    def elements() -> Elements:
        if not cache:
            cache.append(scope.mapping(data, key.type, read_verdict, "verdict"))
        return cache[0]

    if not isinstance(data, str) or data.removeprefix("@") not in scope.sets:
        elements()

    def act(world: World) -> Step:
        value = key.get(world)
        if value is BREAK:
            return world, Flow.BREAK
        try:
            found = elements().find(value)
        except UnmodelledError as problem:
            return world, Doubt(str(problem), ANYTHING)
        if found is MISSING:
            return world, Flow.BREAK
        if isinstance(found, Maybe):
            few = len(found.data) <= MAX_CANDIDATES
            return world, Doubt(found.why, found.data if few else ANYTHING)
        return world, found

    return action(act, key.draws)
