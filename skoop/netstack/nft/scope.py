"""What the statements of one table are compiled against: its sets, objects, and the expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from skoop.netstack.nft.datatypes import DataType
from skoop.netstack.nft.document import RawObject, RawSet
from skoop.netstack.nft.elements import MISSING, Elements
from skoop.netstack.nft.values import Json, Some, UnmodelledError, Value
from skoop.netstack.nft.world import World

BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What reading a listing of an unexpected shape raises."""


class Draw(Struct, frozen=True):
    """A number drawn evenly from low..low+count-1 while a statement runs."""

    id: int
    low: int
    count: int


class Expr(Struct, frozen=True, eq=False):
    """A compiled expression.

    `bits`, where it is set, reads the value for bit tests when the value as a whole is not known
    (ct status, TCP flags beyond the first byte).
    """

    get: Callable[[World], Value]
    type: DataType
    draws: tuple[Draw, ...] = ()
    bits: Callable[[World], Value] | None = None


class Scope:
    """One table. Compiled sets are kept, because several rules look up the same one."""

    def __init__(
        self,
        family: str,
        compile_expression: Callable[[Json, Scope, DataType], Expr],
        compile_statement: Callable[[Json, Scope], Any],
    ) -> None:
        self.family = family
        self.sets: dict[str, RawSet] = {}
        self.objects: dict[tuple[str, str], RawObject] = {}
        self._expression = compile_expression
        self._statement = compile_statement
        self._compiled: dict[tuple[str, str], Elements] = {}
        self._draws = 0
        self.notes: list[str] = []
        """Why parts of the statement being compiled can never be decided."""

    def expression(self, json: Json, want: DataType) -> Expr:
        """Compile an expression; `want` types constants. Raises UnmodelledError."""
        return self._expression(json, self, want)

    def statement(self, json: Json) -> Any:
        """Compile a statement nested in another."""
        return self._statement(json, self)

    def never_known(self, why: str) -> Some:
        """The value of an expression that is recognised but can never be told."""
        self.notes.append(why)
        return Some(why)

    def draw(self, low: int, count: int) -> Draw:
        """A new source of numbers."""
        self._draws += 1
        return Draw(self._draws, low, count)

    def object(self, kind: str, name: str) -> RawObject:
        """A named stateful object; raises UnmodelledError when the listing lacks it."""
        try:
            return self.objects[kind, name]
        except KeyError:
            raise UnmodelledError(f"{kind} {name} is not in the listing") from None

    def members(self, json: Json, key: DataType) -> Elements:
        """The set that a match names ("@name") or lists ({"set": [...]})."""
        return self._elements(json, key, f"set {key.name}", _member)

    def mapping(
        self, json: Json, key: DataType, data: Callable[[Json], Any], data_name: str
    ) -> Elements:
        """The map that a lookup names or lists; `data` reads the right-hand sides."""

        def read(entry: Json) -> tuple[Json, Any]:
            left, right = entry
            return left, data(right)

        return self._elements(json, key, f"map {key.name} : {data_name}", read)

    def _elements(
        self, json: Json, key: DataType, kind: str, read: Callable[[Json], tuple[Json, Any]]
    ) -> Elements:
        if not isinstance(json, str):
            return _index(json["set"], key, read)
        name = json.removeprefix("@")
        cached = self._compiled.get((name, kind))
        if cached is None:
            cached = self._compiled[name, kind] = self._named(name, key, read)
        return cached

    def _named(
        self, name: str, key: DataType, read: Callable[[Json], tuple[Json, Any]]
    ) -> Elements:
        raw = self.sets.get(name)
        if raw is None:
            raise UnmodelledError(f"set {name} is not in the listing")
        try:
            return _index(msgspec.json.decode(raw.elem), key, read)
        except (*BROKEN, RecursionError):
            raise UnmodelledError(f"the elements of set {name} cannot be read") from None


def _member(entry: Json) -> tuple[Json, Any]:
    return entry, True


def _index(listed: Json, key: DataType, read: Callable[[Json], tuple[Json, Any]]) -> Elements:
    """Index the elements; nft prints a single one without a list around it."""
    entries = listed if isinstance(listed, list) else [listed]
    pairs: list[tuple[Any, Any]] = []
    default: Any = MISSING
    for entry in entries:
        left, data = read(entry)
        if isinstance(left, dict) and "elem" in left:
            left = _plain(left["elem"])
        if left == "*":
            default = data
        else:
            pairs.append((key.pattern(left), data))
    return Elements(pairs, default)


_HARMLESS = {"val", "timeout", "expires", "comment", "counter", "last", "limit"}


def _plain(elem: Mapping[str, Json]) -> Json:
    """An element without its extras; a limit has tokens for one packet (see stmt/limit)."""
    extras = elem.keys() - _HARMLESS
    if extras:
        raise UnmodelledError(f"a set element with {sorted(extras)[0]}")
    return elem["val"]
