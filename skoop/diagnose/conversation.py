"""A whole connection: the first packet, the answer, and the data after it.

TCP is SYN, SYN-ACK, then data both ways: a node that sees half of the flow lets the handshake pass
and loses what follows. UDP and ICMP are one packet and its answer. Whatever stops a packet may
send an error or a reset back; the client only knows of it when that arrives.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from skoop.diagnose.flight import Delivered, End, Ended, Flight, Left
from skoop.diagnose.observe import errno_result, icmp_result
from skoop.model.address import Family
from skoop.model.disposition import Direction, Disposition, Result
from skoop.model.packet import NO_ICMP, Icmp, Packet, Proto, TcpFlag
from skoop.model.trace import Step, StepKind, Trace
from skoop.netstack.netfilter import Guess
from skoop.netstack.sockets import wrong_protocol
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Socket
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import Branch, Errno, Reason, Stop, Stopped
from skoop.netstack.walk.output import choose_source, output_flow, too_big_to_send

_HEADERS = {Family.V4: 20, Family.V6: 40}
_TCP_HEADER = 32
_SMALL_DATA = 64
"""Payload of the data packets when no size was asked for: a short line each way."""
_MOST_RETRIES = 4
_NO_ENDPOINT_WORDS = (
    "has no endpoints",
    "has no local endpoints",
    "no-endpoint",
    "kube-proxy reject-chain",
)
"""How kube-proxy's own rules say that a Service has nobody to send to."""
_MOST_GUESSED = 400
"""Ways that rest on guesses and are followed; guesses about several packets multiply."""


class Question(Struct, frozen=True, kw_only=True):
    """What is asked: one client socket, one destination. Addresses are integers.

    `size` is the payload in bytes, 0 for a short line; `df` forbids fragmentation (UDP).
    """

    family: Family
    proto: int
    dst: int
    dport: int
    sport: int
    size: int = 0
    df: bool = False


class Client(Struct, frozen=True):
    """Where the question is asked: a namespace, or (stack None) an address outside, whose packets
    come in by `entry`."""

    stack: Stack | None
    address: int = 0
    entry: tuple[Stack, Link] | None = None


class Leg(Enum):
    """Which packet of the conversation."""

    FIRST = "first packet"
    ANSWER = "answer"
    DATA = "data"
    ANSWER_DATA = "answer data"
    ERROR = "error back"


class Blocker(Struct, frozen=True):
    """What stopped one packet of the conversation, where, and in which direction."""

    node: str
    stop: Stop
    direction: Direction
    leg: Leg
    packet: Packet
    errno: Errno = Errno.NONE


class Row(Struct, frozen=True, kw_only=True):
    """One way the conversation can go.

    `server` is the namespace that took the first packet ("" if none did) and `at` that packet as
    it arrived; `blockers` are what went wrong, in order; `left` tells that it went out of sight.
    """

    weight: float
    guesses: tuple[Guess, ...]
    result: Result
    disposition: Disposition
    server: str = ""
    at: Packet | None = None
    socket: Socket | None = None
    blockers: tuple[Blocker, ...] = ()
    traces: tuple[Trace, ...] = ()
    left: Left | None = None


class _Story(Struct, frozen=True):
    """What is carried from one packet of a conversation to the next."""

    branch: Branch
    traces: tuple[Trace, ...] = ()
    server: str = ""
    at: Packet | None = None
    socket: Socket | None = None


