"""Connections as netfilter's conntrack sees them."""

from __future__ import annotations

from enum import Enum, Flag, auto

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.packet import Packet


class CtState(Enum):
    """`ctstate` of a packet (include/uapi/linux/netfilter/nf_conntrack_common.h)."""

    NEW = "NEW"
    ESTABLISHED = "ESTABLISHED"
    RELATED = "RELATED"
    INVALID = "INVALID"
    UNTRACKED = "UNTRACKED"


class CtStatus(Flag):
    """IPS_* bits that rules can match."""

    NONE = 0
    EXPECTED = auto()
    SEEN_REPLY = auto()
    ASSURED = auto()
    CONFIRMED = auto()
    SNAT = auto()
    DNAT = auto()


class FlowTuple(Struct, frozen=True):
    """One direction of a connection. Ports as in `Packet`; ICMP echo keeps 0."""

    family: Family
    proto: int
    src: int
    dst: int
    sport: int = 0
    dport: int = 0

    def reversed(self) -> FlowTuple:
        """The other direction, without any translation."""
        return FlowTuple(self.family, self.proto, self.dst, self.src, self.dport, self.sport)


def tuple_of(packet: Packet) -> FlowTuple:
    """The tuple a packet belongs to by its own header."""
    return FlowTuple(
        packet.family, packet.proto, packet.src, packet.dst, packet.sport, packet.dport
    )


class Connection(Struct, frozen=True):
    """What conntrack knows about the packet under way.

    `original` and `reply` are the connection's two tuples with translations applied: a DNATed
    connection's reply tuple starts at the backend. `is_reply` tells which direction this packet
    takes. `mark` is the connmark.
    """

    state: CtState
    original: FlowTuple
    reply: FlowTuple
    is_reply: bool = False
    mark: int = 0
    status: CtStatus = CtStatus.NONE
    zone: int = 0
    helper: str = ""


def new_connection(packet: Packet, zone: int = 0) -> Connection:
    """The connection a first packet opens."""
    original = tuple_of(packet)
    return Connection(CtState.NEW, original, original.reversed(), zone=zone)
