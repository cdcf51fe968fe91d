"""Extension headers and options. The packets that skoop walks carry no IPv6 extension headers and
no IPv4 options; which options a TCP stack sends is not known (nft_exthdr.c)."""

from __future__ import annotations

from skoop.model.packet import Proto
from skoop.netstack.nft.datatypes import BOOLEAN, OPAQUE, DataType
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Some, Value
from skoop.netstack.nft.world import World

_TCP_OPTIONS = Some("a packet's TCP options are not modelled")


def compile_exthdr(json: Json, _scope: Scope, _want: DataType) -> Expr:
    """`exthdr NAME exists` is 0; a field of a header that is not there ends the rule."""
    if "field" in json:
        return Expr(lambda _world: BREAK, OPAQUE)
    return Expr(lambda _world: 0, BOOLEAN)


compile_ip_option = compile_exthdr


def compile_tcp_option(json: Json, _scope: Scope, _want: DataType) -> Expr:
    """`tcp option NAME FIELD`: absent from anything but TCP, else unknown."""

    def get(world: World) -> Value:
        return _TCP_OPTIONS if world.packet.proto == Proto.TCP else BREAK

    return Expr(get, OPAQUE if "field" in json else BOOLEAN)