class Conversation:
    """One question, simulated in one world."""

    def __init__(self, flight: Flight, client: Client, question: Question) -> None:
        self._flight = flight
        self._client = client
        self._question = question
        self._guessed = 0

    def run(self) -> list[Row]:
        """Every way it can go; the weights of rows with the same guesses add up to 1."""
        first = self._first_packet()
        stack = self._client.stack
        if stack is not None and self._question.proto != Proto.TCP:
            refused = too_big_to_send(stack, first)
            if refused is not None:
                branch = Branch().entering(stack.id, "", first).leaving("", first)
                ended = Ended(stack, branch, replace(refused, branch=branch))
                return self._stopped(_Story(Branch()), ended, Leg.FIRST, first)
        return self._send_first(first, _MOST_RETRIES)

    # --- the client's first packet -----------------------------------------------------------

    def _first_packet(self) -> Packet:
        question = self._question
        payload = question.size if question.proto != Proto.TCP else 0
        packet = Packet(
            family=question.family,
            proto=question.proto,
            src=self._client.address,
            dst=question.dst,
            sport=question.sport,
            dport=question.dport,
            flags=TcpFlag.SYN if question.proto == Proto.TCP else 0,
            icmp=_echo(question, request=True),
            size=_size(question, payload),
            df=question.proto != Proto.ICMP,
        )
        if self._client.stack is not None:
            packet = choose_source(self._client.stack, packet)
        return self._fragmentable(packet)

    def _fragmentable(self, packet: Packet) -> Packet:
        """A datagram larger than the sender's own MTU is fragmented there, unless DF was asked."""
        stack = self._client.stack
        if packet.proto == Proto.TCP or self._question.df or stack is None:
            return packet
        limit = route_mtu(stack, packet)
        return replace(packet, df=False) if limit and packet.size > limit else packet

    def _send_first(self, packet: Packet, retries: int) -> list[Row]:
        rows: list[Row] = []
        for end in self._launch(packet, Branch()):
            story = self._after(_Story(Branch()), end, Leg.FIRST)
            if isinstance(end, Delivered):
                rows += self._at_server(story, end, packet)
            elif isinstance(end, Left):
                rows.append(_gone(story, end))
            else:
                rows += self._first_stopped(story, end, packet, retries)
        return rows

    def _launch(self, packet: Packet, branch: Branch) -> list[End]:
        if self._client.stack is not None:
            return self._flight.send(self._client.stack, packet, branch)
        if self._client.entry is None:
            return []
        return self._flight.arrive(*self._client.entry, packet, branch)

    def _first_stopped(self, story: _Story, end: Ended, packet: Packet, retries: int) -> list[Row]:
        rows: list[Row] = []
        for row in self._stopped(story, end, Leg.FIRST, packet):
            learned = row.result is Result.MSGSIZE and packet.proto == Proto.UDP
            if learned and not self._question.df and retries and packet.df:
                rows += self._send_first(replace(packet, df=False), retries - 1)
            else:
                rows.append(row)
        return rows

    # --- what came of a packet ---------------------------------------------------------------

    def _after(self, story: _Story, end: End, leg: Leg) -> _Story:
        direction = Direction.FORWARD if leg in (Leg.FIRST, Leg.DATA) else Direction.RETURN
        trace = Trace(direction, leg.value, end.branch.weight, disposition_of(end), end.branch.hops)
        return replace(story, branch=_fresh(end.branch), traces=(*story.traces, trace))

    def _stopped(self, story: _Story, end: Ended, leg: Leg, sent: Packet) -> list[Row]:
        """A packet was stopped: what the client gets to know depends on the way back of the error.

        A later packet's loss is always silent to a client that waits for data.
        """
        if self._is_one_guess_too_many(story):
            return [_given_up(story, end.stack, end.stopped.packet)]
        direction = Direction.FORWARD if leg in (Leg.FIRST, Leg.DATA) else Direction.RETURN
        stop = end.stopped.stop
        story = _ending(story, shown_as(stop), stop)
        blocker = Blocker(end.stack.id, stop, direction, leg, end.stopped.packet, end.stopped.errno)
        if stop.disposition is Disposition.INSUFFICIENT_INFO:
            return [_row(story, Result.UNKNOWN, stop.disposition, blocker)]
        if direction is Direction.RETURN:
            return [_row(story, Result.TIMEOUT, stop.disposition, blocker)]
        if leg is Leg.FIRST and end.stack is self._client.stack:
            at_once = errno_result(end.stopped, self._question.proto)
            if at_once is not None:
                return [_row(story, at_once, stop.disposition, blocker)]
        answer = end.stopped.answer
        if answer is None:
            return [_row(story, Result.TIMEOUT, stop.disposition, blocker)]
        tracked = end.stopped.answer_tracked
        back = self._flight.send(end.stack, answer, story.branch, tracked, any_source=True)
        return [self._error_back(story, error, blocker, sent) for error in back]

    def _error_back(self, story: _Story, end: End, blocker: Blocker, sent: Packet) -> Row:
        """An error or reset on its way back: it counts when it reaches the client's socket.

        When it is lost, that is why the client waits, so it comes before what it was about.
        """
        told = self._after(story, end, Leg.ERROR)
        disposition = blocker.stop.disposition
        if isinstance(end, Delivered | Left) and self._reaches_client(end, sent):
            return _row(told, icmp_result(end.packet, sent), disposition, blocker)
        if blocker.packet.inner is not None:  # only the host with the tunnel hears of it
            return _row(told, Result.TIMEOUT, disposition, blocker)
        if isinstance(end, Ended):
            stop = end.stopped.stop
            if stop.disposition is Disposition.INSUFFICIENT_INFO:
                return _row(told, Result.UNKNOWN, disposition, blocker)
            lost = Blocker(end.stack.id, stop, Direction.RETURN, Leg.ERROR, end.stopped.packet)
            return _row(told, Result.TIMEOUT, disposition, lost, blocker)
        return _row(told, Result.TIMEOUT, disposition, self._stray(end, Leg.ERROR), blocker)

    def _reaches_client(self, end: Delivered | Left, sent: Packet) -> bool:
        """Whether a packet is for the client's socket: from the address it talks to, or an error
        about a packet it sent."""
        if isinstance(end, Delivered) and end.stack is not self._client.stack:
            return False
        if isinstance(end, Left) and self._client.stack is not None:
            return False
        packet = end.packet
        if packet.quoted is not None:
            return _ends(packet.quoted) == _ends(sent)
        return _ends(packet) == _ends(sent)[::-1]

    # --- the server --------------------------------------------------------------------------

    def _at_server(self, story: _Story, end: Delivered, sent: Packet) -> list[Row]:
        packet = end.packet
        story = replace(story, server=end.stack.id, at=packet)
        if packet.proto in (Proto.ICMP, Proto.ICMPV6):
            return self._answered(story, end, sent, _echo_reply(packet))
        if "sockets" in end.stack.gaps:
            stop = _listener_stop(
                Disposition.INSUFFICIENT_INFO, Reason.NOT_COLLECTED, end,
                f"the sockets were not collected: {end.stack.gaps['sockets']}",
            )  # fmt: skip
            return self._stopped(story, _at(end, stop), Leg.FIRST, sent)
        wanted = replace(packet, dport=end.tproxy_port) if end.tproxy_port else packet
        socket = end.stack.sockets.find(wanted, end.iif)
        if socket is None:
            return self._stopped(story, _refusal(end), Leg.FIRST, sent)
        story = replace(story, socket=socket)
        if packet.proto == Proto.TCP and socket.backlog and socket.queued > socket.backlog:
            stop = _listener_stop(
                Disposition.DROPPED, Reason.BACKLOG_FULL, end,
                f"the accept queue is full: {socket.queued} of {socket.backlog}",
            )  # fmt: skip
            return self._stopped(story, _at(end, stop), Leg.FIRST, sent)
        return self._answered(story, end, sent, _reply(packet, socket, self._question))

    def _is_one_guess_too_many(self, story: _Story) -> bool:
        """Whether a way is one more guess than will be followed."""
        self._guessed += bool(story.branch.guesses)
        return bool(story.branch.guesses) and self._guessed > _MOST_GUESSED

    def _answered(self, story: _Story, end: Delivered, sent: Packet, reply: Packet) -> list[Row]:
        if self._is_one_guess_too_many(story):
            return [_given_up(story, end.stack, reply)]
        rows: list[Row] = []
        transparent = end.tproxy_port > 0
        for back in self._flight.send(end.stack, reply, story.branch, any_source=transparent):
            told = self._after(story, back, Leg.ANSWER)
            if isinstance(back, Ended):
                rows += self._stopped(told, back, Leg.ANSWER, reply)
            elif not self._reaches_client(back, sent):
                rows.append(self._astray(told, back, Leg.ANSWER))
            elif self._question.proto == Proto.TCP:
                rows += self._data(told, end, back, sent, _MOST_RETRIES)
            else:
                rows.append(_row(told, Result.OK, Disposition.DELIVERED))
        return rows

    def _astray(self, story: _Story, end: Delivered | Left, leg: Leg) -> Row:
        lost = self._stray(end, leg)
        return _row(story, Result.TIMEOUT, lost.stop.disposition, lost)

    def _stray(self, end: Delivered | Left, leg: Leg) -> Blocker:
        """An answer that arrives somewhere else, or from an address the client does not expect."""
        if isinstance(end, Left) and self._client.stack is not None:
            stop = Stop(
                disposition=Disposition.LEFT_NETWORK,
                reason=Reason.FAR_END,
                detail=f"the answer left by {end.link.name}: {end.beyond.why}",
                device=end.link.name,
            )
        else:
            stop = Stop(
                disposition=Disposition.REFUSED,
                reason=Reason.NO_LISTENER,
                detail=f"the answer comes back as {end.packet}, which no socket there waits for",
            )
        return Blocker(end.stack.id, stop, Direction.RETURN, leg, end.packet)

    # --- data over TCP -----------------------------------------------------------------------

    def _data(
        self, story: _Story, server: Delivered, back: Delivered | Left, sent: Packet, retries: int,
        limit: int = 0,
    ) -> list[Row]:  # fmt: skip
        """The client's first data must reach the same server; `limit` is a learned path MTU."""
        if self._is_one_guess_too_many(story):
            return [_given_up(story, server.stack, sent)]
        size, gso = self._segment(server, limit)
        data = replace(sent, flags=TcpFlag.ACK | TcpFlag.PSH, size=size, gso=gso)
        rows: list[Row] = []
        for end in self._launch(data, story.branch):
            told = self._after(story, end, Leg.DATA)
            if isinstance(end, Delivered) and end.stack is server.stack:
                rows += self._answer_data(told, server, sent, retries)
            elif isinstance(end, Ended):
                rows += self._data_stopped(story, told, server, back, sent, end, data, retries)
            else:
                rows.append(_row(told, Result.TIMEOUT, disposition_of(end)))
        return rows

    def _data_stopped(
        self, before: _Story, story: _Story, server: Delivered, back: Delivered | Left,
        sent: Packet, end: Ended, data: Packet, retries: int,
    ) -> list[Row]:  # fmt: skip
        rows: list[Row] = []
        limit = end.stopped.stop.limit
        for row in self._stopped(story, end, Leg.DATA, data):
            if row.result is Result.MSGSIZE and retries and 0 < limit < data.size:
                rows += self._data(before, server, back, sent, retries - 1, limit)
            elif row.result in (Result.OK, Result.UNKNOWN):
                rows.append(row)
            else:
                rows.append(replace(row, result=_broken(row.result)))
        return rows

    def _answer_data(
        self, story: _Story, server: Delivered, sent: Packet, retries: int, limit: int = 0
    ) -> list[Row]:
        if self._is_one_guess_too_many(story):
            return [_given_up(story, server.stack, sent)]
        size, gso = self._segment(server, limit)
        reply = replace(
            _reply(server.packet, story.socket, self._question),
            flags=TcpFlag.ACK | TcpFlag.PSH,
            size=size,
            gso=gso,
        )
        rows: list[Row] = []
        transparent = server.tproxy_port > 0
        for end in self._flight.send(server.stack, reply, story.branch, any_source=transparent):
            told = self._after(story, end, Leg.ANSWER_DATA)
            if isinstance(end, Ended):
                rows += self._answer_stopped(story, told, server, sent, end, reply, retries)
            elif self._reaches_client(end, sent):
                rows.append(_row(told, Result.OK, Disposition.DELIVERED))
            else:
                rows.append(self._astray(told, end, Leg.ANSWER_DATA))
        return rows

    def _answer_stopped(
        self, before: _Story, story: _Story, server: Delivered, sent: Packet, end: Ended,
        reply: Packet, retries: int,
    ) -> list[Row]:  # fmt: skip
        """The server too may learn a smaller path MTU from an error that reaches it."""
        stop = end.stopped.stop
        answer = end.stopped.answer
        if answer is not None and 0 < stop.limit < reply.size and retries:
            for error in self._flight.send(end.stack, answer, story.branch):
                if isinstance(error, Delivered) and error.stack is server.stack:
                    return self._answer_data(before, server, sent, retries - 1, stop.limit)
        return self._stopped(story, end, Leg.ANSWER_DATA, reply)

    def _segment(self, server: Delivered, limit: int) -> tuple[int, bool]:
        """Size of a data packet, and whether the payload goes as a burst of full segments.

        The segment size is the smaller of both ends' MTU, as their MSS options tell each other
        (tcp_current_mss()), or a learned path MTU.
        """
        question = self._question
        size = _size(question, question.size or _SMALL_DATA)
        limits = [limit] if limit else []
        client = self._client.stack
        if client is not None:
            towards = Packet(family=question.family, proto=Proto.TCP, src=0, dst=question.dst)
            limits.append(route_mtu(client, towards))
        back = Packet(
            family=question.family, proto=Proto.TCP, src=server.packet.dst, dst=server.packet.src
        )
        limits.append(route_mtu(server.stack, back))
        largest = min((value for value in limits if value), default=1500)
        return (largest, True) if size > largest else (size, False)


