"""Where a packet can end."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from skoop.diagnose.underlay import Beyond
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import StepKind
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.tracking import Tracked
from skoop.netstack.walk.events import (
    Branch,
    Bridged,
    Cross,
    Event,
    Local,
    Reason,
    Reenter,
    Stop,
    Stopped,
)


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


class At(NamedTuple):
    """An event in the namespace where it happens."""

    stack: Stack
    event: Event


def delivered(stack: Stack, event: Local) -> Delivered:
    """The end of a packet that its namespace keeps."""
    branch = event.branch.leaving("", event.packet)
    return Delivered(stack, branch, event.packet, event.iif, event.tracked, event.tproxy_port)


def ended(stack: Stack, stopped: Stopped) -> Ended:
    """The end of a stopped packet, whose last step says why."""
    stop = stopped.stop
    branch = stopped.branch.noting(StepKind.STOP, stop.detail, *stop.evidence)
    return Ended(stack, branch.leaving("", stopped.packet), stopped)


def in_circles(at: At) -> Ended:
    """The end of a packet that goes in circles."""
    stop = Stop(
        disposition=Disposition.LOOP,
        reason=Reason.LOOP,
        detail="the packet goes in circles",
    )
    return ended(at.stack, Stopped(at.event.branch, stop, _packet_of(at.event)))


def given_up(at: At) -> Ended:
    """The end of a packet that branches too often."""
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_MODELLED,
        detail="there are too many ways that the packet could go to follow all of them",
    )
    return ended(at.stack, Stopped(at.event.branch, stop, _packet_of(at.event)))


def _packet_of(event: Event) -> Packet:
    return event.frame.packet if isinstance(event, Cross | Bridged | Reenter) else event.packet
