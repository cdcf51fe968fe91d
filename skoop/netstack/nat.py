"""Translations: what a NAT target makes of a connection, and of each packet of it.

nf_nat_core.c: a destination is rewritten in PREROUTING and OUTPUT, a source in INPUT and
POSTROUTING; replies are turned back in the same hooks, the other field each time.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from skoop.model.address import format_ip
from skoop.model.packet import ANY_PORT, Packet, Proto, port_within
from skoop.netstack.conntrack import Connection, CtStatus, FlowTuple
from skoop.netstack.netfilter import Nat, NatKind
from skoop.netstack.state import CtEntry
from skoop.netstack.tracking import Tracked

MOST_TARGETS = 16
"""An address range of a NAT target is explored address by address up to this size."""


def targets(nat: Nat, primary: int, packet: Packet) -> tuple[int, ...]:
    """The addresses a translation may choose. `primary` is what MASQUERADE or REDIRECT picks."""
    if nat.kind in (NatKind.MASQUERADE, NatKind.REDIRECT):
        return (primary,)
    if nat.kind in (NatKind.NETMAP_DST, NatKind.NETMAP_SRC):
        host_bits = packet.family.bits - nat.prefix_length
        own = packet.src if nat.kind is NatKind.NETMAP_SRC else packet.dst
        return (nat.low >> host_bits << host_bits | own & ((1 << host_bits) - 1),)
    if nat.low == 0:
        return (packet.src if nat.kind.changes_source else packet.dst,)
    return tuple(range(nat.low, min(nat.high, nat.low + MOST_TARGETS - 1) + 1))


def translate(tracked: Tracked, nat: Nat, address: int) -> Tracked:
    """nf_nat_setup_info(): the connection with its reply tuple changed to come from the target."""
    connection = tracked.connection
    if nat.kind.changes_source:
        return _translate_source(tracked, connection, nat, address)
    reply = connection.reply
    port = _destination_port(nat, reply.sport)
    changed = FlowTuple(reply.family, reply.proto, address, reply.dst, port, reply.dport)
    status = connection.status if changed == reply else connection.status | CtStatus.DNAT
    return replace(
        tracked,
        connection=replace(connection, reply=changed, status=status),
        destination_done=True,
    )


def _translate_source(tracked: Tracked, connection: Connection, nat: Nat, address: int) -> Tracked:
    reply = connection.reply
    port = _source_port(nat, reply.dport)
    changed = FlowTuple(reply.family, reply.proto, reply.src, address, reply.sport, port)
    status = connection.status if changed == reply else connection.status | CtStatus.SNAT
    return replace(
        tracked, connection=replace(connection, reply=changed, status=status), source_done=True
    )


def _destination_port(nat: Nat, port: int) -> int:
    """A port inside the range stays; otherwise the first one of it is taken."""
    if not nat.port_low or port_within(port, nat.port_low, nat.port_high):
        return port
    return nat.port_low


def _source_port(nat: Nat, port: int) -> int:
    if port == 0:
        return 0
    if nat.port_low and nat.port_low == nat.port_high:
        return nat.port_low
    if nat.random or (nat.port_low and not port_within(port, nat.port_low, nat.port_high)):
        return ANY_PORT
    return port


def no_free_port(
    tracked: Tracked, packet: Packet, nat: Nat, in_use: Mapping[FlowTuple, CtEntry]
) -> str:
    """Which ports are all in use, "" when one is left for a connection whose source is translated.

    nf_nat_l4proto_unique_tuple(): a source port that nobody uses stays; else one of the rule's
    range is taken, or of its own class. With none left the packet is dropped when its connection is
    to be confirmed, because another waits for the same answers. Connections that are closing may
    have to give theirs up, so they do not count.
    """
    if not nat.kind.changes_source or packet.proto not in _WITH_PORTS:
        return ""
    low, high = _ports(nat, packet.sport)
    reply = tracked.connection.reply
    if len(in_use) < high - low + 1:
        return ""
    for port in (*((reply.dport,) if reply.dport > 0 else ()), *range(low, high + 1)):
        entry = in_use.get(
            FlowTuple(reply.family, reply.proto, reply.src, reply.dst, reply.sport, port)
        )
        if entry is None or entry.tcp_state in _CLOSING:
            return ""
    to, source = format_ip(reply.family, reply.src), format_ip(reply.family, reply.dst)
    return f"{source} has connections to {to} port {reply.sport} on all of {low}-{high}"


_WITH_PORTS = (Proto.TCP, Proto.UDP, Proto.SCTP)
_CLOSING = ("FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE")


def _ports(nat: Nat, sport: int) -> tuple[int, int]:
    """The ports a source may be given."""
    if nat.port_low:
        return nat.port_low, nat.port_high
    if 0 < sport < 512:
        return 1, 511
    return (600, 1023) if 0 < sport < 1024 else (1024, 65535)


def null_binding(tracked: Tracked, *, source: bool) -> Tracked:
    """nf_nat_alloc_null_binding(): nothing asked for a translation, and nothing may any more."""
    return replace(tracked, source_done=True) if source else replace(tracked, destination_done=True)


def rewrite(packet: Packet, tracked: Tracked, *, source: bool) -> Packet:
    """nf_nat_packet(): the packet with its source, or its destination, as the connection has it.

    An ICMP error is rewritten together with the packet it quotes, which travels the other way.
    """
    connection = tracked.connection
    if not connection.status & (CtStatus.SNAT | CtStatus.DNAT):
        return packet
    bit = CtStatus.SNAT if source is not connection.is_reply else CtStatus.DNAT
    if tracked.balanced is not None and bit not in connection.status:
        return packet  # the other field of its tuples is IPVS's work
    other = connection.original if connection.is_reply else connection.reply
    if packet.quoted is not None:
        return _rewrite_error(packet, packet.quoted, connection, other, source=source)
    if source:
        if (packet.src, packet.sport) == (other.dst, other.dport):
            return packet
        return replace(packet, src=other.dst, sport=other.dport)
    if (packet.dst, packet.dport) == (other.src, other.sport):
        return packet
    return replace(packet, dst=other.src, dport=other.sport)


def _rewrite_error(
    packet: Packet, quoted: Packet, connection: Connection, other: FlowTuple, *, source: bool
) -> Packet:
    """nf_nat_icmp_reply_translation(): `other` is the way the quoted packet took when it set out,
    reversed; so its fields are the quoted packet's, before translation."""
    bit = CtStatus.SNAT if source is not connection.is_reply else CtStatus.DNAT
    if bit not in connection.status:
        return packet
    if source:
        inner = replace(quoted, dst=other.dst, dport=other.dport)
        return replace(packet, src=other.dst, quoted=inner)
    inner = replace(quoted, src=other.src, sport=other.sport)
    return replace(packet, dst=other.src, quoted=inner)