def _broken(result: Result) -> Result:
    """An established connection does not report unreachable errors: it waits."""
    return Result.RESET if result is Result.REFUSED else Result.TIMEOUT


def route_mtu(stack: Stack, packet: Packet) -> int:
    """The MTU a sender uses towards a destination, 0 when it has no route."""
    found = stack.route(output_flow(packet))
    if not found.nexthops:
        return 0
    link = stack.links.get(found.nexthops[0].device)
    own = link.mtu if link else 0
    routed = found.route.mtu if found.route else 0
    return min(routed, own) if routed and own else own


def disposition_of(end: End) -> Disposition:
    """What became of one packet."""
    if isinstance(end, Delivered):
        return Disposition.DELIVERED
    if isinstance(end, Left):
        return Disposition.LEFT_NETWORK
    return shown_as(end.stopped.stop)


def shown_as(stop: Stop) -> Disposition:
    """A stop's disposition; a rule of kube-proxy for a Service without endpoints has its own."""
    place = f"{stop.where} {stop.rule}"
    nobody = stop.rule and any(word in place for word in _NO_ENDPOINT_WORDS)
    return Disposition.NO_ENDPOINT if nobody else stop.disposition


def _given_up(story: _Story, stack: Stack, packet: Packet) -> Row:
    """A way that is not followed, because too many others rest on guesses as well."""
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_MODELLED,
        detail="too many rules on the way cannot be decided",
    )
    direction = story.traces[-1].direction if story.traces else Direction.FORWARD
    blocker = Blocker(stack.id, stop, direction, Leg.FIRST, packet)
    return _row(story, Result.UNKNOWN, stop.disposition, blocker)


