"""A whole connection: the first packet, the answer, and the data after it.

TCP is SYN, SYN-ACK, then data both ways: a node that sees half of the flow lets the handshake pass
and loses what follows. UDP and ICMP are one packet and its answer. Whatever stops a packet may
send an error or a reset back; the client only knows of it when that arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from skoop.diagnose.flight import Delivered, End, Ended, Flight, Left
from skoop.diagnose.observe import errno_result, icmp_result
from skoop.diagnose.packets import (
    data_packet,
    echo_ignored,
    echo_reply,
    ends_of,
    first_packet,
    fitting,
    from_outside,
    listener_stop,
    refusal,
    reply_to,
    split,
    stopped_at,
)
from skoop.diagnose.question import Client, Question
from skoop.diagnose.story import (
    Blocker,
    Leg,
    Row,
    Story,
    disposition_of,
    ending,
    fresh,
    given_up,
    gone,
    row_of,
    shown_as,
)
from skoop.model.address import Family
from skoop.model.disposition import Direction, Disposition, Result
from skoop.model.packet import Packet, Proto
from skoop.model.trace import Trace
from skoop.netstack.mss import largest_packet
from skoop.netstack.walk.events import Branch, Reason, Stop
from skoop.netstack.walk.output import too_big_to_send

_MOST_RETRIES = 4
_MOST_GUESSED = 400
"""Ways that rest on guesses and are followed; guesses about several packets multiply."""


class Conversation:
    """One question, simulated in one world."""

    def __init__(self, flight: Flight, client: Client, question: Question) -> None:
        self._flight = flight
        self._client = client
        self._question = question
        self._guessed = 0

    def run(self) -> list[Row]:
        """Every way it can go; the weights of rows with the same guesses add up to 1."""
        first = first_packet(self._client, self._question)
        stack = self._client.stack
        if stack is not None and self._question.proto != Proto.TCP:
            refused = too_big_to_send(stack, first)
            if refused is not None:
                branch = Branch().entering(stack.id, "", first).leaving("", first)
                ended = Ended(stack, branch, replace(refused, branch=branch))
                return self._stopped(Story(Branch()), ended, Leg.FIRST, first)
        return self._send_first(first, _MOST_RETRIES)

    def _send_first(self, packet: Packet, retries: int, weight: float = 1.0) -> list[Row]:
        """The ways of a first packet; `weight` is the share that is left to them."""
        rows: list[Row] = []
        again: dict[Packet, float] = {}
        for end in self._launch(packet, Branch(weight=weight)):
            story = self._after(Story(Branch(weight=weight)), end, Leg.FIRST)
            if isinstance(end, Delivered):
                rows += self._at_server(story, end, packet)
            elif isinstance(end, Left):
                rows += self._outside(story, end, packet)
            else:
                rows += self._first_stopped(story, end, packet, again if retries else None)
        for smaller, share in again.items():
            rows += _told(packet, self._send_first(smaller, retries - 1, share))
        return rows

    def _outside(self, story: Story, end: Left, sent: Packet) -> list[Row]:
        """A packet that left: the way back is walked when what is out there may be taken to
        answer, and something knows how answers come in."""
        reply = from_outside(end.packet)
        if not end.beyond.answers or not self._flight.takes(reply):
            return [gone(story, end)]
        rows: list[Row] = []
        for back in self._flight.enter(reply, story.branch):
            told = self._after(replace(story, at=end.packet), back, Leg.ANSWER)
            if isinstance(back, Ended):
                rows += self._stopped(told, back, Leg.ANSWER, reply)
            elif self._reaches_client(back, sent):
                row = row_of(told, Result.OK, Disposition.DELIVERED)
                rows.append(replace(row, left=end))
            else:
                rows.append(self._astray(told, back, Leg.ANSWER))
        return rows

    def _launch(self, packet: Packet, branch: Branch) -> list[End]:
        if self._client.stack is not None:
            # connect() of IPv4 looks up the route once more with the source it got
            # (ip_route_connect()), that of IPv6 keeps the first.
            unbound = packet if packet.family is Family.V4 else replace(packet, src=0)
            return self._flight.send(self._client.stack, unbound, branch)
        if self._client.entry is None:
            return self._flight.enter(packet, branch)
        return self._flight.arrive(*self._client.entry, packet, branch)

    def _first_stopped(
        self, story: Story, end: Ended, packet: Packet, again: dict[Packet, float] | None
    ) -> Iterator[Row]:
        """What became of a first packet that was stopped. One that its sender will send in smaller
        pieces, having learned how large they may be, is added to `again`."""
        limit = end.stopped.stop.limit
        smaller = split(packet, limit) if limit else replace(packet, df=False)
        splits = packet.proto == Proto.UDP and not self._question.df and smaller != packet
        for row in self._stopped(story, end, Leg.FIRST, packet):
            if again is not None and splits and row.result is Result.MSGSIZE:
                again[smaller] = again.get(smaller, 0.0) + row.weight
            else:
                yield row

    # --- what came of a packet ---------------------------------------------------------------

    def _after(self, story: Story, end: End, leg: Leg) -> Story:
        direction = Direction.FORWARD if leg in (Leg.FIRST, Leg.DATA) else Direction.RETURN
        trace = Trace(direction, leg.value, end.branch.weight, disposition_of(end), end.branch.hops)
        old = len(story.branch.doubts)
        doubts = tuple(replace(each, direction=direction) for each in end.branch.doubts[old:])
        branch = replace(fresh(end.branch), doubts=(*end.branch.doubts[:old], *doubts))
        return replace(story, branch=branch, traces=(*story.traces, trace))

    def _stopped(self, story: Story, end: Ended, leg: Leg, sent: Packet) -> list[Row]:
        """A packet was stopped: what the client gets to know depends on the way back of the error.

        A later packet's loss is always silent to a client that waits for data.
        """
        if self._is_one_guess_too_many(story):
            return [given_up(story, end.stack, end.stopped.packet)]
        direction = Direction.FORWARD if leg in (Leg.FIRST, Leg.DATA) else Direction.RETURN
        stop = end.stopped.stop
        story = ending(story, shown_as(stop), stop)
        blocker = Blocker(end.stack.id, stop, direction, leg, end.stopped.packet, end.stopped.errno)
        if stop.disposition is Disposition.INSUFFICIENT_INFO:
            return [row_of(story, Result.UNKNOWN, stop.disposition, blocker)]
        if direction is Direction.RETURN:
            lost = self._lost_limit(end, story) if stop.limit else ()
            return [row_of(story, Result.TIMEOUT, stop.disposition, *lost, blocker)]
        if leg is Leg.FIRST and end.stack is self._client.stack:
            at_once = errno_result(end.stopped, self._question.proto)
            if at_once is not None:
                return [row_of(story, at_once, stop.disposition, blocker)]
        back = self._flight.answer(end, story.branch)
        if not back:
            return [row_of(story, Result.TIMEOUT, stop.disposition, blocker)]
        return [self._error_back(story, error, blocker, sent) for error in back]

    def _error_back(self, story: Story, end: End, blocker: Blocker, sent: Packet) -> Row:
        """An error or reset on its way back: it counts when it reaches the client's socket.

        When it is lost, that is why the client waits, so it comes before what it was about. One
        that reaches the client but names no connection of it is a symptom, not a cause.
        """
        told = self._after(story, end, Leg.ERROR)
        disposition = blocker.stop.disposition
        if isinstance(end, Delivered | Left) and self._reaches_client(end, sent):
            return row_of(told, icmp_result(end.packet, sent), disposition, blocker)
        if blocker.packet.inner is not None:  # only the host with the tunnel hears of it
            return row_of(told, Result.TIMEOUT, disposition, blocker)
        if isinstance(end, Ended):
            stop = end.stopped.stop
            if stop.disposition is Disposition.INSUFFICIENT_INFO:
                return row_of(told, Result.UNKNOWN, disposition, blocker)
            lost = Blocker(end.stack.id, stop, Direction.RETURN, Leg.ERROR, end.stopped.packet)
            return row_of(told, Result.TIMEOUT, disposition, lost, blocker)
        if end.stack is self._client.stack:
            return row_of(told, Result.TIMEOUT, disposition, blocker)
        return row_of(told, Result.TIMEOUT, disposition, self._stray(end, Leg.ERROR), blocker)

    def _reaches_client(self, end: Delivered | Left, sent: Packet) -> bool:
        """Whether a packet is for the client's socket: from the address it talks to, or an error
        about a packet it sent."""
        if isinstance(end, Delivered) and end.stack is not self._client.stack:
            return False
        if isinstance(end, Left) and self._client.stack is not None:
            return False
        packet = end.packet
        if packet.quoted is not None:
            return ends_of(packet.quoted) == ends_of(sent)
        return ends_of(packet) == ends_of(sent)[::-1]

    # --- the server --------------------------------------------------------------------------

    def _at_server(self, story: Story, end: Delivered, sent: Packet) -> list[Row]:
        packet = end.packet
        story = replace(story, server=end.stack.id, at=packet)
        if packet.proto in (Proto.ICMP, Proto.ICMPV6):
            ignored = echo_ignored(end)
            if ignored is not None:
                return self._stopped(story, ignored, Leg.FIRST, sent)
            return self._answered(story, end, sent, echo_reply(packet))
        if "sockets" in end.stack.gaps:
            stop = listener_stop(
                Disposition.INSUFFICIENT_INFO, Reason.NOT_COLLECTED, end,
                f"the sockets were not collected: {end.stack.gaps['sockets']}",
            )  # fmt: skip
            return self._stopped(story, stopped_at(end, stop), Leg.FIRST, sent)
        wanted = replace(packet, dport=end.tproxy_port) if end.tproxy_port else packet
        socket = end.stack.sockets.find(wanted, end.iif)
        if socket is None:
            return self._stopped(story, refusal(end), Leg.FIRST, sent)
        story = replace(story, socket=socket)
        if packet.proto == Proto.TCP and socket.backlog and socket.queued > socket.backlog:
            stop = listener_stop(
                Disposition.DROPPED, Reason.BACKLOG_FULL, end,
                f"the accept queue is full: {socket.queued} of {socket.backlog}",
            )  # fmt: skip
            return self._stopped(story, stopped_at(end, stop), Leg.FIRST, sent)
        reply = fitting(end.stack, reply_to(packet, socket, self._question))
        return self._answered(story, end, sent, reply)

    def _is_one_guess_too_many(self, story: Story) -> bool:
        """Whether a way is one more guess than will be followed."""
        self._guessed += bool(story.branch.guesses)
        return bool(story.branch.guesses) and self._guessed > _MOST_GUESSED

    def _answered(self, story: Story, end: Delivered, sent: Packet, reply: Packet) -> list[Row]:
        if self._is_one_guess_too_many(story):
            return [given_up(story, end.stack, reply)]
        rows: list[Row] = []
        transparent = end.tproxy_port > 0
        for back in self._flight.send(end.stack, reply, story.branch, any_source=transparent):
            told = self._after(story, back, Leg.ANSWER)
            if isinstance(back, Ended) and self._is_split_next_time(told, end, back, reply):
                limit = back.stopped.stop.limit
                rows += _told(reply, self._answered(story, end, sent, split(reply, limit)))
            elif isinstance(back, Ended):
                rows += self._stopped(told, back, Leg.ANSWER, reply)
            elif not self._reaches_client(back, sent):
                rows.append(self._astray(told, back, Leg.ANSWER))
            elif self._question.proto == Proto.TCP:
                limit = largest_packet(back.packet)
                rows += self._data(told, end, back, sent, _MOST_RETRIES, limit)
            else:
                rows.append(row_of(told, Result.OK, Disposition.DELIVERED))
        return rows

    def _is_split_next_time(
        self, story: Story, server: Delivered, back: Ended, reply: Packet
    ) -> bool:
        """Whether an answer was too big, and the server learns it: its next answer, to a client
        that asks again, is then fragmented."""
        if reply.proto != Proto.UDP or split(reply, back.stopped.stop.limit) == reply:
            return False
        return self._hears(story, server, back)

    def _hears(self, story: Story, server: Delivered, back: Ended) -> bool:
        """Whether the error about the server's packet that was stopped reaches the server."""
        errors = self._flight.answer(back, story.branch)
        return any(isinstance(each, Delivered) and each.stack is server.stack for each in errors)

    def _lost_limit(self, back: Ended, story: Story) -> tuple[Blocker, ...]:
        """What keeps "too big" from a server whose answer was: without it the server sends the
        same again."""
        return tuple(
            Blocker(each.stack.id, each.stopped.stop, Direction.FORWARD, Leg.ERROR,
                    each.stopped.packet)
            for each in self._flight.answer(back, story.branch)
            if isinstance(each, Ended)
            and each.stopped.stop.disposition is not Disposition.INSUFFICIENT_INFO
        )  # fmt: skip

    def _astray(self, story: Story, end: Delivered | Left, leg: Leg) -> Row:
        lost = self._stray(end, leg)
        return row_of(story, Result.TIMEOUT, lost.stop.disposition, lost)

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
        self, story: Story, server: Delivered, back: Delivered | Left, sent: Packet, retries: int,
        limit: int = 0,
    ) -> list[Row]:  # fmt: skip
        """The client's first data must reach the same server; `limit` is the largest packet that
        the server's SYN-ACK allows, or that the path was learned to carry; 0 for none."""
        if self._is_one_guess_too_many(story):
            return [given_up(story, server.stack, sent)]
        data = data_packet(sent, self._question, self._client, server, limit)
        rows: list[Row] = []
        for end in self._launch(data, story.branch):
            told = self._after(story, end, Leg.DATA)
            if isinstance(end, Delivered) and end.stack is server.stack:
                limit = largest_packet(server.packet)
                rows += self._answer_data(told, server, sent, retries, limit)
            elif isinstance(end, Ended):
                rows += self._data_stopped(story, told, server, back, sent, end, data, retries)
            else:
                rows.append(row_of(told, Result.TIMEOUT, disposition_of(end)))
        return rows

    def _data_stopped(
        self, before: Story, story: Story, server: Delivered, back: Delivered | Left,
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
        self, story: Story, server: Delivered, sent: Packet, retries: int, limit: int = 0
    ) -> list[Row]:
        if self._is_one_guess_too_many(story):
            return [given_up(story, server.stack, sent)]
        like = reply_to(server.packet, story.socket, self._question)
        reply = data_packet(like, self._question, self._client, server, limit)
        rows: list[Row] = []
        transparent = server.tproxy_port > 0
        for end in self._flight.send(server.stack, reply, story.branch, any_source=transparent):
            told = self._after(story, end, Leg.ANSWER_DATA)
            if isinstance(end, Ended):
                rows += self._answer_stopped(story, told, server, sent, end, reply, retries)
            elif self._reaches_client(end, sent):
                rows.append(row_of(told, Result.OK, Disposition.DELIVERED))
            else:
                rows.append(self._astray(told, end, Leg.ANSWER_DATA))
        return rows

    def _answer_stopped(
        self, before: Story, story: Story, server: Delivered, sent: Packet, end: Ended,
        reply: Packet, retries: int,
    ) -> list[Row]:  # fmt: skip
        """The server too may learn a smaller path MTU from an error that reaches it."""
        limit = end.stopped.stop.limit
        if retries and 0 < limit < reply.size and self._hears(story, server, end):
            return self._answer_data(before, server, sent, retries - 1, limit)
        return self._stopped(story, end, Leg.ANSWER_DATA, reply)


def _told(packet: Packet, rows: Iterable[Row]) -> Iterator[Row]:
    """What becomes of a datagram that is sent again once its sender has learned the path's MTU."""
    said = (
        f"{packet.source} sends its {packet.size} bytes again, in pieces: the first time they are "
        "lost, and it is told how large they may be, which it remembers for ten minutes"
    )
    return (replace(row, assumed=(said, *row.assumed)) for row in rows)


def _broken(result: Result) -> Result:
    """An established connection does not report unreachable errors: it waits."""
    return Result.RESET if result is Result.REFUSED else Result.TIMEOUT
