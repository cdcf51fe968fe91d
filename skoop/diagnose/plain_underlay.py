"""The network between the nodes, of which nothing is known: what may be assumed of it.

A frame goes to the node that has the next hop's address. Behind a gateway, packets for a node's own
address are taken to that node; any other address is out of sight.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from types import MappingProxyType

from skoop.diagnose.neighbours import no_question, unheard
from skoop.diagnose.underlay import Arrives, Beyond, Carried, Lost, Splits, no_carrier
from skoop.diagnose.world import World
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.arp import answers, may_answer
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Neighbour
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import Crossing, Frame, Reason, Stop, Withheld
from skoop.netstack.walk.solicit import asker_of, kept_from_asker

LACKS = "does not have"
"""How a stop says that a node has lost its address."""


class PlainUnderlay:
    """Nodes on one or more subnets, joined by routers that know the nodes' addresses."""

    def __init__(
        self,
        world: World,
        unroutable: tuple[Prefix, ...] = (),
        claimed: Mapping[tuple[Family, int], str] = MappingProxyType({}),
    ) -> None:
        """`unroutable` are networks that only nodes know: pod networks behind tunnels, Services.
        `claimed` are the addresses that the API gives collected nodes, with the node's name."""
        self._world = world
        self._unroutable = unroutable
        self._claimed = claimed

    def mac_of(self, stack: Stack, link: Link, family: Family, nexthop: int) -> str:
        """A permanent entry's MAC; anything else is resolved when the frame is carried."""
        entry = stack.neighbours.get((link.name, family, nexthop))
        return entry.mac if entry is not None and entry.is_fixed else ""

    def takes(self, family: Family, source: int, destination: int) -> bool:
        """Nothing is known of the outside."""
        del family, source, destination
        return False

    def enter(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Carried | Splits:
        """Nothing comes in by itself."""
        del crossings
        return Beyond(packet.destination, "nothing was collected of the network outside")

    def carry(
        self, stack: Stack, link: Link, frame: Frame, nexthop: int, spoken: Container[str],
        crossings: tuple[Crossing, ...] = (),
    ) -> Carried:  # fmt: skip
        """The node that has the next hop's address, or the one a fixed MAC belongs to."""
        del crossings
        family = frame.packet.family
        if not link.carrier:
            return Lost(no_carrier(stack, link))
        entry = stack.neighbours.get((link.name, family, nexthop))
        if frame.destination:
            return self._by_mac(stack, link, frame, nexthop, entry)
        gone = self.gone(link, frame.packet, nexthop)
        if gone is not None:
            return gone
        here = self._others(stack, family, nexthop, entry)
        if _is_contested(here):
            return _contested(here, link, family, nexthop)
        here = here or list(self._answering(stack, link, family, nexthop))
        if _is_contested(here):
            return _contested(here, link, family, nexthop, "answer for")
        if here:
            return self._on_link(stack, link, frame, nexthop, here[0], spoken)
        if entry is not None and entry.state in ("FAILED", "INCOMPLETE"):
            return _unresolved(stack, link, frame.packet, nexthop, entry)
        return self._behind_gateway(stack, link, frame.packet, nexthop)

    def _others(
        self, stack: Stack, family: Family, address: int, entry: Neighbour | None = None
    ) -> list[tuple[Stack, Link]]:
        """The other nodes with an address; of several the one whose MAC is remembered."""
        here = [each for each in self._world.owners(family, address) if each[0] is not stack]
        up = [each for each in here if each[1].up]
        if not _is_contested(up):
            return up or here
        usable = entry is not None and entry.state not in ("FAILED", "INCOMPLETE")
        return [each for each in up if entry and usable and each[1].mac == entry.mac] or up

    def _answering(
        self, stack: Stack, link: Link, family: Family, address: int
    ) -> Iterator[tuple[Stack, Link]]:
        """Nodes of the segment that answer for an address which none has on a device there: one
        that they have on another device, or are proxies for (arp_process(), net/ipv4/arp.c)."""
        segment = [each.prefix for each in stack.addresses(link.name, family)]
        asker = stack.select_source(link.name, family, address)
        for other, device in self._world.underlay_links():
            if other is stack or not device.up:
                continue
            if not may_answer(other, device.name, family, address):
                continue
            beside = (each.value for each in other.addresses(device.name, family))
            if not any(prefix.contains(value) for value in beside for prefix in segment):
                continue
            if not answers(other, device.name, family, address, asker):
                yield other, device

    def gone(self, link: Link, packet: Packet, nexthop: int) -> Lost | None:
        """The next hop or the destination is an address that its node no longer has."""
        for address in (nexthop, packet.dst):
            node = self._claimed.get((packet.family, address), "")
            host = self._world.hosts.get(node)
            if host is None or host.is_local(packet.family, address):
                continue
            stop = Stop(
                disposition=Disposition.NEIGHBOUR_UNREACHABLE,
                reason=Reason.NEIGHBOUR,
                detail=f"node {node} {LACKS} {format_ip(packet.family, address)}, the address that "
                "the API gives it",
                device=link.name,
                address=address,
            )
            return Lost(stop, icmp.error(packet, icmp.Problem.HOST_UNREACHABLE))
        return None

    def _by_mac(
        self, stack: Stack, link: Link, frame: Frame, nexthop: int, entry: Neighbour | None
    ) -> Arrives | Lost | Beyond:
        mac = frame.destination
        for other, device in self._world.underlay_links():
            if device.mac == mac and other is not stack:
                return Arrives(other, device, mac, f"over the underlay to {other.id}")
        name = format_ip(frame.packet.family, nexthop)
        given = Evidence(f"ip neigh on {stack.id}", entry.raw if entry else mac)
        if self._world.owners(frame.packet.family, nexthop):
            detail = f"frames for {name} go to {mac}, which no node has"
            return _wrong_mac(link, nexthop, detail, given)
        heard = list(self._heard(stack, link, frame.packet.family, nexthop))
        if any(each.mac == mac for _, each in heard):
            return self._behind_gateway(stack, link, frame.packet, nexthop)
        if not heard:
            detail = (
                f"a permanent entry says that {name} has {mac}, and no other node has heard of it"
            )
            return _wrong_mac(link, nexthop, detail, given, how=Disposition.INSUFFICIENT_INFO)
        detail = f"frames for {name} go to {mac}, and other nodes know it by {heard[0][1].mac}"
        known = (Evidence(f"ip neigh on {other.id}", each.raw) for other, each in heard)
        return _wrong_mac(link, nexthop, detail, given, *known)

    def _heard(
        self, stack: Stack, link: Link, family: Family, address: int
    ) -> Iterator[tuple[Stack, Neighbour]]:
        """What other nodes of the segment have heard from a station that is no node of it."""
        segment = [each.prefix for each in stack.addresses(link.name, family)]
        for other, device in self._world.underlay_links():
            entry = other.neighbours.get((device.name, family, address))
            if other is stack or entry is None or not entry.mac or entry.is_fixed:
                continue
            beside = (each.value for each in other.addresses(device.name, family))
            usable = entry.state not in ("FAILED", "INCOMPLETE")
            if usable and any(each.contains(value) for value in beside for each in segment):
                yield other, entry

    def _on_link(
        self,
        stack: Stack,
        link: Link,
        frame: Frame,
        nexthop: int,
        owner: tuple[Stack, Link],
        spoken: Container[str],
    ) -> Arrives | Lost:
        other, device = owner
        family = frame.packet.family
        name = format_ip(family, nexthop)
        asker = asker_of(stack, link.name, family, nexthop, frame.packet.src)
        refusal = "" if device.up else f"{device.name} is down"
        refusal = refusal or answers(other, device.name, family, nexthop, asker)
        refusal = refusal or no_question(stack, link, family, asker)
        withheld = None
        if family is Family.V6 and not refusal:
            withheld = unheard(stack, link, other, device, nexthop, asker)
        entry = stack.neighbours.get((link.name, family, nexthop))
        remembered = entry is not None and entry.mac == device.mac and device.up
        fine = not refusal and withheld is None
        if fine or remembered or (device.up and other.id in spoken):
            return Arrives(other, device, device.mac, f"over the underlay to {other.id}")
        detail = f"{other.id} does not answer for {name}: {refusal}"
        return _not_answered(link, frame.packet, nexthop, detail, withheld)

    def _behind_gateway(
        self, stack: Stack, link: Link, packet: Packet, nexthop: int
    ) -> Arrives | Lost | Beyond:
        gateway = format_ip(packet.family, nexthop)
        unasked = _gateway_unasked(stack, link, packet, nexthop)
        if unasked is not None:
            return unasked
        owners = self._others(stack, packet.family, packet.dst)
        if _is_contested(owners):
            return _contested(owners, link, packet.family, packet.dst)
        if owners and nexthop != packet.dst:
            other, device = owners[0]
            how = f"by the router {gateway} to {other.id}"
            return Arrives(other, device, device.mac, how, routed=True)
        inside = self.only_inside(packet, nexthop)
        return inside or Beyond(gateway, f"nothing was collected beyond {gateway}")

    def only_inside(self, packet: Packet, nexthop: int) -> Beyond | None:
        """The end of a packet for a network that no router can know."""
        gateway = format_ip(packet.family, nexthop)
        for prefix in self._unroutable:
            if prefix.family is packet.family and prefix.contains(packet.dst):
                why = f"{gateway} has no way to know {prefix}, which exists only inside the nodes"
                return Beyond(gateway, why, lost=True)
        return None


def _wrong_mac(
    link: Link,
    nexthop: int,
    detail: str,
    *evidence: Evidence,
    how: Disposition = Disposition.NEIGHBOUR_UNREACHABLE,
) -> Lost:
    return Lost(
        Stop(
            disposition=how,
            reason=Reason.WRONG_MAC,
            detail=detail,
            device=link.name,
            address=nexthop,
            evidence=evidence,
        )
    )


def _is_contested(owners: list[tuple[Stack, Link]]) -> bool:
    return len({owner.id for owner, _ in owners}) > 1


def _contested(
    owners: list[tuple[Stack, Link]], link: Link, family: Family, address: int, do: str = "have"
) -> Lost:
    """Several nodes have the address, and nothing tells which of them answers first."""
    name = format_ip(family, address)
    who = " and ".join(owner.id.replace("/", " ", 1) for owner, _ in owners)
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.CONTESTED,
        detail=f"{who} both {do} {name}",
        device=link.name,
        address=address,
        evidence=tuple(
            Evidence(f"link {device.name} on {owner.id}", f"{name} is at {device.mac}")
            for owner, device in owners
        ),
    )
    return Lost(stop)


