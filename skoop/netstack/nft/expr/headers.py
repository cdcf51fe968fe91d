"""The fields of the headers that a packet has, by nft's names."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.packet import ANY_PORT, EPHEMERAL, Packet
from skoop.netstack.nft.datatypes import (
    DSCP,
    ECN,
    ICMP_CODE,
    ICMP_TYPE,
    ICMPV6_CODE,
    ICMPV6_TYPE,
    INTEGER,
    IPV4,
    IPV6,
    PROTOCOL,
    SERVICE,
    TCP_FLAG,
    DataType,
)
from skoop.netstack.nft.values import Some, Value

_PORTS = {
    EPHEMERAL: Some("the source port is drawn by the client's kernel", 32768, 60999, port=True),
    ANY_PORT: Some("the source port is drawn when masquerading", 1024, 65535, port=True),
}
DF_BIT = 0x4000


class Field(Struct, frozen=True, eq=False):
    """How to read one header field."""

    type: DataType
    get: Callable[[Packet], Value]


def port_value(port: int) -> Value:
    """A port, or the range it is drawn from."""
    return port if port >= 0 else _PORTS[port]


def _udp_length(packet: Packet) -> Value:
    return packet.size - (20 if packet.family is Family.V4 else 40)


def _unknown(name: str) -> Field:
    value = Some(f"{name} is not modelled")
    return Field(INTEGER, lambda _packet: value)


_SPORT = Field(SERVICE, lambda packet: port_value(packet.sport))
_DPORT = Field(SERVICE, lambda packet: port_value(packet.dport))

FIELDS: dict[tuple[str, str], Field] = {
    ("ip", "saddr"): Field(IPV4, lambda packet: packet.src),
    ("ip", "daddr"): Field(IPV4, lambda packet: packet.dst),
    ("ip", "protocol"): Field(PROTOCOL, lambda packet: packet.proto),
    ("ip", "ttl"): Field(INTEGER, lambda packet: packet.ttl),
    ("ip", "length"): Field(INTEGER, lambda packet: packet.size),
    ("ip", "dscp"): Field(DSCP, lambda packet: packet.tos >> 2),
    ("ip", "ecn"): Field(ECN, lambda packet: packet.tos & 3),
    ("ip", "version"): Field(INTEGER, lambda _packet: 4),
    ("ip", "hdrlength"): Field(INTEGER, lambda _packet: 5),
    ("ip", "frag-off"): Field(INTEGER, lambda packet: DF_BIT if packet.df else 0),
    ("ip6", "saddr"): Field(IPV6, lambda packet: packet.src),
    ("ip6", "daddr"): Field(IPV6, lambda packet: packet.dst),
    ("ip6", "nexthdr"): Field(PROTOCOL, lambda packet: packet.proto),
    ("ip6", "hoplimit"): Field(INTEGER, lambda packet: packet.ttl),
    ("ip6", "length"): Field(INTEGER, lambda packet: packet.size - 40),
    ("ip6", "dscp"): Field(DSCP, lambda packet: packet.tos >> 2),
    ("ip6", "ecn"): Field(ECN, lambda packet: packet.tos & 3),
    ("ip6", "version"): Field(INTEGER, lambda _packet: 6),
    ("tcp", "flags"): Field(TCP_FLAG, lambda packet: packet.flags),
    ("udp", "length"): Field(INTEGER, _udp_length),
    ("icmp", "type"): Field(ICMP_TYPE, lambda packet: packet.icmp.type),
    ("icmp", "code"): Field(ICMP_CODE, lambda packet: packet.icmp.code),
    ("icmpv6", "type"): Field(ICMPV6_TYPE, lambda packet: packet.icmp.type),
    ("icmpv6", "code"): Field(ICMPV6_CODE, lambda packet: packet.icmp.code),
}
for _protocol in ("tcp", "udp", "sctp", "udplite", "dccp", "th"):
    FIELDS[_protocol, "sport"] = _SPORT
    FIELDS[_protocol, "dport"] = _DPORT
_UNKNOWN_FIELDS = {
    "ip": "id checksum",
    "ip6": "flowlabel",
    "tcp": "sequence ackseq doff reserved window checksum urgptr",
    "udp": "checksum",
    "udplite": "checksum csumcov",
    "dccp": "type",
    "sctp": "vtag checksum",
    "icmp": "checksum id sequence gateway mtu",
    "icmpv6": "checksum parameter-problem packet-too-big id sequence max-delay mtu taddr daddr",
    "esp": "spi sequence",
    "ah": "nexthdr hdrlength reserved spi sequence",
    "comp": "nexthdr flags cpi",
    "igmp": "type mrt checksum group",
    "gre": "flags version protocol",
}
for _protocol, _names in _UNKNOWN_FIELDS.items():
    for _name in _names.split():
        FIELDS[_protocol, _name] = _unknown(f"{_protocol} {_name}")
