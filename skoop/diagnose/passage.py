"""What the network under the nodes does with a packet, as an InfraShim answers it."""

from __future__ import annotations

from msgspec import Struct

from skoop.model.diagnosis import NotChecked, Suspicion
from skoop.model.packet import Packet
from skoop.model.trace import Step
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.walk.events import Crossing, Stop


class NodeEnd(Struct, frozen=True):
    """A device of a node that leads to the network under it."""

    node: str
    stack: Stack
    link: Link


class Stay(Struct, frozen=True, kw_only=True):
    """A packet in one device of the cloud. `id` is the device's global id, `title` what a reader
    calls it ("load balancer lb-1"); `emulated` when the cloud has no such object."""

    id: str
    title: str
    packet_in: Packet
    packet_out: Packet
    steps: tuple[Step, ...] = ()
    emulated: bool = False


class Preparation(Struct, frozen=True):
    """What reading the cloud came to: what could not be asked, and what is taken for granted."""

    notes: tuple[NotChecked, ...] = ()
    assumptions: tuple[str, ...] = ()


class Journey(Struct, frozen=True, kw_only=True):
    """What happened on the way: the devices passed, the connections that they now remember, what
    is suspicious without stopping the packet, what could not be looked at."""

    stays: tuple[Stay, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    doubts: tuple[Suspicion, ...] = ()
    notes: tuple[NotChecked, ...] = ()


class Reached(Struct, frozen=True, kw_only=True):
    """The packet comes in at a node, by its interface with this private address (as an integer of
    the packet's family) or this MAC. `weight` is the share of connections that go this way."""

    node: str
    packet: Packet
    address: int = 0
    mac: str = ""
    journey: Journey = Journey()
    weight: float = 1.0


class Gone(Struct, frozen=True, kw_only=True):
    """The packet is handed to something that is no node: `where` says what ("the internet").
    `answers` when what is there may be taken to answer, so that the way back can be walked."""

    where: str
    packet: Packet
    answers: bool = False
    journey: Journey = Journey()
    weight: float = 1.0


class Blocked(Struct, frozen=True, kw_only=True):
    """The packet ends here; `stop.suspicion` says why, with the rule or route and its global id."""

    stop: Stop
    packet: Packet
    journey: Journey = Journey()
    weight: float = 1.0


Passage = Reached | Gone | Blocked
Passages = tuple[Passage, ...]
"""Every way that connections may go; the weights add up to 1."""
