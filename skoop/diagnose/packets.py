"""The packets of a conversation: what each side's kernel would send."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.diagnose.flight import Delivered, Ended
from skoop.diagnose.question import Client, Question
from skoop.model.address import Family
from skoop.model.disposition import Disposition
from skoop.model.packet import NO_ICMP, Icmp, Packet, Proto, TcpFlag
from skoop.model.trace import Evidence
from skoop.netstack.sockets import wrong_protocol
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Socket
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import Reason, Stop, Stopped
from skoop.netstack.walk.input import IPVS_DEVICE
from skoop.netstack.walk.routing import choose_source, output_flow

_HEADERS = {Family.V4: 20, Family.V6: 40}
"""Bytes of an IP header."""
_TRANSPORT = {Proto.TCP: 32, Proto.UDP: 8, Proto.SCTP: 28}
"""Bytes of a header with the options that Linux sends (TCP's timestamps; a data chunk's header in
SCTP); 8 for ICMP."""
_SYN_HEADER = 40
IGNORES_ECHO = {
    Family.V4: "net.ipv4.icmp_echo_ignore_all",
    Family.V6: "net.ipv6.icmp.echo_ignore_all",
}
"""The sysctl that makes a host answer no ping."""
_SMALL_DATA = 64
"""Payload of the data packets when no size was asked for: a short line each way."""


def first_packet(client: Client, question: Question) -> Packet:
    """What the client sends first, with the source its kernel would choose."""
    payload = question.size if question.proto != Proto.TCP else 0
    packet = Packet(
        family=question.family,
        proto=question.proto,
        src=client.address,
        dst=question.dst,
        sport=question.sport,
        dport=question.dport,
        flags=TcpFlag.SYN if question.proto == Proto.TCP else 0,
        icmp=_echo_request(question),
        size=_size(question, payload),
        df=question.proto != Proto.ICMP,
    )
    if client.stack is None:
        return packet if client.entry is None or question.df else _taken_in(packet, client.entry[1])
    chosen = choose_source(client.stack, packet)
    return chosen if question.df else fitting(client.stack, chosen)


def from_outside(packet: Packet) -> Packet:
    """The answer of a server that nobody collected, to a first packet that reached it."""
    if packet.proto in (Proto.ICMP, Proto.ICMPV6):
        return echo_reply(packet)
    answer = replace(
        packet, src=packet.dst, dst=packet.src, sport=packet.dport, dport=packet.sport, ttl=64
    )
    return replace(answer, flags=TcpFlag.SYN | TcpFlag.ACK if packet.flags else 0, mark=0)


def fitting(stack: Stack, packet: Packet) -> Packet:
    """A datagram larger than the sender's own MTU is fragmented there, unless DF was asked."""
    if packet.proto == Proto.TCP:
        return packet
    return split(packet, route_mtu(stack, packet))


def _taken_in(packet: Packet, link: Link) -> Packet:
    """A datagram from outside that is larger than what a device takes comes in fragments: whoever
    sent or routed it knew a smaller MTU on the way, and fragments carry no DF."""
    return packet if packet.proto == Proto.TCP else split(packet, link.mtu)


def split(packet: Packet, limit: int) -> Packet:
    """A datagram as it leaves a sender that knows the limit in bytes, 0 for none."""
    if not 0 < limit < packet.size:
        return packet
    return replace(packet, df=False, fragment=limit)


def data_packet(
    like: Packet, question: Question, client: Client, server: Delivered, limit: int
) -> Packet:
    """A data segment with the addresses of `like`; `limit` is a learned path MTU in bytes, 0 for
    none."""
    size, gso = _segment(question, client, server, limit)
    return replace(like, flags=TcpFlag.ACK | TcpFlag.PSH, size=size, gso=gso)


def _segment(question: Question, client: Client, server: Delivered, limit: int) -> tuple[int, bool]:
    """Size of a data packet in bytes, and whether the payload goes as a burst of full segments.

    The segment size is the smaller of both ends' MTU, as their MSS options tell each other
    (tcp_current_mss()), or a learned path MTU.
    """
    size = _size(question, question.size or _SMALL_DATA)
    limits = [limit] if limit else []
    if client.stack is not None:
        towards = Packet(family=question.family, proto=Proto.TCP, src=0, dst=question.dst)
        limits.append(route_mtu(client.stack, towards))
    back = Packet(
        family=question.family, proto=Proto.TCP, src=server.packet.dst, dst=server.packet.src
    )
    limits.append(route_mtu(server.stack, back))
    largest = min((value for value in limits if value), default=1500)
    return (largest, True) if size > largest else (size, False)


