"""`numgen`, `jhash` and `symhash`: numbers a rule picks backends with (nft_numgen.c, nft_hash.c).

A round robin and a hash are as even as a draw over many connections; which one a single connection
gets is not known from the state. So all three are explored with equal weights. Two rules that hash
the same fields draw independently here.
"""

from __future__ import annotations

from skoop.netstack.nft.datatypes import INTEGER, OPAQUE, DataType
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Some, UnmodelledError, Value
from skoop.netstack.nft.world import World

MAX_DRAWS = 65536
"""More numbers than that are not tried one by one: the value is unknown within its range."""


def _drawn(scope: Scope, low: int, count: int) -> Expr:
    if count < 1 or low < 0:
        raise UnmodelledError(f"a modulus of {count} with offset {low}")
    if count > MAX_DRAWS:
        value = Some("a random number", low, low + count - 1)
        return Expr(lambda _world: value, INTEGER)
    draw = scope.draw(low, count)
    return Expr(lambda world: world.draws[draw.id], INTEGER, (draw,))


def compile_numgen(json: Json, scope: Scope, _want: DataType) -> Expr:
    """`numgen random|inc mod N offset M`."""
    return _drawn(scope, int(json.get("offset", 0)), int(json["mod"]))


def compile_hash(json: Json, scope: Scope, _want: DataType) -> Expr:
    """`jhash FIELDS mod N` and `symhash mod N`."""
    drawn = _drawn(scope, int(json.get("offset", 0)), int(json["mod"]))
    if "expr" not in json:
        return drawn
    hashed = scope.expression(json["expr"], OPAQUE)

    def get(world: World) -> Value:
        return BREAK if hashed.get(world) is BREAK else drawn.get(world)

    return Expr(get, INTEGER, drawn.draws + hashed.draws)
