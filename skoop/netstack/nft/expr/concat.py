"""`a . b . c` (several registers in a row)."""

from __future__ import annotations

from skoop.netstack.nft.datatypes import INTEGER, DataType, concatenation
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Value
from skoop.netstack.nft.world import World


def compile_concat(json: Json, scope: Scope, want: DataType) -> Expr:
    """A tuple of the parts' values; a part that is absent ends the rule."""
    wanted = want.parts if len(want.parts) == len(json) else (INTEGER,) * len(json)
    parts = [scope.expression(part, one) for part, one in zip(json, wanted, strict=True)]
    getters = [part.get for part in parts]

    def get(world: World) -> Value:
        values = []
        for getter in getters:
            value = getter(world)
            if value is BREAK:
                return BREAK
            values.append(value)
        return tuple(values)

    draws = tuple(draw for part in parts for draw in part.draws)
    return Expr(get, concatenation(tuple(part.type for part in parts)), draws)
