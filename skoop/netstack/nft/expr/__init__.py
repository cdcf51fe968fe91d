"""Expressions, one module per kind; `TABLE` finds them by their JSON key."""

from __future__ import annotations

from collections.abc import Callable

from skoop.netstack.nft.datatypes import DataType
from skoop.netstack.nft.expr import (
    bitwise,
    concat,
    ct,
    exthdr,
    fib,
    mapping,
    meta,
    numgen,
    opaque,
    payload,
    socket,
)
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import Json

TABLE: dict[str, Callable[[Json, Scope, DataType], Expr]] = {
    "payload": payload.compile_payload,
    "meta": meta.compile_meta,
    "ct": ct.compile_ct,
    "fib": fib.compile_fib,
    "socket": socket.compile_socket,
    "exthdr": exthdr.compile_exthdr,
    "tcp option": exthdr.compile_tcp_option,
    "ip option": exthdr.compile_ip_option,
    "rt": opaque.compile_rt,
    "osf": opaque.compile_osf,
    "ipsec": opaque.compile_ipsec,
    "numgen": numgen.compile_numgen,
    "jhash": numgen.compile_hash,
    "symhash": numgen.compile_hash,
    "concat": concat.compile_concat,
    "map": mapping.compile_map,
    "&": bitwise.compile_and,
    "|": bitwise.compile_or,
    "^": bitwise.compile_xor,
    "<<": bitwise.compile_left,
    ">>": bitwise.compile_right,
}
