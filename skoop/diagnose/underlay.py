"""What carries packets between the nodes, and where it may bring them.

Nobody collected it: `plain_underlay` says what may be assumed of any, a cloud's `InfraShim` may
know more.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

from msgspec import Struct

from skoop.diagnose.passage import Journey
from skoop.model.address import Family
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.walk.events import Crossing, Frame, Reason, Stop


class Arrives(Struct, frozen=True):
    """The frame reaches a device of another node; `routed` when a router is in between. `packet` is
    what it carries by then, None when nothing changed it; `journey` what it met."""

    stack: Stack
    link: Link
    mac: str
    how: str
    routed: bool = False
    packet: Packet | None = None
    journey: Journey = Journey()


class Lost(Struct, frozen=True):
    """The underlay cannot deliver it, and that is certain."""

    stop: Stop
    answer: Packet | None = None
    packet: Packet | None = None
    journey: Journey = Journey()


class Beyond(Struct, frozen=True):
    """The packet is out of sight. `gateway` is the next hop as text; `lost` says that nothing out
    there can know its destination, `answers` that what is there may be taken to answer, so that
    the way back can be walked."""

    gateway: str
    why: str
    lost: bool = False
    answers: bool = False
    packet: Packet | None = None
    journey: Journey = Journey()


Carried = Arrives | Lost | Beyond


class Splits(Struct, frozen=True):
    """The packet may go several ways; each with its share of connections."""

    ways: tuple[tuple[float, Carried], ...]


class Underlay(Protocol):
    """What carries packets between nodes and to the outside."""

    def mac_of(self, stack: Stack, link: Link, family: Family, nexthop: int) -> str:
        """The destination MAC a node would use on a device of the underlay, "" when unknown."""

    def carry(
        self, stack: Stack, link: Link, frame: Frame, nexthop: int, spoken: Container[str],
        crossings: tuple[Crossing, ...] = (),
    ) -> Carried | Splits:  # fmt: skip
        """Where a frame that leaves by such a device ends up. `spoken` are the ids of namespaces
        that have already sent something in this conversation, `crossings` what devices between
        the nodes remember of it."""

    def takes(self, family: Family, source: int, destination: int) -> bool:
        """Whether it knows how packets with these addresses come in from outside."""

    def enter(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Carried | Splits:
        """Where a packet from outside ends up, of which `takes` is true."""


def no_carrier(stack: Stack, link: Link) -> Stop:
    """A device without a carrier sends nothing."""
    return Stop(
        disposition=Disposition.LINK_DOWN,
        reason=Reason.LINK_DOWN,
        detail=f"{link.name} has no carrier",
        device=link.name,
        evidence=(Evidence(f"link {link.name} on {stack.id}", link.raw or link.operstate),),
    )
