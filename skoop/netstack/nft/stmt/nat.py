"""snat, dnat, masquerade, redirect (nft_nat.c, nft_masq.c, nft_redir.c).

A translation ends the base chain (nf_nat_setup_info returns NF_ACCEPT). In an inet table, one for
the other IP version does nothing and the rule goes on (nft_nat_inet_eval).
"""

from __future__ import annotations

from collections.abc import Callable

from skoop.model.address import Family, format_ip, parse_ip
from skoop.model.packet import Packet
from skoop.netstack.netfilter import Action, Nat, NatKind
from skoop.netstack.nft.datatypes import NAT_ADDRESS, SERVICE
from skoop.netstack.nft.expr.mapping import ADDRESS_PORT
from skoop.netstack.nft.scope import Draw, Expr, Scope
from skoop.netstack.nft.stmt.base import Statement, Step, action
from skoop.netstack.nft.values import BREAK, Json, Range, UnmodelledError, Value, first_unknown
from skoop.netstack.nft.world import ANYTHING, Doubt, Final, Flow, World

_FAMILY = {"ip": Family.V4, "ip6": Family.V6}
_FLAGS = {"random", "fully-random", "persistent", "netmap"}
Target = tuple[int, int, int, int]
"""Lowest and highest address, lowest and highest port."""


def _flags(json: Json) -> set[str]:
    listed = json.get("flags", [])
    flags = {listed} if isinstance(listed, str) else set(listed)
    if flags - _FLAGS:
        raise UnmodelledError(f"nat flag {sorted(flags - _FLAGS)[0]}"[:60])
    return flags


def _prefix_range(json: Json) -> Json:
    """A prefix as the range of its addresses (the type does not tell the address's width)."""
    if not isinstance(json, dict) or "prefix" not in json:
        return json
    family, address = parse_ip(json["prefix"]["addr"])
    host = family.bits - int(json["prefix"]["len"])
    if host < 0:
        raise UnmodelledError("a prefix that is too long")
    low = address >> host << host
    return {"range": [low, low | ((1 << host) - 1)]}


def _operand(json: Json, scope: Scope, *, address: bool) -> Expr:
    if address and isinstance(json, dict) and "concat" in json:
        return scope.expression(json, ADDRESS_PORT)
    return scope.expression(_prefix_range(json), NAT_ADDRESS if address else SERVICE)


def _pair(value: Value) -> tuple[int, int]:
    if isinstance(value, Range):
        return value.low, value.high
    if isinstance(value, int):
        return value, value
    raise UnmodelledError("a translation that cannot be read")


def _target(address: Value | None, port: Value | None) -> Target:
    if isinstance(address, tuple):
        address, port = address
    low, high = (0, 0) if address is None else _pair(address)
    port_low, port_high = (0, 0) if port is None else _pair(port)
    return low, high, port_low, port_high


def _describe(kind: NatKind, packet: Packet, target: Target) -> str:
    low, high, port_low, port_high = target
    text = kind.name.lower()
    width = packet.family.bits
    if low or high:
        where = format_ip(packet.family, low & ((1 << width) - 1))
        where = f"[{where}]" if packet.family is Family.V6 and port_low else where
        more = f"-{format_ip(packet.family, high & ((1 << width) - 1))}" if high != low else ""
        text += f" to {where}{more}"
    if port_low:
        text += f"{'' if low or high else ' to '}:{port_low}"
        text += f"-{port_high}" if port_high != port_low else ""
    return text


def _compile(json: Json, scope: Scope, kind: NatKind) -> Statement:
    json = json or {}
    flags = _flags(json)
    random = bool(flags & {"random", "fully-random"})
    family = _FAMILY.get(json.get("family", scope.family))
    address = _operand(json["addr"], scope, address=True) if "addr" in json else None
    port = _operand(json["port"], scope, address=False) if "port" in json else None
    length = 0
    if "netmap" in flags:
        kind = NatKind.NETMAP_SRC if kind.changes_source else NatKind.NETMAP_DST
        length = int(json["addr"]["prefix"]["len"])

    def act(world: World) -> Step:
        if address is not None and family not in (None, world.packet.family):
            return world, Flow.NEXT
        values = [one.get(world) if one is not None else None for one in (address, port)]
        if BREAK in values:
            return world, Flow.BREAK
        unknown = next((u for v in values if v is not None and (u := first_unknown(v))), None)
        if unknown is not None:
            return world, Doubt(f"the translation is not known: {unknown.why}", ANYTHING)
        try:
            target = _target(*values)
        except (UnmodelledError, ValueError):
            return world, Doubt("the translation cannot be read", ANYTHING)
        nat = Nat(kind, *target, random=random, prefix_length=length)
        return world, Final(Action.NAT, _describe(kind, world.packet, target), nat=nat)

    draws: tuple[Draw, ...] = sum((one.draws for one in (address, port) if one), ())
    return action(act, draws)


def compiler(kind: NatKind) -> Callable[[Json, Scope], Statement]:
    """The compile function of one kind of translation."""
    return lambda json, scope: _compile(json, scope, kind)
