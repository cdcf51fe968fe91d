"""`socket KEY`: the local socket the packet belongs to (nft_socket.c)."""

from __future__ import annotations

from skoop.netstack.nft.datatypes import BOOLEAN, OPAQUE, DataType
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Some, Value
from skoop.netstack.nft.world import World

NOT_COLLECTED = Some("local sockets are not known", 0, 1)


def _transparent(world: World) -> Value:
    """1 or 0; no socket at all ends the rule."""
    has = world.view.host.has_socket
    transparent = has(world.packet, transparent_only=True)
    if transparent:
        return 1
    found = has(world.packet, transparent_only=False)
    if found is False:
        return BREAK
    return NOT_COLLECTED if transparent is None or found is None else 0


def compile_socket(json: Json, _scope: Scope, _want: DataType) -> Expr:
    """`socket transparent|wildcard|mark|cgroupv2`."""
    if json["key"] == "transparent":
        return Expr(_transparent, BOOLEAN)
    unknown = Some(f"a socket's {json['key']} is not collected")

    def get(world: World) -> Value:
        found = world.view.host.has_socket(world.packet, transparent_only=False)
        return BREAK if found is False else unknown

    return Expr(get, OPAQUE)
