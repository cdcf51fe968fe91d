"""`ct KEY`: what conntrack knows of the packet's connection (nft_ct.c)."""

from __future__ import annotations

from collections.abc import Callable

from skoop.model.address import Family
from skoop.netstack.conntrack import Connection, CtState, CtStatus, FlowTuple
from skoop.netstack.nft.datatypes import (
    CT_DIR,
    CT_STATE,
    CT_STATUS,
    INTEGER,
    IPV4,
    IPV6,
    MARK,
    NAME,
    NFPROTO,
    OPAQUE,
    PROTOCOL,
    SERVICE,
    DataType,
)
from skoop.netstack.nft.expr.payload import port_value
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Some, UnmodelledError, Value
from skoop.netstack.nft.world import World

_STATE_BIT = {
    CtState.INVALID: 1,
    CtState.ESTABLISHED: 2,
    CtState.RELATED: 4,
    CtState.NEW: 8,
    CtState.UNTRACKED: 64,
}
_STATUS_BIT = {
    CtStatus.EXPECTED: 1,
    CtStatus.SEEN_REPLY: 2,
    CtStatus.ASSURED: 4,
    CtStatus.CONFIRMED: 8,
    CtStatus.SNAT: 16,
    CtStatus.DNAT: 32,
}
_STATUS = Some("ct status has internal bits that are not modelled", 0, 0xFFFFFFFF)


def state_bit(world: World) -> Value:
    """Before conntrack has run, a packet is invalid unless notrack made it untracked."""
    if not world.tracked and world.ct.state is not CtState.UNTRACKED:
        return _STATE_BIT[CtState.INVALID]
    return _STATE_BIT[world.ct.state]


def has_connection(world: World) -> bool:
    """Whether the packet has a conntrack entry at all."""
    return world.tracked and world.ct.state not in (CtState.INVALID, CtState.UNTRACKED)


def _status(ct: Connection) -> Value:
    value = 0
    for flag, bit in _STATUS_BIT.items():
        if flag in ct.status:
            value |= bit
    return value


def _of_tuple(field: str) -> tuple[DataType, Callable[[FlowTuple], Value]] | None:
    def address(pick: Callable[[FlowTuple], int], family: Family) -> Callable[[FlowTuple], Value]:
        return lambda flow: pick(flow) if flow.family is family else BREAK

    return {
        "saddr": (OPAQUE, lambda _flow: BREAK),
        "ip saddr": (IPV4, address(lambda flow: flow.src, Family.V4)),
        "ip daddr": (IPV4, address(lambda flow: flow.dst, Family.V4)),
        "ip6 saddr": (IPV6, address(lambda flow: flow.src, Family.V6)),
        "ip6 daddr": (IPV6, address(lambda flow: flow.dst, Family.V6)),
        "l3proto": (NFPROTO, lambda flow: 2 if flow.family is Family.V4 else 10),
        "protocol": (PROTOCOL, lambda flow: flow.proto),
        "proto-src": (SERVICE, lambda flow: port_value(flow.sport)),
        "proto-dst": (SERVICE, lambda flow: port_value(flow.dport)),
    }.get(field)


def _directed(key: str, direction: str, family: str) -> Expr:
    if key in ("saddr", "daddr"):
        key = f"{'ip6' if family == 'ip6' else 'ip'} {key}"
    found = _of_tuple(key)
    if found is None:
        raise UnmodelledError(f"ct {direction} {key[:40]}")
    kind, pick = found

    def get(world: World) -> Value:
        if not has_connection(world):
            return BREAK
        return pick(world.ct.reply if direction == "reply" else world.ct.original)

    return Expr(get, kind)


def _if_tracked(read: Callable[[Connection], Value]) -> Callable[[World], Value]:
    return lambda world: read(world.ct) if has_connection(world) else BREAK


_KEYS: dict[str, Expr] = {
    "state": Expr(state_bit, CT_STATE),
    "status": Expr(_if_tracked(lambda _ct: _STATUS), CT_STATUS, bits=_if_tracked(_status)),
    "mark": Expr(_if_tracked(lambda ct: ct.mark), MARK),
    "direction": Expr(_if_tracked(lambda ct: int(ct.is_reply)), CT_DIR),
    "zone": Expr(_if_tracked(lambda ct: ct.zone), INTEGER),
    "helper": Expr(_if_tracked(lambda ct: ct.helper or BREAK), NAME),
}
UNCOLLECTED = ("expiration", "label", "bytes", "packets", "avgpkt", "id", "secmark", "eventmask")
KEYS = (*_KEYS, "saddr", "daddr", "l3proto", "protocol", "proto-src", "proto-dst", *UNCOLLECTED)
"""Every key that is recognised; the last ones are always unknown."""


def compile_ct(json: Json, scope: Scope, _want: DataType) -> Expr:
    """`ct [original|reply] KEY`."""
    key = json["key"]
    if key in UNCOLLECTED:
        value = scope.never_known(f"ct {key} is not known")
        return Expr(lambda world: value if has_connection(world) else BREAK, OPAQUE)
    if key in _KEYS and "dir" not in json:
        return _KEYS[key]
    return _directed(str(key), str(json.get("dir", "original")), scope.family)
