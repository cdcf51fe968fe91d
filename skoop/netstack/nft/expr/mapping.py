"""`KEY map { ... }` and `KEY map @name` (nft_lookup with a data register)."""

from __future__ import annotations

from skoop.netstack.nft.datatypes import NAT_ADDRESS, OPAQUE, SERVICE, DataType, concatenation
from skoop.netstack.nft.elements import MISSING, Maybe
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Some, Value
from skoop.netstack.nft.world import World

ADDRESS_PORT = concatenation((NAT_ADDRESS, SERVICE))


def compile_map(json: Json, scope: Scope, want: DataType) -> Expr:
    """The data of the key's element, BREAK when there is none."""
    key = scope.expression(json["key"], OPAQUE)

    def data(constant: Json) -> Value:
        is_pair = isinstance(constant, dict) and "concat" in constant
        kind = ADDRESS_PORT if is_pair and want is NAT_ADDRESS else want
        return kind.pattern(constant)  # type: ignore[return-value]

    elements = scope.mapping(json["data"], key.type, data, want.name)

    def get(world: World) -> Value:
        value = key.get(world)
        if value is BREAK:
            return BREAK
        found = elements.find(value)
        if found is MISSING:
            return BREAK
        return Some(found.why) if isinstance(found, Maybe) else found

    return Expr(get, want, key.draws)