def route_mtu(stack: Stack, packet: Packet) -> int:
    """The MTU in bytes that a sender uses towards a destination, 0 when it has no route."""
    found = stack.route(output_flow(packet))
    if not found.nexthops:
        return 0
    link = stack.links.get(found.nexthops[0].device)
    own = link.mtu if link else 0
    routed = found.route.mtu if found.route else 0
    return min(routed, own) if routed and own else own


def stopped_at(end: Delivered, stop: Stop, answer: Packet | None = None) -> Ended:
    """A packet that arrived, and was stopped by the sockets."""
    return Ended(end.stack, end.branch, Stopped(end.branch, stop, end.packet, answer))


def listener_stop(disposition: Disposition, reason: Reason, end: Delivered, detail: str) -> Stop:
    """Why the sockets stop a packet."""
    return Stop(
        disposition=disposition,
        reason=reason,
        detail=detail,
        device=end.iif,
        address=end.packet.dst,
    )


def refusal(end: Delivered) -> Ended:
    """No socket takes the packet: TCP answers with a reset, SCTP with an abort (a kernel without it
    says so by an ICMP error, which comes to the same), others with an ICMP error."""
    packet = end.packet
    if IPVS_DEVICE in end.stack.links and "ipvs" in end.stack.gaps:
        detail = "no socket takes it, but IPVS may serve this port, and its table is not known"
        unseen = Disposition.INSUFFICIENT_INFO
        return stopped_at(end, listener_stop(unseen, Reason.NOT_COLLECTED, end, detail))
    others = end.stack.sockets.at(packet.proto, packet.dport)
    detail = f"nothing listens on {packet.destination} port {packet.dport}"
    if others:
        detail += ", only on " + ", ".join(sorted({socket.raw for socket in others}))
    elif wrong_protocol(end.stack.sockets, packet):
        detail += " with this protocol"
    stop = listener_stop(Disposition.REFUSED, Reason.NO_LISTENER, end, detail)
    if packet.proto == Proto.TCP:
        return stopped_at(end, stop, icmp.reset(packet))
    if packet.proto == Proto.SCTP:
        return stopped_at(end, stop, icmp.abort(packet))
    known = packet.proto == Proto.UDP
    problem = icmp.Problem.PORT_UNREACHABLE if known else icmp.Problem.PROTOCOL_UNREACHABLE
    return stopped_at(end, stop, icmp.error(packet, problem, packet.dst))


def ends_of(packet: Packet) -> tuple[tuple[int, int], tuple[int, int]]:
    """Source and destination, each with its port."""
    return (packet.src, packet.sport), (packet.dst, packet.dport)


def _size(question: Question, payload: int) -> int:
    """Bytes of an IP packet with that payload; a TCP packet without one is a SYN."""
    transport = _TRANSPORT.get(Proto(question.proto), 8)
    if question.proto == Proto.TCP and payload == 0:
        transport = _SYN_HEADER
    return _HEADERS[question.family] + transport + payload


def _echo_request(question: Question) -> Icmp:
    if question.proto == Proto.ICMP:
        return Icmp(8, 0)
    if question.proto == Proto.ICMPV6:
        return Icmp(128, 0)
    return NO_ICMP


def echo_ignored(end: Delivered) -> Ended | None:
    """icmp_echo(), icmpv6_rcv(): a host may be told to answer no ping. None where it does."""
    name = IGNORES_ECHO[end.packet.family]
    if end.stack.sysctls.number(name, 0) == 0:
        return None
    stop = listener_stop(
        Disposition.DROPPED, Reason.ECHO_IGNORED, end, "echo requests are ignored there"
    )
    evidence = Evidence(f"sysctl on {end.stack.id}", end.stack.sysctls.evidence(name))
    return stopped_at(end, replace(stop, evidence=(evidence,)))


def echo_reply(packet: Packet) -> Packet:
    """The kernel's answer to an ICMP echo request."""
    return Packet(
        family=packet.family,
        proto=packet.proto,
        src=packet.dst,
        dst=packet.src,
        icmp=Icmp(0 if packet.family is Family.V4 else 129, 0),
        size=packet.size,
        df=False,
    )


def reply_to(packet: Packet, socket: Socket | None, question: Question) -> Packet:
    """The server's answer. An unbound UDP socket leaves the source to the route back, whatever
    address the question was sent to (udp_sendmsg())."""
    unbound = packet.proto == Proto.UDP and (socket is None or socket.address == 0)
    return Packet(
        family=packet.family,
        proto=packet.proto,
        src=0 if unbound else packet.dst,
        dst=packet.src,
        sport=packet.dport,
        dport=packet.sport,
        flags=TcpFlag.SYN | TcpFlag.ACK if packet.proto == Proto.TCP else 0,
        size=packet.size if packet.proto != Proto.TCP else _size(question, 0),
        df=True,
    )
