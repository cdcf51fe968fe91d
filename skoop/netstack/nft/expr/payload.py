"""`PROTOCOL FIELD` and raw payload (nft_payload.c).

nft adds a match on the protocol before the load and hides it in listings again; here the load of
another protocol's field ends the rule, which is the same.
"""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.packet import Proto
from skoop.netstack.netfilter import Hook
from skoop.netstack.nft.datatypes import INTEGER, OPAQUE, SERVICE, DataType
from skoop.netstack.nft.expr.headers import FIELDS, Field, port_value
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Some, UnmodelledError, Value
from skoop.netstack.nft.world import World

__all__ = ["compile_payload", "port_value"]

_FAMILY = {"ip": Family.V4, "ip6": Family.V6}
_NUMBER = {
    "tcp": Proto.TCP, "udp": Proto.UDP, "sctp": Proto.SCTP, "icmp": Proto.ICMP,
    "icmpv6": Proto.ICMPV6, "udplite": 136, "dccp": 33, "esp": 50, "ah": 51, "comp": 108,
    "igmp": 2, "gre": Proto.GRE,
}  # fmt: skip
_LINK = ("ether", "vlan", "arp")
_TRANSPORT = (Proto.TCP, Proto.UDP, Proto.SCTP, 136, 33)
_NO_PORTS = Some("this protocol has no ports", 0, 0xFFFF)

_RAW: dict[tuple[str, int, int], tuple[Family | None, str, str, DataType]] = {
    ("nh", 96, 32): (Family.V4, "ip", "saddr", INTEGER),
    ("nh", 128, 32): (Family.V4, "ip", "daddr", INTEGER),
    ("nh", 72, 8): (Family.V4, "ip", "protocol", INTEGER),
    ("th", 0, 16): (None, "th", "sport", INTEGER),
    ("th", 16, 16): (None, "th", "dport", INTEGER),
}


def _checked(protocol: str, field: Field) -> Expr:
    """The field, when the packet is of the protocol."""
    family, number = _FAMILY.get(protocol), _NUMBER.get(protocol)

    def get(world: World) -> Value:
        packet = world.packet
        if family is not None and packet.family is not family:
            return BREAK
        if number is not None and packet.proto != number:
            return BREAK
        return field.get(packet)

    return Expr(get, field.type)


def _ports(field: Field) -> Expr:
    """`th sport|dport` reads whatever transport header there is."""

    def get(world: World) -> Value:
        return field.get(world.packet) if world.packet.proto in _TRANSPORT else _NO_PORTS

    return Expr(get, SERVICE)


def _link(name: str) -> Expr:
    """Ethernet headers: loopback has none, a packet sent from here has none yet."""
    unknown = Some(f"{name}: link-layer headers are not modelled here")

    def get(world: World) -> Value:
        absent = world.view.hook is Hook.OUTPUT or world.view.iif in ("", "lo")
        return BREAK if absent else unknown

    return Expr(get, OPAQUE)


def _raw(base: str, offset: int, length: int) -> Expr:
    known = _RAW.get((base, offset, length))
    if known is None:
        value = Some(f"@{base},{offset},{length} is not modelled")
        return Expr(lambda _world: value, OPAQUE)
    family, protocol, name, kind = known
    field = FIELDS[protocol, name]

    def get(world: World) -> Value:
        packet = world.packet
        if family is not None and packet.family is not family:
            return Some("another IP version's header is not modelled as raw bytes")
        if base == "th" and packet.proto not in _TRANSPORT:
            return _NO_PORTS
        return field.get(packet)

    return Expr(get, kind)


def compile_payload(json: Json, _scope: Scope, _want: DataType) -> Expr:
    """`ip saddr`, `th dport`, `@nh,96,32`."""
    if "base" in json:
        return _raw(str(json["base"]), int(json["offset"]), int(json["len"]))
    protocol, name = json["protocol"], json["field"]
    if protocol in _LINK:
        return _link(f"{protocol} {name}")
    field = FIELDS.get((protocol, name))
    if field is None:
        raise UnmodelledError(f"{protocol} {name}"[:60])
    return _ports(field) if protocol == "th" else _checked(protocol, field)
