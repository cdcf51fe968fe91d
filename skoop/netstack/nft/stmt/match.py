"""`LEFT OP RIGHT` (nft_cmp.c, nft_range.c, nft_lookup.c)."""

from __future__ import annotations

import operator
from collections.abc import Callable

from skoop.netstack.nft.datatypes import IFNAME, OPAQUE
from skoop.netstack.nft.elements import MISSING, Elements, Maybe
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.stmt.base import Decision, Statement, matcher
from skoop.netstack.nft.values import (
    BREAK,
    Json,
    Pattern,
    Some,
    UnmodelledError,
    Value,
    first_unknown,
    meets,
)
from skoop.netstack.nft.world import World

_ORDER: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_EXPRESSIONS = {"payload", "meta", "ct", "fib", "rt", "socket", "numgen", "jhash", "&", "^"}


def compile_match(json: Json, scope: Scope) -> Statement:
    """`{"op", "left", "right"}`."""
    left = scope.expression(json["left"], IFNAME)
    op, right = json["op"], json["right"]
    wanted = True
    if op == "!=":
        op, wanted = "==", False
    if op in ("==", "in") and _is_set(right):
        return matcher(_member(left, right, scope, wanted=wanted), left.draws)
    if left.type is OPAQUE and (op in ("in", "!") or op in _ORDER):
        return matcher(_equal(left, "", wanted=True), left.draws)
    if op in ("in", "!"):
        mask = left.type.integer(right)
        return matcher(_any_bit(left, mask, wanted=op == "in"), left.draws)
    if op in _ORDER:
        return matcher(_ordered(left, _ORDER[op], left.type.integer(right)), left.draws)
    if op != "==":
        raise UnmodelledError(f"operator {str(op)[:20]}")
    if isinstance(right, dict) and right.keys() & _EXPRESSIONS:
        other = scope.expression(right, left.type)
        return matcher(_same(left, other, wanted=wanted), left.draws + other.draws)
    return matcher(_equal(left, left.type.pattern(right), wanted=wanted), left.draws)


def _is_set(right: Json) -> bool:
    if isinstance(right, str):
        return right.startswith("@")
    return isinstance(right, dict) and "set" in right


def _answer(value: Value, found: bool | None, wanted: bool) -> Decision:
    if found is None:
        unknown = first_unknown(value)
        return unknown if unknown is not None else Some("an unknown value")
    return found is wanted


def _equal(left: Expr, pattern: Pattern, *, wanted: bool) -> Callable[[World], Decision]:
    get = left.get

    def decide(world: World) -> Decision:
        value = get(world)
        return False if value is BREAK else _answer(value, meets(value, pattern), wanted)

    return decide


def _same(left: Expr, right: Expr, *, wanted: bool) -> Callable[[World], Decision]:
    def decide(world: World) -> Decision:
        value, other = left.get(world), right.get(world)
        if value is BREAK or other is BREAK:
            return False
        unknown = first_unknown(value) or first_unknown(other)
        return unknown if unknown is not None else (value == other) is wanted

    return decide


def _any_bit(left: Expr, mask: int, *, wanted: bool) -> Callable[[World], Decision]:
    get = left.bits or left.get

    def decide(world: World) -> Decision:
        value = get(world)
        if isinstance(value, Some):
            return value
        return isinstance(value, int) and (value & mask != 0) is wanted

    return decide


def _ordered(
    left: Expr, compare: Callable[[int, int], bool], bound: int
) -> Callable[[World], Decision]:
    get = left.get

    def decide(world: World) -> Decision:
        value = get(world)
        if isinstance(value, Some):
            low, high = compare(value.low, bound), compare(value.high, bound)
            return low if low is high else value
        return isinstance(value, int) and compare(value, bound)

    return decide


def _member(left: Expr, right: Json, scope: Scope, *, wanted: bool) -> Callable[[World], Decision]:
    get = left.get
    name = right[1:] if isinstance(right, str) else ""
    cache: list[Elements] = []

    def elements() -> Elements:
        if not cache:
            cache.append(scope.members(right, left.type))
        return cache[0]

    if not name or name not in scope.sets:
        elements()

    def decide(world: World) -> Decision:
        value = get(world)
        if value is BREAK:
            return False
        if name and world.added and (name, value) in world.added:
            return wanted
        try:
            found = elements().find(value)
        except UnmodelledError as problem:
            return Some(str(problem))
        if isinstance(found, Maybe):
            return Some(found.why)
        return (found is not MISSING) is wanted

    return decide
