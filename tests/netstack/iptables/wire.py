"""Frames by hand: an IPv4 packet as bytes, and back."""

from __future__ import annotations

import struct

from skoop.model.address import Family
from skoop.model.packet import Icmp, Packet, Proto


def checksum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _transport(packet: Packet, length: int) -> bytes:
    ends = struct.pack("!II", packet.src, packet.dst)
    if packet.proto == Proto.UDP:
        head = struct.pack("!HHHH", packet.sport, packet.dport, length, 0)
        return head.ljust(length, b"x")
    if packet.proto == Proto.TCP:
        head = struct.pack(
            "!HHIIBBHHH", packet.sport, packet.dport, 1, 0, 0x50, packet.flags, 1024, 0, 0
        ).ljust(length, b"x")
        summed = checksum(ends + struct.pack("!BBH", 0, packet.proto, length) + head)
        return head[:16] + struct.pack("!H", summed) + head[18:]
    head = struct.pack("!BBHHH", packet.icmp.type, packet.icmp.code, 0, 77, 1).ljust(length, b"x")
    return head[:2] + struct.pack("!H", checksum(head)) + head[4:]


def to_bytes(packet: Packet) -> bytes:
    """The packet from its IP header on, `size` bytes long."""
    head = struct.pack(
        "!BBHHHBBHII", 0x45, packet.tos, packet.size, 0, 0x4000 if packet.df else 0,
        packet.ttl, packet.proto, 0, packet.src, packet.dst,
    )  # fmt: skip
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + _transport(packet, packet.size - 20)


def from_bytes(data: bytes) -> Packet:
    """What is visible of a packet on the wire."""
    _, tos, size, _, flags, ttl, proto, _, src, dst = struct.unpack("!BBHHHBBHII", data[:20])
    with_ports = proto in (Proto.TCP, Proto.UDP)
    sport, dport = struct.unpack("!HH", data[20:24]) if with_ports else (0, 0)
    return Packet(
        family=Family.V4,
        proto=proto,
        src=src,
        dst=dst,
        sport=sport,
        dport=dport,
        flags=data[33] if proto == Proto.TCP else 0,
        icmp=Icmp(data[20], data[21]) if proto == Proto.ICMP else Icmp(),
        size=size,
        df=bool(flags & 0x4000),
        ttl=ttl,
        tos=tos,
    )