def _ending(story: _Story, disposition: Disposition, stop: Stop) -> _Story:
    """The story with its last packet's end as the sockets decided it."""
    last = story.traces[-1:]
    if not last or last[0].disposition is disposition:
        return story
    hops = last[0].hops
    if hops and all(step.kind is not StepKind.STOP for step in hops[-1].steps):
        said = Step(StepKind.STOP, stop.detail, stop.evidence)
        hops = (*hops[:-1], replace(hops[-1], steps=(*hops[-1].steps, said)))
    ended = replace(last[0], disposition=disposition, hops=hops)
    return replace(story, traces=(*story.traces[:-1], ended))


def _fresh(branch: Branch) -> Branch:
    """The branch for the next packet: same history, no hops yet."""
    return Branch(
        weight=branch.weight, guesses=branch.guesses, opened=branch.opened, chosen=branch.chosen
    )


def _row(story: _Story, result: Result, disposition: Disposition, *blockers: Blocker) -> Row:
    return Row(
        weight=story.branch.weight,
        guesses=story.branch.guesses,
        result=result,
        disposition=disposition,
        server=story.server,
        at=story.at,
        socket=story.socket,
        blockers=blockers,
        traces=story.traces,
    )


def _gone(story: _Story, end: Left) -> Row:
    """Out of sight: lost for certain when nothing out there can know the destination. Whether a
    router says so or stays silent cannot be seen; silence is the safer reading."""
    stop = Stop(
        disposition=Disposition.LEFT_NETWORK,
        reason=Reason.FAR_END,
        detail=f"{end.packet.destination} leaves by {end.link.name}: {end.beyond.why}",
        device=end.link.name,
        address=end.packet.dst,
    )
    blocker = Blocker(end.stack.id, stop, Direction.FORWARD, Leg.FIRST, end.packet)
    result = Result.TIMEOUT if end.beyond.lost else Result.UNKNOWN
    row = _row(story, result, Disposition.LEFT_NETWORK, blocker)
    return replace(row, left=end)


