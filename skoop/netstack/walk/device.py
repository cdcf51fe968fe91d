"""The link layer's two ends: a frame comes in by a device, a routed packet leaves by one."""

from __future__ import annotations

from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.walk.bridge import receive_by_port, send_by_bridge
from skoop.netstack.walk.events import (
    BROADCAST_MAC,
    Branch,
    Cross,
    Event,
    Frame,
    Reason,
    Stop,
    Stopped,
)
from skoop.netstack.walk.input import receive_ip
from skoop.netstack.walk.tc import through
from skoop.netstack.walk.tunnel import encapsulate
from skoop.netstack.walk.wireguard import seal

_TUNNELS = ("vxlan", "ipip", "sit", "gre", "ip6tnl", "geneve")
OPAQUE = {
    "tun": "its other end is a program",
    "tap": "its other end is a program",
    "geneve": "Geneve is not modelled",
    "ip6tnl": "IPv6 tunnels are not modelled",
    "vrf": "VRFs are not modelled",
    "openvswitch": "Open vSwitch flows are not modelled",
}
"""Kinds of devices through which a packet cannot be followed, and why."""


def receive(stack: Stack, link: Link, frame: Frame, branch: Branch) -> list[Event]:
    """A frame arrives at a device of this namespace."""
    if not link.up:
        return [Stopped(branch, _down(stack, link), frame.packet)]
    events: list[Event] = []
    for way in through(stack, link, link.tc.ingress, frame.packet, branch):
        if isinstance(way, Stopped):
            events.append(way)
        else:
            events += _accept(stack, link, frame, way)
    return events


def _accept(stack: Stack, link: Link, frame: Frame, branch: Branch) -> list[Event]:
    if link.master:
        master = stack.links.get(link.master)
        if master is None or master.kind == "bridge":
            return receive_by_port(stack, link, frame, branch)
        if master.kind in OPAQUE:
            return [_opaque(master, frame.packet, branch)]
        link = master
    if link.kind in OPAQUE and link.kind != "geneve":
        return [_opaque(link, frame.packet, branch)]
    if frame.destination and frame.destination not in (link.mac, BROADCAST_MAC):
        return [Stopped(branch, _other_host(stack, link, frame), frame.packet)]
    return receive_ip(stack, link.name, frame.packet, branch)


def _other_host(stack: Stack, link: Link, frame: Frame) -> Stop:
    return Stop(
        disposition=Disposition.NEIGHBOUR_UNREACHABLE,
        reason=Reason.WRONG_MAC,
        detail=f"the frame is for {frame.destination}, but {link.name} is {link.mac}",
        device=link.name,
        evidence=(Evidence(f"link {link.name} on {stack.id}", f"address {link.mac}"),),
    )


def transmit(stack: Stack, link: Link, frame: Frame, nexthop: int, branch: Branch) -> list[Event]:
    """A packet whose next hop is known leaves by a device."""
    if not link.up:
        return [Stopped(branch, _down(stack, link), frame.packet)]
    events: list[Event] = []
    for way in through(stack, link, link.tc.egress, frame.packet, branch):
        if isinstance(way, Stopped):
            events.append(way)
        else:
            events += _send(stack, link, frame, nexthop, way)
    return events


def _send(stack: Stack, link: Link, frame: Frame, nexthop: int, branch: Branch) -> list[Event]:
    if link.kind == "bridge":
        return send_by_bridge(stack, link, frame, branch)
    if link.kind in OPAQUE:
        return [_opaque(link, frame.packet, branch)]
    if link.kind == "wireguard":
        return seal(stack, link, frame.packet, branch)
    if link.kind in _TUNNELS:
        return encapsulate(stack, link, frame, nexthop, branch)
    if link.kind == "dummy":
        stop = Stop(
            disposition=Disposition.BLACKHOLED,
            reason=Reason.ROUTE_TYPE,
            detail=f"{link.name} is a dummy device, which swallows packets",
            device=link.name,
        )
        return [Stopped(branch, stop, frame.packet)]
    return [Cross(branch, link, frame, nexthop)]


def _down(stack: Stack, link: Link) -> Stop:
    return Stop(
        disposition=Disposition.LINK_DOWN,
        reason=Reason.LINK_DOWN,
        detail=f"{link.name} is down",
        device=link.name,
        evidence=(Evidence(f"link {link.name} on {stack.id}", link.raw or "state DOWN"),),
    )


def _opaque(link: Link, packet: Packet, branch: Branch) -> Stopped:
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_MODELLED,
        detail=f"{link.name}: {OPAQUE[link.kind]}",
        device=link.name,
    )
    return Stopped(branch, stop, packet)
