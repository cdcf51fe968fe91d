"""Tunnel packets whose UDP checksum a translation leaves wrong.

The kernel fills a VXLAN packet's outer checksum in at once and leaves the inner one to the device
(lco_csum()). A translation of the outer port then takes the whole packet for one whose checksum is
still to come, and does not correct it (inet_proto_csum_replace4()). Whether that is noticed depends
on what carries the packet: between two ends of a veth nobody looks, a NIC or a routing bridge in
between completes the inner checksum, and the receiver drops the packet.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.diagnose.underlay import Arrives
from skoop.model.disposition import Disposition
from skoop.model.packet import EPHEMERAL, Proto
from skoop.model.trace import Evidence
from skoop.netstack.netfilter import Guess, Unknown
from skoop.netstack.stack import Stack
from skoop.netstack.walk.events import Branch, Cross, Reason, Stop, Stopped


def checksum_breaks(stack: Stack, event: Cross, answer: Arrives) -> bool:
    """Whether a packet's outer checksum is wrong, and something on the way may notice."""
    packet = event.frame.packet
    if packet.proto != Proto.UDP or packet.vni < 0 or packet.sport == EPHEMERAL:
        return False
    if event.link.kind == "veth" and not answer.routed:
        return False
    return any(
        link.vxlan is not None and link.vxlan.checksums and link.vxlan.port == packet.dport
        for link in stack.tunnel_devices("vxlan")
    )


def checksum_doubt(stack: Stack, event: Cross, branch: Branch) -> tuple[Branch, Stopped | None]:
    """The branch in which nobody notices, and the one in which the receiver drops it."""
    packet = event.frame.packet
    unknown = Unknown(
        f"underlay of {stack.id}",
        f"{packet} was translated after encapsulation",
        "its UDP checksum is wrong now, and whether the receiver verifies it depends on the "
        "devices in between",
    )
    if any(guess.unknown == unknown for guess in branch.guesses):
        return branch, None
    passes = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=False)))
    drops = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=True)))
    stop = Stop(
        disposition=Disposition.DROPPED,
        reason=Reason.CHECKSUM,
        detail=f"the translated tunnel packet leaves {event.link.name} with a wrong UDP checksum",
        device=event.link.name,
        evidence=(Evidence(f"packet on {stack.id}", str(packet)),),
    )
    return passes, Stopped(drops, stop, packet)
