"""A frame from one namespace to the next: over a cable, or over the network between the nodes."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.diagnose.checksums import checksum_breaks, checksum_doubt
from skoop.diagnose.flight.end import At, End, Left, ended
from skoop.diagnose.flight.travel import departed, stopped_on_the_way, travelled
from skoop.diagnose.underlay import Arrives, Beyond, Carried, Lost, Splits, Underlay
from skoop.diagnose.world import WireEnd, World
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Namespace
from skoop.netstack.walk.device import receive
from skoop.netstack.walk.events import Branch, Cross, Frame, Reason, Stop, Stopped

_VLAN_ROOM = 4
"""veth and bridge ports pass frames of their MTU plus one VLAN tag (is_skb_forwardable())."""
_WIRE = Link(index=0, name="", kind="", mac="", mtu=1 << 16, up=True)
"""What a packet from outside comes in by."""
_OUTSIDE = Stack(Namespace(id="external"))
"""Where a packet from outside is, as long as it has not reached a node."""


class Cables:
    """What joins the namespaces of a world. Its answers are what happens at the other end, and the
    ends of what does not get there."""

    def __init__(self, world: World, underlay: Underlay) -> None:
        self._world = world
        self._underlay = underlay

    def cross(self, stack: Stack, event: Cross) -> Iterator[At | End]:
        """A frame that leaves a namespace."""
        end = self._world.peer(stack, event.link)
        if end is WireEnd.UNDERLAY:
            known = event.branch
            answer = self._underlay.carry(
                stack, event.link, event.frame, event.nexthop, known.opened, known.crossings
            )
            yield from _carried(stack, event, answer)
        elif isinstance(end, WireEnd):
            yield ended(stack, _unseen_end(event))
        else:
            yield from _into(stack, event, *end)

    def enter(self, packet: Packet, branch: Branch) -> Iterator[At | End]:
        """A packet from outside that first meets what lies under the nodes."""
        answer = self._underlay.enter(packet, branch.crossings)
        outside = branch.entering(f"external/{packet.source}", "", packet)
        yield from _carried(_OUTSIDE, Cross(outside, _WIRE, Frame(packet, "", "")), answer)


def _carried(stack: Stack, event: Cross, answer: Carried | Splits) -> Iterator[At | End]:
    """What the network between the nodes did with a frame."""
    if isinstance(answer, Splits):
        for share, each in answer.ways:
            branch = replace(event.branch, weight=event.branch.weight * share)
            yield from _carried(stack, replace(event, branch=branch), each)
    elif isinstance(answer, Arrives):
        yield from _arrives(stack, event, answer)
    else:
        packet = event.frame.packet if answer.packet is None else answer.packet
        yield _out_of_sight(stack, event, answer, packet)


def _arrives(stack: Stack, event: Cross, answer: Arrives) -> Iterator[At | End]:
    branch = event.branch
    if answer.how:
        branch = branch.noting(StepKind.TRANSMIT, answer.how)
    if checksum_breaks(stack, event, answer):
        branch, lost = checksum_doubt(stack, event, branch)
        if lost is not None:
            yield ended(stack, lost)
    packet = event.frame.packet if answer.packet is None else answer.packet
    frame = replace(event.frame, packet=packet, destination=answer.mac)
    arrived = Cross(travelled(branch, event, answer.journey), event.link, frame)
    yield from _into(stack, arrived, answer.stack, answer.link, routed=answer.routed)


def _out_of_sight(stack: Stack, event: Cross, answer: Lost | Beyond, packet: Packet) -> End:
    if isinstance(answer, Beyond) and stack is not _OUTSIDE:
        branch = travelled(event.branch, event, answer.journey)
        if answer.lost and branch.packet_in is not None:
            branch = branch.noting(StepKind.STOP, answer.why)
        branch = departed(branch, event)
        return Left(stack, branch, packet, event.link, answer)
    branch = stopped_on_the_way(event, answer.journey)
    if isinstance(answer, Lost):
        return ended(stack, Stopped(branch, answer.stop, packet, answer.answer))
    return ended(stack, Stopped(branch, _not_collected(answer), packet))


def _into(
    stack: Stack, event: Cross, other: Stack, device: Link, *, routed: bool = False
) -> Iterator[At | End]:
    """A frame at the device of another namespace; `routed` when a router is in between."""
    stop = _too_big(event, device, other, routed=routed) or _other_end_down(device, other)
    if stop is not None:
        yield ended(stack, Stopped(event.branch, stop, event.frame.packet))
        return
    packet = replace(event.frame.packet, mark=0)
    branch = departed(event.branch, event)
    branch = branch.entering(other.id, device.name, packet, event.frame.source)
    for following in receive(other, device, replace(event.frame, packet=packet), branch):
        yield At(other, following)


def _not_collected(beyond: Beyond) -> Stop:
    """A packet from outside that is handed to something that was not collected."""
    return Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_COLLECTED,
        detail=beyond.why,
    )


def _unseen_end(event: Cross) -> Stopped:
    missing = event.link.kind == "veth" and event.link.peer_index == 0
    stop = Stop(
        disposition=Disposition.LINK_DOWN if missing else Disposition.INSUFFICIENT_INFO,
        reason=Reason.PEER_MISSING if missing else Reason.NOT_COLLECTED,
        detail=f"the other end of {event.link.name} was not collected",
        device=event.link.name,
    )
    return Stopped(event.branch, stop, event.frame.packet)


def _too_big(event: Cross, device: Link, other: Stack, *, routed: bool) -> Stop | None:
    """A frame larger than the receiving device's MTU disappears without a word. Between virtual
    devices a burst of segments passes whole, whatever its size (is_skb_forwardable()); a card
    sends one segment after the other, and a router may."""
    packet = event.frame.packet
    whole = packet.df and not packet.gso
    size = packet.size if whole else min(packet.fragment or packet.size, event.link.mtu)
    if size <= device.mtu + _VLAN_ROOM:
        return None
    virtual = event.link.kind == device.kind == "veth"
    if packet.gso and virtual and not routed:
        return None
    unseen = packet.gso and virtual
    detail = (
        f"{event.link.name} sends {size} bytes, but {device.name} on {other.id} takes only "
        f"{device.mtu}"
    )
    return Stop(
        disposition=Disposition.INSUFFICIENT_INFO if unseen else Disposition.MTU_EXCEEDED,
        reason=Reason.NOT_COLLECTED if unseen else Reason.PEER_MTU,
        detail=f"{detail}, unless the router passes bursts on whole" if unseen else detail,
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
