"""The messages a kernel sends back about a packet (net/ipv4/icmp.c, net/ipv6/icmp.c, RFC 792,
RFC 4443, nf_reject_ipv4.c)."""

from __future__ import annotations

from enum import Enum

from skoop.model.address import Family, is_multicast
from skoop.model.packet import Icmp, Packet, Proto, TcpFlag


class Problem(Enum):
    """What an ICMP error is about: (type, code) in IPv4 and in IPv6."""

    NET_UNREACHABLE = ((3, 0), (1, 0))
    HOST_UNREACHABLE = ((3, 1), (1, 3))
    PROTOCOL_UNREACHABLE = ((3, 2), (4, 1))
    PORT_UNREACHABLE = ((3, 3), (1, 4))
    TOO_BIG = ((3, 4), (2, 0))
    PROHIBITED = ((3, 13), (1, 1))
    NET_PROHIBITED = ((3, 9), (1, 1))
    HOST_PROHIBITED = ((3, 10), (1, 1))
    TIME_EXCEEDED = ((11, 0), (3, 0))
    POLICY_FAIL = ((3, 13), (1, 5))
    REJECT_ROUTE = ((3, 13), (1, 6))


_REJECTS = {
    "icmp-net-unreachable": Problem.NET_UNREACHABLE,
    "icmp-host-unreachable": Problem.HOST_UNREACHABLE,
    "icmp-proto-unreachable": Problem.PROTOCOL_UNREACHABLE,
    "icmp-port-unreachable": Problem.PORT_UNREACHABLE,
    "icmp-net-prohibited": Problem.NET_PROHIBITED,
    "icmp-host-prohibited": Problem.HOST_PROHIBITED,
    "icmp-admin-prohibited": Problem.PROHIBITED,
    "icmp6-no-route": Problem.NET_UNREACHABLE,
    "icmp6-adm-prohibited": Problem.PROHIBITED,
    "icmp6-addr-unreachable": Problem.HOST_UNREACHABLE,
    "icmp6-port-unreachable": Problem.PORT_UNREACHABLE,
    "icmp6-policy-fail": Problem.POLICY_FAIL,
    "icmp6-reject-route": Problem.REJECT_ROUTE,
}

_ERROR_TYPES = {Family.V4: (3, 4, 5, 11, 12), Family.V6: (1, 2, 3, 4)}


def is_error(packet: Packet) -> bool:
    """Whether a packet is itself an ICMP error, about which no error is ever sent."""
    return packet.quoted is not None or packet.icmp.type in _ERROR_TYPES[packet.family]


def error(packet: Packet, problem: Problem, source: int = 0) -> Packet | None:
    """The ICMP error about a packet, None when the kernel must stay silent.

    `source` 0 leaves the address to the route back.
    """
    if is_error(packet) and packet.proto in (Proto.ICMP, Proto.ICMPV6):
        return None
    if is_multicast(packet.family, packet.dst) or packet.src == 0:
        return None
    v4 = packet.family is Family.V4
    kind, code = problem.value[0] if v4 else problem.value[1]
    return Packet(
        family=packet.family,
        proto=Proto.ICMP if v4 else Proto.ICMPV6,
        src=source,
        dst=packet.src,
        icmp=Icmp(kind, code),
        size=min(packet.size + 28, 576) if v4 else min(packet.size + 48, 1280),
        df=False,
        quoted=packet,
    )


def reset(packet: Packet) -> Packet | None:
    """The RST for a TCP segment, None for a segment that is itself a reset."""
    if packet.proto != Proto.TCP or packet.flags & TcpFlag.RST:
        return None
    return Packet(
        family=packet.family,
        proto=Proto.TCP,
        src=packet.dst,
        dst=packet.src,
        sport=packet.dport,
        dport=packet.sport,
        flags=TcpFlag.RST | TcpFlag.ACK,
        size=40 if packet.family is Family.V4 else 60,
    )


def abort(packet: Packet) -> Packet:
    """SCTP's ABORT to a packet of no association (sctp_sf_ootb())."""
    return Packet(
        family=packet.family,
        proto=Proto.SCTP,
        src=packet.dst,
        dst=packet.src,
        sport=packet.dport,
        dport=packet.sport,
        size=36 if packet.family is Family.V4 else 56,
        df=False,
    )


def rejection(packet: Packet, reject_with: str) -> tuple[Packet | None, str]:
    """What REJECT sends, and its name for a reader. "" means the family's default."""
    if reject_with == "tcp-reset":
        return reset(packet), "a TCP reset"
    default = "icmp-port-unreachable" if packet.family is Family.V4 else "icmp6-port-unreachable"
    name = reject_with or default
    problem = _REJECTS.get(name, Problem.PORT_UNREACHABLE)
    return error(packet, problem), name
