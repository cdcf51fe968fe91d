"""The segment size that a SYN announces, where rules lower it (xt_TCPMSS.c, nft_exthdr.c)."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet, Proto, TcpFlag
from skoop.netstack.netfilter import View

_HEADERS = {Family.V4: 40, Family.V6: 60}
"""Bytes of the IP and TCP headers that a segment size leaves out."""


def announced(packet: Packet, size: int) -> Packet:
    """The packet with a segment size of at most `size`, if it is a SYN: it is never raised."""
    if packet.proto != Proto.TCP or not packet.flags & TcpFlag.SYN or size <= 0:
        return packet
    return packet if 0 < packet.mss <= size else replace(packet, mss=size)


def clamped(packet: Packet, view: View) -> Packet:
    """The segment size of what both ways here carry: out by `oif`, and back by `iif`."""
    known = [view.host.mtu(device) for device in (view.oif, view.iif) if device]
    narrowest = min((mtu for mtu in known if mtu), default=0)
    return announced(packet, narrowest - _HEADERS[packet.family])


def largest_packet(syn: Packet) -> int:
    """The bytes of the largest packet that who hears this SYN sends, 0 without a limit by rules."""
    return syn.mss + _HEADERS[syn.family] if syn.mss else 0
