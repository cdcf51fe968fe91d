"""Turns a listing's JSON into expressions and statements, by the tables of `expr` and `stmt`."""

from __future__ import annotations

from math import prod

from skoop.netstack.nft import expr, stmt
from skoop.netstack.nft.datatypes import DataType
from skoop.netstack.nft.expr import ct, meta
from skoop.netstack.nft.scope import BROKEN, Expr, Scope
from skoop.netstack.nft.stmt.base import Statement
from skoop.netstack.nft.stmt.opaque import undecided, unmodelled_match
from skoop.netstack.nft.values import Json, UnmodelledError

MAX_COMBINATIONS = 65536


def compile_expression(json: Json, scope: Scope, want: DataType) -> Expr:
    """An expression, or a constant of type `want`; raises UnmodelledError."""
    if isinstance(json, dict) and len(json) == 1:
        ((kind, what),) = json.items()
        compiler = expr.TABLE.get(kind)
        if compiler is not None:
            return compiler(what, scope, want)
    value = want.pattern(json)
    return Expr(lambda _world: value, want)  # type: ignore[arg-type, return-value]


def compile_statement(json: Json, scope: Scope) -> Statement:
    """A statement; raises UnmodelledError or what reading a strange shape raises (scope.BROKEN)."""
    if not isinstance(json, dict) or len(json) != 1:
        raise UnmodelledError("a statement that cannot be read")
    ((kind, what),) = json.items()
    compiler = stmt.TABLE.get(kind)
    if compiler is None:
        raise UnmodelledError(f"statement {kind[:40]!r} is not modelled")
    compiled = compiler(what, scope)
    if prod(draw.count for draw in compiled.draws) > MAX_COMBINATIONS:
        raise UnmodelledError(f"more than {MAX_COMBINATIONS} random combinations")
    return compiled


def compile_or_doubt(json: Json, scope: Scope) -> tuple[Statement, str]:
    """A statement, and why it is not modelled ("" when it is): then it may do anything."""
    scope.notes.clear()
    try:
        compiled = compile_statement(json, scope)
    except UnmodelledError as problem:
        why = f"{problem} is not modelled" if "not " not in str(problem) else str(problem)
    except BROKEN:
        why = "the rule cannot be read"
    except RecursionError:
        why = "the rule is nested too deeply"
    else:
        return compiled, next(iter(scope.notes), "")
    is_match = isinstance(json, dict) and "match" in json
    return (unmodelled_match if is_match else undecided)(why), why


def new_scope(family: str) -> Scope:
    """An empty scope for a table of this family."""
    return Scope(family, compile_expression, compile_statement)


def modelled() -> tuple[str, ...]:
    """What skoop knows of nft, by nft's names, sorted: statements, expressions, and the keys of
    `meta` and `ct`. Names of what is recognised but never decided end in " (unknown)"."""
    undecided = {"queue", "synproxy", "xt", "ct count", "rt", "osf", "ipsec"}
    known = {*expr.TABLE, *stmt.TABLE} - {"unread"}
    names = {f"{name} (unknown)" if name in undecided else name for name in known}
    for kind, module in (("meta", meta), ("ct", ct)):
        names |= {f"{kind} {key}" for key in module.KEYS if key not in module.UNCOLLECTED}
        names |= {f"{kind} {key} (unknown)" for key in module.UNCOLLECTED}
    return tuple(sorted(names))
