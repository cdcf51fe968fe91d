"""A router with two devices, and packets that come in or go out."""

from __future__ import annotations

from typing import Any

from skoop.model.address import format_ip
from skoop.model.packet import Packet
from skoop.netstack.stack import Stack
from skoop.netstack.walk.device import receive
from skoop.netstack.walk.events import (
    Branch,
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
from tests.netstack.builders import link, namespace

E0, E1 = link("e0", 2), link("e1", 3)
ADDRESSES = ("10.0.0.1/24 e0", "10.0.1.1/24 e1", "fd00::1/64 e0", "fd01::1/64 e1")


def router(**fields: Any) -> Stack:
    """10.0.0.1 and fd00::1 on e0, 10.0.1.1 and fd01::1 on e1, forwarding on."""
    fields.setdefault("addresses", ADDRESSES)
    fields.setdefault("links", (E0, E1))
    return Stack(namespace(**fields))


def arrive(
    stack: Stack, sent: Packet, device: str = "e0", branch: Branch | None = None
) -> list[Event]:
    """What becomes of a packet for the device's own MAC."""
    came_in = stack.links[device]
    story = (branch or Branch()).entering(stack.id, device, sent)
    return receive(stack, came_in, Frame(sent, "02:00:00:00:99:99", came_in.mac), story)


def leave(stack: Stack, sent: Packet) -> list[Event]:
    """What becomes of the host's own packet."""
    return send(stack, sent, Branch().entering(stack.id, "", sent))


def told(event: Event) -> str:
    """ "out e1 to 10.0.1.9", "local", or the disposition of a stop."""
    if isinstance(event, Stopped):
        return event.stop.disposition.value
    if isinstance(event, Resolve):
        return f"out {event.link.name} to {format_ip(event.family, event.nexthop)}"
    if isinstance(event, Cross):
        return f"over {event.link.name}"
    if isinstance(event, Reenter):
        return f"in by {event.link.name}"
    return {Local: "local", Looped: "loop"}.get(type(event), type(event).__name__)


def only(events: list[Event]) -> Event:
    """The one event there is."""
    (event,) = events
    return event


def answer(event: Event) -> str:
    """ "3/1" for the ICMP error sent back, "rst", or ""."""
    if not isinstance(event, Stopped) or event.answer is None:
        return ""
    back = event.answer
    return f"{back.icmp.type}/{back.icmp.code}" if back.quoted is not None else "rst"
