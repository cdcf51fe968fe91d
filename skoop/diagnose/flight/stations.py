"""Who takes a packet on a link, and by which port of a bridge it is reached."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.diagnose.neighbours import Resolution, resolve
from skoop.diagnose.underlay import Underlay
from skoop.diagnose.world import WireEnd, World
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import StepKind
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.walk import icmp
from skoop.netstack.walk.bridge import (
    addressed,
    leave_by_port,
    may_leave,
    not_flooded,
    ports_for,
    unknown_station,
)
from skoop.netstack.walk.device import transmit
from skoop.netstack.walk.events import (
    Branch,
    Bridged,
    Cross,
    Event,
    Frame,
    Looped,
    Reason,
    Resolve,
    Stop,
    Stopped,
)
from skoop.netstack.walk.input import loop_back


class Stations:
    """The stations on the links of a world."""

    def __init__(self, world: World, underlay: Underlay) -> None:
        self._world = world
        self._underlay = underlay

    def resolve(self, stack: Stack, event: Resolve) -> list[Event]:
        """The packet in a frame to its next hop."""
        link, packet, branch = event.link, event.packet, event.branch
        if link.up and self._is_refused(stack, event):
            return [_no_room(branch, packet, link.name, event.nexthop)]
        if not link.up or (not link.arp and link.kind != "veth"):
            return transmit(stack, link, Frame(packet, "", ""), event.nexthop, branch)
        if self._world.peer(stack, link) is WireEnd.UNDERLAY:
            mac = self._underlay.mac_of(stack, link, event.family, event.nexthop)
            return transmit(stack, link, Frame(packet, link.mac, mac), event.nexthop, branch)
        found = self._find(stack, event)
        if not found.mac:
            return [_unresolved(event, found)]
        if found.fixed:
            branch = branch.noting(StepKind.NEIGHBOUR, f"next hop is {found.mac}", *found.evidence)
        return transmit(stack, link, Frame(packet, link.mac, found.mac), event.nexthop, branch)

    def looped(self, stack: Stack, event: Looped) -> list[Event]:
        """The packet back into its host. Kernels that count a neighbour on lo like any other need
        room for it too (__neigh_create(), before it asked for IFF_LOOPBACK)."""
        packet = event.packet
        if self._world.neighbour_table(stack, packet.family).is_full:
            return [_no_room(event.branch, packet, "lo", packet.dst)]
        return loop_back(stack, packet, event.tracked, event.branch)

    def bridged(self, stack: Stack, event: Bridged) -> list[Event]:
        """A frame out of a bridge by the port behind which its station is."""
        if event.wanted:
            packet = event.frame.packet
            asked = Resolve(
                event.branch, event.bridge, packet, event.tracked, packet.family, event.wanted
            )
            found = self._find(stack, asked)
            if not found.mac:
                return [_unresolved(asked, found)]
            event = addressed(stack, event, found.mac)
        unseen = None
        ports = ports_for(stack, event)
        for port in ports:
            end = self._world.peer(stack, port)
            if isinstance(end, WireEnd):
                unseen = unseen or port
            elif event.fixed or end[1].mac == event.frame.destination or end[1].master:
                return leave_by_port(stack, event, port)
        if unseen is not None:
            return leave_by_port(stack, event, unseen)
        return self._flooded(stack, event, ports)

    def _is_refused(self, stack: Stack, event: Resolve) -> bool:
        """Whether the next hop would be a new neighbour, and the table has no room for one. Without
        ARP there is an entry too: on a point-to-point link one for all (arp_constructor())."""
        keys = (event.nexthop,) if event.link.arp else (event.nexthop, 0)
        known = any((event.link.name, event.family, key) in stack.neighbours for key in keys)
        return not known and self._world.neighbour_table(stack, event.family).is_full

    def _find(self, stack: Stack, event: Resolve) -> Resolution:
        return resolve(
            self._world,
            stack,
            event.link,
            event.family,
            event.nexthop,
            event.packet.src,
            event.branch.opened,
        )

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
        for port in stack.ports.get(event.bridge.name, ()):
            end = self._world.peer(stack, port)
            if port in tried or isinstance(end, WireEnd):
                continue
            if end[1].mac == event.frame.destination:
                return not_flooded(stack, event, port)
        return unknown_station(stack, event)


def _no_room(branch: Branch, packet: Packet, device: str, nexthop: int) -> Stopped:
    """neigh_alloc() may still find an entry to throw out, so this is not certain."""
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.TABLE_FULL,
        detail="the neighbour table is full, and the next hop is not in it",
        device=device,
        address=nexthop,
    )
    return Stopped(branch, stop, packet)


def _unresolved(event: Resolve, found: Resolution) -> Stopped:
    """The neighbour does not answer: the kernel reports it after about three seconds."""
    certain = Disposition.NEIGHBOUR_UNREACHABLE, Reason.NEIGHBOUR
    why_not = Reason.CONTESTED if found.contested else Reason.NOT_COLLECTED
    unsure = Disposition.INSUFFICIENT_INFO, why_not
    disposition, reason = certain if found.known else unsure
    stop = Stop(
        disposition=disposition,
        reason=reason,
        detail=found.detail,
        evidence=found.evidence,
        device=event.link.name,
        address=event.nexthop,
        withheld=found.withheld,
    )
    answer = icmp.error(event.packet, icmp.Problem.HOST_UNREACHABLE) if found.known else None
    return Stopped(event.branch, stop, event.packet, answer)
