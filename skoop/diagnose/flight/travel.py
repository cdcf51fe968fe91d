"""What a packet met between the nodes, written into its branch."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.diagnose.passage import Journey, Stay
from skoop.model.trace import Hop
from skoop.netstack.walk.events import Branch, Cross


def travelled(branch: Branch, event: Cross, journey: Journey) -> Branch:
    """The branch after a journey: the stay in the namespace that sent is closed, every device met
    is a hop of its own."""
    if not journey.stays:
        return _with_journey(branch, journey)
    branch = departed(branch, event)
    for stay in journey.stays:
        branch = branch.passing(_hop(stay))
    return _with_journey(branch, journey)


def stopped_on_the_way(event: Cross, journey: Journey) -> Branch:
    """The branch inside the last device met, where the packet ends."""
    if not journey.stays:
        return _with_journey(event.branch, journey)
    *passed, last = journey.stays
    branch = travelled(event.branch, event, replace(journey, stays=tuple(passed)))
    branch = departed(branch, event).entering(last.id, "", last.packet_in)
    return replace(branch, steps=last.steps, title=last.title, emulated=last.emulated)


def departed(branch: Branch, event: Cross) -> Branch:
    """The branch outside of the namespace that sent."""
    if branch.packet_in is None:
        return branch
    return branch.leaving(event.link.name, event.frame.packet)


def _with_journey(branch: Branch, journey: Journey) -> Branch:
    return replace(
        branch,
        crossings=(*branch.crossings, *journey.crossings),
        doubts=(*branch.doubts, *journey.doubts),
        notes=(*branch.notes, *journey.notes),
    )


def _hop(stay: Stay) -> Hop:
    return Hop(
        stay.id, "", "", stay.packet_in, stay.packet_out, stay.steps, stay.title, stay.emulated
    )
