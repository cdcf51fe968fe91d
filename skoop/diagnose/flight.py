"""One packet on its way, until it is delivered, stopped, or out of sight."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from skoop.diagnose.checksums import checksum_breaks, checksum_doubt
from skoop.diagnose.neighbours import resolve
from skoop.diagnose.passage import Journey, Stay
from skoop.diagnose.underlay import Arrives, Beyond, Carried, Lost, Splits, Underlay
from skoop.diagnose.world import WireEnd, World
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, Hop, StepKind
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Namespace
from skoop.netstack.tracking import Tracked
from skoop.netstack.walk import icmp
from skoop.netstack.walk.bridge import (
    addressed,
    leave_by_port,
    may_leave,
    not_flooded,
    ports_for,
    unknown_station,
)
from skoop.netstack.walk.device import receive, transmit
from skoop.netstack.walk.events import (
    Branch,
    Bridged,
    Cross,
    Event,
    Frame,
    Local,
    Looped,
    Reason,
    Reenter,
    Resolve,
    Stop,
    Stopped,
)
from skoop.netstack.walk.input import loop_back
from skoop.netstack.walk.output import send

_VLAN_ROOM = 4
"""veth and bridge ports pass frames of their MTU plus one VLAN tag (is_skb_forwardable())."""
MOST_EVENTS = 1000
"""A way that takes more events than this goes in circles."""
MOST_IN_ALL = 100_000
MOST_GUESSED = 2000
"""A flight of more events than this, or of more that rest on guesses, branches too often to be
followed to its ends."""
MOST_HOPS = 150


class Delivered(Struct, frozen=True):
    """The packet reached the sockets of a namespace."""

    stack: Stack
    branch: Branch
    packet: Packet
    iif: str
    tracked: Tracked
    tproxy_port: int = 0


class Ended(Struct, frozen=True):
    """The packet was stopped in a namespace."""

    stack: Stack
    branch: Branch
    stopped: Stopped


class Left(Struct, frozen=True):
    """The packet left the known network by a device of a host."""

    stack: Stack
    branch: Branch
    packet: Packet
    link: Link
    beyond: Beyond


End = Delivered | Ended | Left


class Flight:
    """Drives packets through a world. Keeps no state between packets."""

    def __init__(self, world: World, make_underlay: Callable[[World], Underlay]) -> None:
        self.world = world
        self._make_underlay = make_underlay
        self._underlay = make_underlay(world)

    def in_world(self, world: World) -> Flight:
        """The same, over a changed world."""
        return Flight(world, self._make_underlay)

    def send(
        self, stack: Stack, packet: Packet, branch: Branch, tracked: Tracked | None = None,
        *, any_source: bool = False,
    ) -> list[End]:  # fmt: skip
        """A packet of a namespace's own; `any_source` allows it another's source address."""
        story = branch.entering(stack.id, "", packet)
        events = send(stack, packet, story, tracked, any_source=any_source)
        return self._drive([(stack, event) for event in events])

    def answer(self, ended: Ended, branch: Branch) -> list[End]:
        """What a namespace sends back about a packet that it stopped; nothing when it is silent."""
        stack, stopped = ended.stack, ended.stopped
        if stopped.answer is None:
            return []
        if not stopped.answer_port:
            tracked = stopped.answer_tracked
            return self.send(stack, stopped.answer, branch, tracked, any_source=True)
        story = branch.entering(stack.id, "", stopped.answer)
        frame = Frame(stopped.answer, "", ended.branch.mac)
        return self._drive([(stack, Cross(story, stack.links[stopped.answer_port], frame))])

    def arrive(self, stack: Stack, link: Link, packet: Packet, branch: Branch) -> list[End]:
        """A packet that comes in from outside the known network."""
        story = branch.entering(stack.id, link.name, packet)
        events = receive(stack, link, Frame(packet, "", link.mac), story)
        return self._drive([(stack, event) for event in events])

    def takes(self, packet: Packet) -> bool:
        """Whether it is known how a packet from outside comes in."""
        return self._underlay.takes(packet.family, packet.src, packet.dst)

    def enter(self, packet: Packet, branch: Branch) -> list[End]:
        """A packet from outside that first meets what lies under the nodes."""
        pending: list[tuple[Stack, Event]] = []
        ends: list[End] = []
        answer = self._underlay.enter(packet, branch.crossings)
        outside = branch.entering(f"external/{packet.source}", "", packet)
        cross = Cross(outside, _WIRE, Frame(packet, "", ""))
        self._carried(_OUTSIDE, cross, answer, pending, ends)
        return ends + self._drive(pending)

    def _drive(self, pending: list[tuple[Stack, Event]]) -> list[End]:
        ends: list[End] = []
        ages, total, guessed = [0] * len(pending), 0, 0
        while pending:
            (stack, event), age = pending.pop(), ages.pop()
            total += 1
            guessed += bool(event.branch.guesses)
            if age > MOST_EVENTS or len(event.branch.hops) > MOST_HOPS:
                ends.append(_circles(stack, event))
            elif total > MOST_IN_ALL or guessed > MOST_GUESSED:
                ends.append(_given_up(stack, event))
            elif isinstance(event, Local):
                branch = event.branch.leaving("", event.packet)
                ends.append(
                    Delivered(
                        stack, branch, event.packet, event.iif, event.tracked, event.tproxy_port
                    )
                )
            elif isinstance(event, Stopped):
                ends.append(_end(stack, event))
            else:
                self._step(stack, event, pending, ends)
                ages += [age + 1] * (len(pending) - len(ages))
        return ends

    def _step(
        self,
        stack: Stack,
        event: Resolve | Cross | Reenter | Looped | Bridged,
        pending: list[tuple[Stack, Event]],
        ends: list[End],
    ) -> None:
        if isinstance(event, Cross):
            self._cross(stack, event, pending, ends)
            return
        if isinstance(event, Resolve):
            following = self._resolve(stack, event)
        elif isinstance(event, Reenter):
            inside = replace(event.branch, mac=event.frame.source)
            following = receive(stack, event.link, event.frame, inside)
        elif isinstance(event, Looped):
            following = loop_back(stack, event.packet, event.tracked, event.branch)
        else:
            following = self._bridged(stack, event)
        pending.extend((stack, item) for item in following)

    # --- neighbours --------------------------------------------------------------------------

    def _resolve(self, stack: Stack, event: Resolve) -> list[Event]:
        link, packet, branch = event.link, event.packet, event.branch
        if not link.up or (not link.arp and link.kind != "veth"):
            return transmit(stack, link, Frame(packet, "", ""), event.nexthop, branch)
        if self.world.peer(stack, link) is WireEnd.UNDERLAY:
            mac = self._underlay.mac_of(stack, link, event.family, event.nexthop)
            return transmit(stack, link, Frame(packet, link.mac, mac), event.nexthop, branch)
        found = resolve(
            self.world, stack, link, event.family, event.nexthop, packet.src, branch.opened
        )
        if not found.known:
            return [_unresolved(event, found.detail, found.evidence, known=False)]
        if not found.mac:
            return [_unresolved(event, found.detail, found.evidence, known=True)]
        if found.fixed:
            branch = branch.noting(StepKind.NEIGHBOUR, f"next hop is {found.mac}", *found.evidence)
        return transmit(stack, link, Frame(packet, link.mac, found.mac), event.nexthop, branch)

    # --- bridges -----------------------------------------------------------------------------

    def _bridged(self, stack: Stack, event: Bridged) -> list[Event]:
        if event.wanted:
            packet = event.frame.packet
            found = resolve(
                self.world,
                stack,
                event.bridge,
                packet.family,
                event.wanted,
                packet.src,
                event.branch.opened,
            )
            if not found.mac:
                asked = Resolve(
                    event.branch, event.bridge, packet, event.tracked, packet.family, event.wanted
                )
                return [_unresolved(asked, found.detail, found.evidence, known=found.known)]
            event = addressed(stack, event, found.mac)
        unseen = None
        ports = ports_for(stack, event)
        for port in ports:
            end = self.world.peer(stack, port)
            if isinstance(end, WireEnd):
                unseen = unseen or port
            elif event.fixed or end[1].mac == event.frame.destination or end[1].master:
                return leave_by_port(stack, event, port)
        if unseen is not None:
            return leave_by_port(stack, event, unseen)
        return self._flooded(stack, event, ports)

    def _flooded(self, stack: Stack, event: Bridged, ports: list[Link]) -> list[Event]:
        """Copies go to every port and nobody takes one, but rules may still answer to a copy."""
        open_ports = (port for port in ports if may_leave(stack, event.in_port, port) is None)
        port = next(open_ports, None)
        if port is None:
            return [self._unclaimed(stack, event, ports)]
        return [
            self._unclaimed(stack, replace(event, branch=item.branch), ports)
            if isinstance(item, Cross)
            else item
            for item in leave_by_port(stack, event, port)
        ]

    def _unclaimed(self, stack: Stack, event: Bridged, tried: list[Link]) -> Stopped:
        for port in stack.ports[event.bridge.name]:
            end = self.world.peer(stack, port)
            if port in tried or isinstance(end, WireEnd):
                continue
            if end[1].mac == event.frame.destination:
                return not_flooded(stack, event, port)
        return unknown_station(stack, event)

    # --- cables ------------------------------------------------------------------------------

    def _cross(
        self, stack: Stack, event: Cross, pending: list[tuple[Stack, Event]], ends: list[End]
    ) -> None:
        end = self.world.peer(stack, event.link)
        if end is WireEnd.UNDERLAY:
            self._over_underlay(stack, event, pending, ends)
        elif isinstance(end, WireEnd):
            ends.append(_unseen_end(stack, event))
        else:
            other, device = end
            self._into(stack, event, other, device, pending, ends)

    def _over_underlay(
        self, stack: Stack, event: Cross, pending: list[tuple[Stack, Event]], ends: list[End]
    ) -> None:
        known = event.branch
        answer = self._underlay.carry(
            stack, event.link, event.frame, event.nexthop, known.opened, known.crossings
        )
        self._carried(stack, event, answer, pending, ends)

    def _carried(
        self, stack: Stack, event: Cross, answer: Carried | Splits,
        pending: list[tuple[Stack, Event]], ends: list[End],
    ) -> None:  # fmt: skip
        """What the network between the nodes did with a frame."""
        if isinstance(answer, Splits):
            for share, each in answer.ways:
                branch = replace(event.branch, weight=event.branch.weight * share)
                self._carried(stack, replace(event, branch=branch), each, pending, ends)
            return
        packet = event.frame.packet if answer.packet is None else answer.packet
        if isinstance(answer, Arrives):
            note = event.branch
            if answer.how:
                note = note.noting(StepKind.TRANSMIT, answer.how)
            if checksum_breaks(stack, event, answer):
                note, lost = checksum_doubt(stack, event, note)
                ends += [_end(stack, lost)] if lost is not None else []
            note = _travelled(note, event, answer.journey)
            frame = replace(event.frame, packet=packet, destination=answer.mac)
            arrived = Cross(note, event.link, frame)
            self._into(stack, arrived, answer.stack, answer.link, pending, ends)
        elif isinstance(answer, Lost):
            branch = _stopped_on_the_way(event, answer.journey)
            stopped = Stopped(branch, answer.stop, packet, answer.answer)
            ends.append(_end(stack, stopped))
        else:
            if stack is _OUTSIDE:
                branch = _stopped_on_the_way(event, answer.journey)
                ends.append(_end(stack, Stopped(branch, _unseen(answer), packet)))
                return
            branch = _travelled(event.branch, event, answer.journey)
            if branch.packet_in is not None:
                branch = branch.leaving(event.link.name, event.frame.packet)
            ends.append(Left(stack, branch, packet, event.link, answer))

    def _into(
        self,
        stack: Stack,
        event: Cross,
        other: Stack,
        device: Link,
        pending: list[tuple[Stack, Event]],
        ends: list[End],
    ) -> None:
        stop = _too_big(event, device, other) or _other_end_down(device, other)
        if stop is not None:
            ends.append(_end(stack, Stopped(event.branch, stop, event.frame.packet)))
            return
        packet = replace(event.frame.packet, mark=0)
        branch = event.branch
        if branch.packet_in is not None:
            branch = branch.leaving(event.link.name, event.frame.packet)
        branch = branch.entering(other.id, device.name, packet, event.frame.source)
        frame = replace(event.frame, packet=packet)
        pending.extend((other, item) for item in receive(other, device, frame, branch))


_WIRE = Link(index=0, name="", kind="", mac="", mtu=1 << 16, up=True)
"""What a packet from outside comes in by."""
_OUTSIDE = Stack(Namespace(id="external"))
"""Where a packet from outside is, as long as it has not reached a node."""


def _unseen(beyond: Beyond) -> Stop:
    """A packet from outside that is handed to something that was not collected."""
    return Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_COLLECTED,
        detail=beyond.why,
    )


def _travelled(branch: Branch, event: Cross, journey: Journey) -> Branch:
    """The branch after a journey: the stay in the namespace that sent is closed, every device met
    is a hop of its own."""
    if not journey.stays:
        return _with_journey(branch, journey)
    if branch.packet_in is not None:
        branch = branch.leaving(event.link.name, event.frame.packet)
    for stay in journey.stays:
        branch = branch.passing(_hop(stay))
    return _with_journey(branch, journey)


def _with_journey(branch: Branch, journey: Journey) -> Branch:
    return replace(
        branch,
        crossings=(*branch.crossings, *journey.crossings),
        doubts=(*branch.doubts, *journey.doubts),
        notes=(*branch.notes, *journey.notes),
    )


def _stopped_on_the_way(event: Cross, journey: Journey) -> Branch:
    """The branch inside the last device met, where the packet ends."""
    if not journey.stays:
        return _with_journey(event.branch, journey)
    *passed, last = journey.stays
    branch = _travelled(event.branch, event, replace(journey, stays=tuple(passed)))
    if branch.packet_in is not None:
        branch = branch.leaving(event.link.name, event.frame.packet)
    branch = branch.entering(last.id, "", last.packet_in)
    return replace(branch, steps=last.steps, title=last.title, emulated=last.emulated)


def _hop(stay: Stay) -> Hop:
    return Hop(
        stay.id, "", "", stay.packet_in, stay.packet_out, stay.steps, stay.title, stay.emulated
    )


def _end(stack: Stack, stopped: Stopped) -> Ended:
    stop = stopped.stop
    branch = stopped.branch.noting(StepKind.STOP, stop.detail, *stop.evidence)
    return Ended(stack, branch.leaving("", stopped.packet), stopped)


def _circles(stack: Stack, event: Event) -> Ended:
    stop = Stop(
        disposition=Disposition.LOOP,
        reason=Reason.LOOP,
        detail="the packet goes in circles",
    )
    return _end(stack, Stopped(event.branch, stop, _packet_of(event)))


def _given_up(stack: Stack, event: Event) -> Ended:
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_MODELLED,
        detail="there are too many ways that the packet could go to follow all of them",
    )
    return _end(stack, Stopped(event.branch, stop, _packet_of(event)))


def _packet_of(event: Event) -> Packet:
    return event.frame.packet if isinstance(event, Cross | Bridged | Reenter) else event.packet


def _unresolved(
    event: Resolve, detail: str, evidence: tuple[Evidence, ...], *, known: bool
) -> Stopped:
    """The neighbour does not answer: the kernel reports it after about three seconds."""
    disposition = Disposition.NEIGHBOUR_UNREACHABLE if known else Disposition.INSUFFICIENT_INFO
    stop = Stop(
        disposition=disposition,
        reason=Reason.NEIGHBOUR if known else Reason.NOT_COLLECTED,
        detail=detail,
        evidence=evidence,
        device=event.link.name,
        address=event.nexthop,
    )
    answer = icmp.error(event.packet, icmp.Problem.HOST_UNREACHABLE) if known else None
    return Stopped(event.branch, stop, event.packet, answer)


def _unseen_end(stack: Stack, event: Cross) -> Ended:
    missing = event.link.kind == "veth" and event.link.peer_index == 0
    stop = Stop(
        disposition=Disposition.LINK_DOWN if missing else Disposition.INSUFFICIENT_INFO,
        reason=Reason.PEER_MISSING if missing else Reason.NOT_COLLECTED,
        detail=f"the other end of {event.link.name} was not collected",
        device=event.link.name,
    )
    return _end(stack, Stopped(event.branch, stop, event.frame.packet))


def _too_big(event: Cross, device: Link, other: Stack) -> Stop | None:
    """A frame larger than the receiving device's MTU disappears without a word."""
    packet = event.frame.packet
    size = packet.size if packet.df else min(packet.size, event.link.mtu)
    if packet.gso or size <= device.mtu + _VLAN_ROOM:
        return None
    return Stop(
        disposition=Disposition.MTU_EXCEEDED,
        reason=Reason.PEER_MTU,
        detail=f"{event.link.name} sends {size} bytes, but {device.name} on {other.id} takes only "
        f"{device.mtu}",
        device=event.link.name,
        evidence=(
            Evidence(f"link {device.name} on {other.id}", f"mtu {device.mtu}"),
            Evidence(f"link {event.link.name}", f"mtu {event.link.mtu}"),
        ),
        limit=device.mtu,
    )


def _other_end_down(device: Link, other: Stack) -> Stop | None:
    if device.up:
        return None
    return Stop(
        disposition=Disposition.LINK_DOWN,
        reason=Reason.LINK_DOWN,
        detail=f"{device.name} on {other.id} is down",
        device=device.name,
        evidence=(Evidence(f"link {device.name} on {other.id}", device.raw or "state DOWN"),),
    )
