"""`X set VALUE`: marks, header fields, priorities (nft_meta.c, nft_ct.c, nft_payload.c)."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from skoop.model.packet import Packet
from skoop.netstack.conntrack import CtState
from skoop.netstack.mss import announced, clamped
from skoop.netstack.nft.datatypes import INTEGER, MARK, OPAQUE, DataType
from skoop.netstack.nft.expr.ct import has_connection
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import NOTHING, Statement, Step, action
from skoop.netstack.nft.stmt.trail import fire
from skoop.netstack.nft.values import BREAK, Json, Some, UnmodelledError
from skoop.netstack.nft.world import ANYTHING, Doubt, Flow, World

Setter = Callable[[World, int], World]


def _set_mark(world: World, value: int) -> World:
    changed = structs.replace(world, packet=structs.replace(world.packet, mark=value & 0xFFFFFFFF))
    return fire(changed, f"mark {value & 0xFFFFFFFF:#x}")


def _set_ct_mark(world: World, value: int) -> World:
    if not has_connection(world):
        return world
    changed = structs.replace(world, ct=structs.replace(world.ct, mark=value & 0xFFFFFFFF))
    return fire(changed, f"ct mark {value & 0xFFFFFFFF:#x}")


def _set_zone(world: World, value: int) -> World:
    """Only a packet that conntrack has not seen yet can be given a zone."""
    if world.tracked or world.ct.state is CtState.UNTRACKED:
        return world
    return fire(structs.replace(world, ct=structs.replace(world.ct, zone=value)), f"zone {value}")


def _field(name: str) -> Setter:
    def put(world: World, value: int) -> World:
        changed = structs.replace(world.packet, **{name: value})
        return fire(structs.replace(world, packet=changed), f"{name} {value:#x}")

    return put


def _traffic_class(shift: int, keep: int) -> Setter:
    def put(world: World, value: int) -> World:
        tos = (world.packet.tos & keep) | (value << shift & 0xFF)
        changed = structs.replace(world.packet, tos=tos)
        return fire(structs.replace(world, packet=changed), f"tos {tos:#x}")

    return put


_FIELDS: dict[str, Setter] = {
    "saddr": _field("src"),
    "daddr": _field("dst"),
    "sport": _field("sport"),
    "dport": _field("dport"),
    "ttl": _field("ttl"),
    "hoplimit": _field("ttl"),
    "dscp": _traffic_class(2, 0x03),
    "ecn": _traffic_class(0, 0xFC),
}
_PROTOCOLS = {"ip", "ip6", "tcp", "udp", "sctp", "udplite", "th"}
_NO_EFFECT = {"priority", "nftrace", "secmark", "pkttype", "label", "event", "eventmask"}
"""Keys whose value does not decide where a packet goes."""


def compile_mangle(json: Json, scope: Scope) -> Statement:
    """`{"key", "value"}`."""
    key = json["key"]
    if not isinstance(key, dict) or len(key) != 1:
        raise UnmodelledError("what is set cannot be read")
    ((kind, what),) = key.items()
    if kind == "tcp option":
        return _segment_size(what, json["value"])
    if kind in ("meta", "ct") and what["key"] in _NO_EFFECT:
        return NOTHING
    if kind == "payload":
        return _payload(key, what, json["value"], scope)
    setters = {("meta", "mark"): _set_mark, ("ct", "mark"): _set_ct_mark, ("ct", "zone"): _set_zone}
    setter = setters.get((kind, what["key"]))
    if setter is None:
        raise UnmodelledError(f"setting {kind} {str(what['key'])[:40]}")
    return _assign(json["value"], scope, MARK if what["key"] == "mark" else INTEGER, setter)


def _segment_size(what: Json, value: Json) -> Statement:
    """`tcp option maxseg size set N`, or `set rt mtu`, which stands for what the path carries; no
    other option decides where a packet goes."""
    if what.get("name") != "maxseg":
        return NOTHING
    if isinstance(value, int):
        return action(
            lambda world: (_with_packet(world, announced(world.packet, value)), Flow.NEXT)
        )
    if value != {"rt": {"key": "mtu"}}:
        return NOTHING
    return action(lambda world: (_with_packet(world, clamped(world.packet, world.view)), Flow.NEXT))


def _with_packet(world: World, packet: Packet) -> World:
    return world if packet is world.packet else structs.replace(world, packet=packet)


def _payload(key: Json, what: Json, value: Json, scope: Scope) -> Statement:
    setter = _FIELDS.get(what.get("field"))
    if setter is None or what.get("protocol") not in _PROTOCOLS:
        if what.get("protocol") in _PROTOCOLS:
            return NOTHING
        raise UnmodelledError(f"setting {what.get('protocol')} {what.get('field')}"[:60])
    target = scope.expression(key, OPAQUE)
    mask = (1 << target.type.width) - 1

    def guarded(world: World, number: int) -> World:
        return world if target.get(world) is BREAK else setter(world, number & mask)

    return _assign(value, scope, target.type, guarded)


def _assign(value: Json, scope: Scope, kind: DataType, setter: Setter) -> Statement:
    source = scope.expression(value, kind)

    def act(world: World) -> Step:
        got = source.get(world)
        if got is BREAK:
            return world, Flow.BREAK
        if isinstance(got, Some):
            return world, Doubt(got.why, ANYTHING)
        if not isinstance(got, int):
            return world, Doubt("the value set cannot be read", ANYTHING)
        return setter(world, got), Flow.NEXT

    return action(act, source.draws)
