"""Bitwise operators (nft_bitwise.c)."""

from __future__ import annotations

import operator
from collections.abc import Callable

from skoop.netstack.nft.datatypes import DataType
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import Json, Some, UnmodelledError, Value
from skoop.netstack.nft.world import World

MAX_SHIFT = 128


def _binary(json: Json, scope: Scope, want: DataType, apply: Callable[[int, int], int]) -> Expr:
    operands = [scope.expression(json[0], want)]
    operands += [scope.expression(operand, operands[0].type) for operand in json[1:]]
    if len(operands) < 2:
        raise UnmodelledError("a bitwise operator with one operand")
    getters = [one.bits if apply is operator.and_ and one.bits else one.get for one in operands]

    def get(world: World) -> Value:
        value = getters[0](world)
        for getter in getters[1:]:
            if not isinstance(value, int):
                break
            right = getter(world)
            value = apply(value, right) if isinstance(right, int) else right
        return Some(value.why) if isinstance(value, Some) else value

    draws = tuple(draw for one in operands for draw in one.draws)
    return Expr(get, operands[0].type, draws)


def compile_and(json: Json, scope: Scope, want: DataType) -> Expr:
    """`a & b`."""
    return _binary(json, scope, want, operator.and_)


def compile_or(json: Json, scope: Scope, want: DataType) -> Expr:
    """`a | b | c`."""
    return _binary(json, scope, want, operator.or_)


def compile_xor(json: Json, scope: Scope, want: DataType) -> Expr:
    """`a ^ b`."""
    return _binary(json, scope, want, operator.xor)


def compile_left(json: Json, scope: Scope, want: DataType) -> Expr:
    """`a << n`, within the register's width."""
    mask = (1 << scope.expression(json[0], want).type.width) - 1
    return _binary(json, scope, want, lambda value, by: value << min(max(by, 0), MAX_SHIFT) & mask)


def compile_right(json: Json, scope: Scope, want: DataType) -> Expr:
    """`a >> n`."""
    return _binary(json, scope, want, lambda value, by: value >> min(max(by, 0), MAX_SHIFT))
