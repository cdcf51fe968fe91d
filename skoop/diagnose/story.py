"""What a conversation has come to: its legs, what stopped them, and each way it can go."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from skoop.diagnose.flight import Delivered, End, Left
from skoop.model.diagnosis import NotChecked, Suspicion
from skoop.model.disposition import Direction, Disposition, Result
from skoop.model.packet import Packet
from skoop.model.trace import Step, StepKind, Trace
from skoop.netstack.ipvs.stage import IPVS
from skoop.netstack.netfilter import Guess
from skoop.netstack.stack import Stack
from skoop.netstack.state import Socket
from skoop.netstack.walk.events import Branch, Errno, Reason, Stop

_NO_ENDPOINT_WORDS = (
    "has no endpoints",
    "has no local endpoints",
    "no-endpoint",
    "kube-proxy reject-chain",
)
"""How kube-proxy's own rules say that a Service has nobody to send to."""


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
    `doubts` are what was suspicious between the nodes, `notes` what could not be looked at there,
    `assumed` what the result rests on.
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
    doubts: tuple[Suspicion, ...] = ()
    notes: tuple[NotChecked, ...] = ()
    assumed: tuple[str, ...] = ()


class Story(Struct, frozen=True):
    """What is carried from one packet of a conversation to the next."""

    branch: Branch
    traces: tuple[Trace, ...] = ()
    server: str = ""
    at: Packet | None = None
    socket: Socket | None = None


def disposition_of(end: End) -> Disposition:
    """What became of one packet."""
    if isinstance(end, Delivered):
        return Disposition.DELIVERED
    if isinstance(end, Left):
        return Disposition.LEFT_NETWORK
    return shown_as(end.stopped.stop)


def shown_as(stop: Stop) -> Disposition:
    """A stop's disposition; a rule of kube-proxy for a Service without endpoints has its own, and
    so has a virtual server that has nobody to send to, which is all that IPVS rejects."""
    place = f"{stop.where} {stop.rule}"
    nobody = stop.rule and (stop.where == IPVS or any(w in place for w in _NO_ENDPOINT_WORDS))
    return Disposition.NO_ENDPOINT if nobody else stop.disposition


def given_up(story: Story, stack: Stack, packet: Packet) -> Row:
    """A way that is not followed, because too many others rest on guesses as well."""
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_MODELLED,
        detail="too many rules on the way cannot be decided",
    )
    direction = story.traces[-1].direction if story.traces else Direction.FORWARD
    blocker = Blocker(stack.id, stop, direction, Leg.FIRST, packet)
    return row_of(story, Result.UNKNOWN, stop.disposition, blocker)


def ending(story: Story, disposition: Disposition, stop: Stop) -> Story:
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


def fresh(branch: Branch) -> Branch:
    """The branch for the next packet: same history, no hops yet."""
    return Branch(
        weight=branch.weight, guesses=branch.guesses, opened=branch.opened, chosen=branch.chosen,
        heard=branch.heard, crossings=branch.crossings, doubts=branch.doubts, notes=branch.notes,
    )  # fmt: skip


def row_of(story: Story, result: Result, disposition: Disposition, *blockers: Blocker) -> Row:
    """The end of a story."""
    unheard = _unheard(story) if result is Result.OK else None
    if unheard is not None:
        return row_of(story, Result.UNKNOWN, unheard.stop.disposition, unheard)
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
        doubts=story.branch.doubts,
        notes=story.branch.notes,
    )


def _unheard(story: Story) -> Blocker | None:
    """Whoever was spoken to by WireGuard must have been heard by it, too: of the handshake's answer
    only what the conversation's own meets is followed."""
    heard = story.branch.heard
    pairs = {(each.key, peer) for (_, _, peer), each in heard.items()}
    for (node, device, peer), each in heard.items():
        if (peer, each.key) not in pairs:
            stop = Stop(
                disposition=Disposition.INSUFFICIENT_INFO,
                reason=Reason.NOT_MODELLED,
                detail="the answer does not come by WireGuard: its handshake was not followed",
                device=device,
            )
            packet = story.traces[-1].hops[-1].packet_out
            return Blocker(node, stop, Direction.RETURN, Leg.ANSWER, packet)
    return None


def gone(story: Story, end: Left) -> Row:
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
    row = row_of(story, result, Disposition.LEFT_NETWORK, blocker)
    return replace(row, left=end)