def _gateway_unasked(stack: Stack, link: Link, packet: Packet, nexthop: int) -> Lost | None:
    """What keeps a node from asking a router that it does not remember."""
    entry = stack.neighbours.get((link.name, packet.family, nexthop))
    if packet.family is Family.V4 or (entry is not None and entry.mac):
        return None
    asker = asker_of(stack, link.name, packet.family, nexthop, packet.src)
    mute = no_question(stack, link, packet.family, asker)
    withheld = None if mute else kept_from_asker(stack, link.name, nexthop, asker)
    if not mute and withheld is None:
        return None
    gateway = format_ip(packet.family, nexthop)
    detail = f"nobody on {link.name} is heard to answer for {gateway}: {mute}"
    return _not_answered(link, packet, nexthop, detail, withheld)


def _not_answered(
    link: Link, packet: Packet, nexthop: int, detail: str, withheld: Withheld | None
) -> Lost:
    """The next hop is not found; with `withheld` a rule is, or may be, the reason."""
    if withheld is not None:
        detail += f"{withheld.stop.detail} on {withheld.node}"
    if withheld is not None and not withheld.certain:
        unsure = Stop(
            disposition=Disposition.INSUFFICIENT_INFO, reason=Reason.NOT_COLLECTED, detail=detail,
            device=link.name, address=nexthop,
        )  # fmt: skip
        return Lost(unsure)
    stop = Stop(
        disposition=Disposition.NEIGHBOUR_UNREACHABLE,
        reason=Reason.NEIGHBOUR,
        detail=detail,
        device=link.name,
        address=nexthop,
        withheld=withheld,
    )
    return Lost(stop, icmp.error(packet, icmp.Problem.HOST_UNREACHABLE))


def _unresolved(stack: Stack, link: Link, packet: Packet, nexthop: int, entry: Neighbour) -> Lost:
    name = format_ip(packet.family, nexthop)
    stop = Stop(
        disposition=Disposition.NEIGHBOUR_UNREACHABLE,
        reason=Reason.NEIGHBOUR,
        detail=f"nobody on {link.name} answers for {name}",
        device=link.name,
        address=nexthop,
        evidence=(Evidence(f"ip neigh on {stack.id}", entry.raw or entry.state),),
    )
    return Lost(stop, icmp.error(packet, icmp.Problem.HOST_UNREACHABLE))
