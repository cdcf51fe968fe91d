"""One packet driven from event to event, over every way that it could go."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from skoop.diagnose.flight.cables import Cables
from skoop.diagnose.flight.end import At, End, Ended, delivered, ended, given_up, in_circles
from skoop.diagnose.flight.stations import Stations
from skoop.diagnose.underlay import Underlay
from skoop.diagnose.world import World
from skoop.model.packet import Packet
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.tracking import Tracked
from skoop.netstack.walk.device import receive
from skoop.netstack.walk.events import (
    Branch,
    Bridged,
    Cross,
    Event,
    Frame,
    Local,
    Looped,
    Reenter,
    Resolve,
    Stopped,
)
from skoop.netstack.walk.output import send
from skoop.netstack.walk.routing import choose_source

_MOST_EVENTS = 1000
"""A way that takes more events than this goes in circles."""
_MOST_HOPS = 150
"""So does one that meets more namespaces."""
_MOST_IN_ALL = 100_000
_MOST_GUESSED = 2000
"""A flight of more events than this, or of more that rest on guesses, branches too often to be
followed to its ends."""


class Flight:
    """Drives packets through a world. Keeps no state between packets."""

    def __init__(self, world: World, make_underlay: Callable[[World], Underlay]) -> None:
        self.world = world
        self._make_underlay = make_underlay
        self._underlay = make_underlay(world)
        self._stations = Stations(world, self._underlay)
        self._cables = Cables(world, self._underlay)

    def in_world(self, world: World) -> Flight:
        """The same, over a changed world."""
        return Flight(world, self._make_underlay)

    def send(
        self, stack: Stack, packet: Packet, branch: Branch, tracked: Tracked | None = None,
        *, any_source: bool = False,
    ) -> list[End]:  # fmt: skip
        """A packet of a namespace's own; `any_source` allows it another's source address, and
        without one it is told with that which the route gives it."""
        story = branch.entering(stack.id, "", choose_source(stack, packet))
        events = send(stack, packet, story, tracked, any_source=any_source)
        return self._drive(At(stack, event) for event in events)

    def answer(self, end: Ended, branch: Branch) -> list[End]:
        """What a namespace sends back about a packet that it stopped; nothing when it is silent."""
        stack, stopped = end.stack, end.stopped
        if stopped.answer is None:
            return []
        if not stopped.answer_port:
            tracked = stopped.answer_tracked
            return self.send(stack, stopped.answer, branch, tracked, any_source=True)
        story = branch.entering(stack.id, "", stopped.answer)
        frame = Frame(stopped.answer, "", end.branch.mac)
        return self._drive([At(stack, Cross(story, stack.links[stopped.answer_port], frame))])

    def arrive(self, stack: Stack, link: Link, packet: Packet, branch: Branch) -> list[End]:
        """A packet that comes in from outside the known network."""
        story = branch.entering(stack.id, link.name, packet)
        events = receive(stack, link, Frame(packet, "", link.mac), story)
        return self._drive(At(stack, event) for event in events)

    def takes(self, packet: Packet) -> bool:
        """Whether it is known how a packet from outside comes in; what a tunnel packet's answer
        would be, no one out there tells."""
        known = self._underlay.takes(packet.family, packet.src, packet.dst)
        return known and packet.inner is None

    def enter(self, packet: Packet, branch: Branch) -> list[End]:
        """A packet from outside that first meets what lies under the nodes."""
        return self._drive(self._cables.enter(packet, branch))

    def _drive(self, beginning: Iterable[At | End]) -> list[End]:
        """The ends of every way, in the order in which they are reached."""
        ends: list[End] = []
        pending: list[tuple[At, int]] = []
        following, age, total, guessed = beginning, 0, 0, 0
        while True:
            for each in following:
                if isinstance(each, At):
                    pending.append((each, age))
                else:
                    ends.append(each)
            if not pending:
                return ends
            at, age = pending.pop()
            branch = at.event.branch
            total, guessed = total + 1, guessed + bool(branch.guesses)
            if age > _MOST_EVENTS or len(branch.hops) > _MOST_HOPS:
                following = (in_circles(at),)
            elif total > _MOST_IN_ALL or guessed > _MOST_GUESSED:
                following = (given_up(at),)
            else:
                following = self._step(at)
            age += 1

    def _step(self, at: At) -> Iterable[At | End]:
        """What an event leads to."""
        stack, event = at
        if isinstance(event, Cross):
            return self._cables.cross(stack, event)
        if isinstance(event, Local):
            return (delivered(stack, event),)
        if isinstance(event, Stopped):
            return (ended(stack, event),)
        return [At(stack, each) for each in self._inside(stack, event)]

    def _inside(self, stack: Stack, event: Resolve | Reenter | Looped | Bridged) -> list[Event]:
        """What an event leads to in the namespace where it happens."""
        if isinstance(event, Resolve):
            return self._stations.resolve(stack, event)
        if isinstance(event, Bridged):
            return self._stations.bridged(stack, event)
        if isinstance(event, Looped):
            return self._stations.looped(stack, event)
        inside = replace(event.branch, mac=event.frame.source)
        return receive(stack, event.link, event.frame, inside)
