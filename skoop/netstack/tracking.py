"""Connection tracking as a conversation builds it up: what conntrack does to each packet.

The collected table says which connections existed; those that the simulated conversation opens
are kept by the caller, per namespace, as a tuple of `Tracked`. Sources: nf_conntrack_core.c
(resolve_normal_ct, nf_conntrack_in), nf_conntrack_proto_tcp.c (tcp_conntracks),
nf_conntrack_proto_icmp.c (nf_conntrack_inet_error).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.packet import Packet, Proto, TcpFlag
from skoop.netstack.conntrack import Connection, CtState, CtStatus, FlowTuple, tuple_of
from skoop.netstack.state import CtEntry


class TcpState(Enum):
    """The states of tcp_conntracks that the first packets of a connection can meet."""

    NONE = "NONE"
    SYN_SENT = "SYN_SENT"
    SYN_RECV = "SYN_RECV"
    ESTABLISHED = "ESTABLISHED"
    CLOSE = "CLOSE"
    IGNORE = "IGNORE"
    INVALID = "INVALID"


class Balanced(Struct, frozen=True):
    """What IPVS made of a connection: the virtual server asked for, and the real one chosen."""

    address: int
    port: int
    server: int
    server_port: int


class Tracked(Struct, frozen=True):
    """A packet's connection, as conntrack attached it.

    `exists` is false for packets conntrack has not looked at, has given up on (INVALID) or must
    leave alone (UNTRACKED). `source_done` and `destination_done` are IPS_SRC_NAT_DONE and
    IPS_DST_NAT_DONE: the nat chains of that kind have had their say. `balanced` connections were
    given to a real server by IPVS, which is no translation in conntrack's eyes.
    """

    connection: Connection
    exists: bool = False
    confirmed: bool = False
    tcp: TcpState = TcpState.NONE
    source_done: bool = False
    destination_done: bool = False
    balanced: Balanced | None = None


def untouched(packet: Packet) -> Tracked:
    """What rules see before conntrack has run: no connection, which matches INVALID."""
    flow = tuple_of(packet)
    return Tracked(Connection(CtState.INVALID, flow, flow.reversed()))


_S = TcpState
_ORIGINAL = {
    "syn": {_S.NONE: _S.SYN_SENT, _S.SYN_SENT: _S.SYN_SENT, _S.CLOSE: _S.SYN_SENT},
    "synack": {_S.SYN_RECV: _S.SYN_RECV},
    "ack": {
        _S.NONE: _S.ESTABLISHED,
        _S.SYN_RECV: _S.ESTABLISHED,
        _S.ESTABLISHED: _S.ESTABLISHED,
        _S.CLOSE: _S.CLOSE,
    },
    "rst": {
        _S.SYN_SENT: _S.CLOSE,
        _S.SYN_RECV: _S.CLOSE,
        _S.ESTABLISHED: _S.CLOSE,
        _S.CLOSE: _S.CLOSE,
    },
}
_REPLY = {
    "syn": {},
    "synack": {_S.SYN_SENT: _S.SYN_RECV},
    "ack": {_S.SYN_RECV: _S.SYN_RECV, _S.ESTABLISHED: _S.ESTABLISHED, _S.CLOSE: _S.CLOSE},
    "rst": _ORIGINAL["rst"],
}
_IGNORED = {
    (False, "syn", _S.SYN_RECV),
    (False, "syn", _S.ESTABLISHED),
    (True, "synack", _S.SYN_RECV),
    (True, "synack", _S.ESTABLISHED),
    (True, "synack", _S.CLOSE),
    (True, "ack", _S.SYN_SENT),
}


def _segment(flags: int) -> str:
    if flags & TcpFlag.RST:
        return "rst"
    if flags & TcpFlag.SYN:
        return "synack" if flags & TcpFlag.ACK else "syn"
    return "ack"


def tcp_transition(state: TcpState, flags: int, *, reply: bool) -> TcpState:
    """The next state for a segment, IGNORE (passes, changes nothing) or INVALID."""
    segment = _segment(flags)
    if (reply, segment, state) in _IGNORED:
        return TcpState.IGNORE
    table = _REPLY if reply else _ORIGINAL
    return table[segment].get(state, TcpState.INVALID)


_NEVER_TRACKED = frozenset((130, 131, 132, 133, 134, 135, 136, 143))
"""Types of ICMPv6: multicast listeners and neighbour discovery (nf_conntrack_icmpv6_error())."""


def track(
    packet: Packet,
    before: Tracked,
    opened: tuple[Tracked, ...],
    collected: Mapping[FlowTuple, CtEntry],
    *,
    pick_up: bool,
) -> Tracked:
    """nf_conntrack_in(): attach a connection to a packet.

    `before` is what the raw chains left (NOTRACK, a zone); `opened` are this conversation's own
    connections in the namespace; `collected` the dumped table by tuple. `pick_up` is
    nf_conntrack_tcp_loose.
    """
    if before.connection.state is CtState.UNTRACKED or before.exists:
        return before
    if packet.proto == Proto.ICMPV6 and packet.icmp.type in _NEVER_TRACKED:
        connection = replace(before.connection, state=CtState.UNTRACKED)
        return replace(before, connection=connection)
    zone = before.connection.zone
    if packet.quoted is not None:
        return _related(packet, packet.quoted, before, opened)
    flow = tuple_of(packet)
    for entry in reversed(opened):
        connection = entry.connection
        if connection.zone == zone and flow in (connection.original, connection.reply):
            return _continue(packet, entry, reply=flow == connection.reply)
    known = collected.get(flow) if packet.sport >= 0 and packet.dport >= 0 else None
    if known is not None and known.zone == zone and not _reopens(packet, flow, known):
        entry = _from_entry(known)
        return _continue(packet, entry, reply=flow == known.reply)
    return _open(packet, flow, zone, before, pick_up=pick_up)


_CLOSED = ("TIME_WAIT", "CLOSE")


def _reopens(packet: Packet, flow: FlowTuple, known: CtEntry) -> bool:
    """A SYN over a connection that is done: the old entry goes, and a new one is opened."""
    return known.tcp_state in _CLOSED and flow == known.original and _segment(packet.flags) == "syn"


def _open(packet: Packet, flow: FlowTuple, zone: int, before: Tracked, *, pick_up: bool) -> Tracked:
    tcp = TcpState.NONE
    if packet.proto == Proto.TCP:
        tcp = tcp_transition(TcpState.NONE, packet.flags, reply=False)
        if tcp is TcpState.INVALID or (tcp is TcpState.ESTABLISHED and not pick_up):
            return untouched(packet)
    fresh = Connection(
        CtState.NEW, flow, flow.reversed(), zone=zone, helper=before.connection.helper
    )
    return Tracked(fresh, exists=True, tcp=tcp)


def _continue(packet: Packet, entry: Tracked, *, reply: bool) -> Tracked:
    connection, tcp = entry.connection, entry.tcp
    if packet.proto == Proto.TCP and tcp is not TcpState.NONE:
        following = tcp_transition(tcp, packet.flags, reply=reply)
        if following is TcpState.INVALID:
            return untouched(packet)
        tcp = tcp if following is TcpState.IGNORE else following
    status = connection.status | (CtStatus.SEEN_REPLY if reply else CtStatus.NONE)
    state = CtState.ESTABLISHED if CtStatus.SEEN_REPLY in status else CtState.NEW
    seen = replace(connection, state=state, is_reply=reply, status=status)
    return replace(entry, connection=seen, tcp=tcp, exists=True)


def _related(
    packet: Packet, quoted: Packet, before: Tracked, opened: tuple[Tracked, ...]
) -> Tracked:
    """An ICMP error belongs to the connection of the packet it quotes, in the other direction."""
    answer = tuple_of(quoted).reversed()
    for entry in reversed(opened):
        connection = entry.connection
        if connection.zone != before.connection.zone:
            continue
        if answer in (connection.original, connection.reply):
            reply = answer == connection.reply
            related = replace(connection, state=CtState.RELATED, is_reply=reply)
            return replace(entry, connection=related, exists=True)
    return untouched(packet)


def _from_entry(entry: CtEntry) -> Tracked:
    """A dumped entry as this conversation would meet it: old entries of TCP are established."""
    connection = Connection(
        CtState.NEW, entry.original, entry.reply, mark=entry.mark, status=entry.status,
        zone=entry.zone,
    )  # fmt: skip
    tcp = TcpState.ESTABLISHED if entry.original.proto == Proto.TCP else TcpState.NONE
    return Tracked(
        connection, exists=True, confirmed=True, tcp=tcp, source_done=True, destination_done=True
    )


def attach_reply(tracked: Tracked) -> Tracked | None:
    """nf_ct_attach(): what a reset of REJECT and every ICMP error carry (icmp_glue_bits()), the
    same connection in the other direction as RELATED, though it may never be confirmed. None when
    there is no connection to carry."""
    if not tracked.exists:
        return None
    connection = tracked.connection
    flipped = replace(connection, state=CtState.RELATED, is_reply=not connection.is_reply)
    return replace(tracked, connection=flipped)


def remember(opened: tuple[Tracked, ...], tracked: Tracked) -> tuple[Tracked, ...]:
    """The namespace's connections after a packet went through (nf_conntrack_confirm)."""
    if not tracked.exists:
        return opened
    key = tracked.connection.original
    zone = tracked.connection.zone
    confirmed = replace(tracked, confirmed=True)
    kept = tuple(
        entry
        for entry in opened
        if entry.connection.original != key or entry.connection.zone != zone
    )
    return (*kept, confirmed)