def _ends(packet: Packet) -> tuple[tuple[int, int], tuple[int, int]]:
    return (packet.src, packet.sport), (packet.dst, packet.dport)


def _at(end: Delivered, stop: Stop, answer: Packet | None = None) -> Ended:
    return Ended(end.stack, end.branch, Stopped(end.branch, stop, end.packet, answer))


def _listener_stop(disposition: Disposition, reason: Reason, end: Delivered, detail: str) -> Stop:
    return Stop(
        disposition=disposition,
        reason=reason,
        detail=detail,
        device=end.iif,
        address=end.packet.dst,
    )


def _refusal(end: Delivered) -> Ended:
    """No socket takes the packet: TCP answers with a reset, others with an ICMP error."""
    packet = end.packet
    others = end.stack.sockets.at(packet.proto, packet.dport)
    detail = f"nothing listens on {packet.destination} port {packet.dport}"
    if others:
        detail += ", only on " + ", ".join(sorted({socket.raw for socket in others}))
    elif wrong_protocol(end.stack.sockets, packet):
        detail += " with this protocol"
    stop = _listener_stop(Disposition.REFUSED, Reason.NO_LISTENER, end, detail)
    if packet.proto == Proto.TCP:
        return _at(end, stop, icmp.reset(packet))
    known = packet.proto in (Proto.UDP, Proto.SCTP)
    problem = icmp.Problem.PORT_UNREACHABLE if known else icmp.Problem.PROTOCOL_UNREACHABLE
    return _at(end, stop, icmp.error(packet, problem, packet.dst))


def _size(question: Question, payload: int) -> int:
    """Bytes of an IP packet with that payload."""
    transport = {Proto.TCP: _TCP_HEADER, Proto.UDP: 8, Proto.SCTP: 28}.get(Proto(question.proto), 8)
    if question.proto == Proto.TCP and payload == 0:
        transport = 40
    return _HEADERS[question.family] + transport + payload


def _echo(question: Question, *, request: bool) -> Icmp:
    if question.proto == Proto.ICMP:
        return Icmp(8 if request else 0, 0)
    if question.proto == Proto.ICMPV6:
        return Icmp(128 if request else 129, 0)
    return NO_ICMP


def _echo_reply(packet: Packet) -> Packet:
    return Packet(
        family=packet.family,
        proto=packet.proto,
        src=packet.dst,
        dst=packet.src,
        icmp=Icmp(0 if packet.family is Family.V4 else 129, 0),
        size=packet.size,
        df=False,
    )


def _reply(packet: Packet, socket: Socket | None, question: Question) -> Packet:
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
        df=packet.df,
    )
