"""The agent's packed output (agent.sh --pack) -> its text, or an error when a byte is missing."""

from __future__ import annotations

import re
import zlib
from typing import Final

from skoop.errors import ParseError

MAX_UNPACKED: Final = 512 << 20
"""Bytes that one node's output may have. A small gzip stream must not fill the memory."""

_HEAD = re.compile(rb"\s*skoop-pack (gzip|cksum|plain)\n")
_SUM = re.compile(rb"\nskoop-cksum (\d{1,10}) (\d{1,20})\n\Z")
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_CUT = "cut off on the way from the node"


def unpack(data: bytes, source: str, limit: int = MAX_UNPACKED) -> bytes:
    """The agent's text, checked by what it was packed with. Raises ParseError. What was sent plain
    has no checksum; its last mark is checked by `parse_agent_output`."""
    head = _HEAD.match(data)
    if head is None:
        shown = data[:200].decode("utf-8", "replace")
        raise ParseError(source, 1, "not the packed output of the agent", shown)
    packed = data[head.end() :]
    if head[1] == b"gzip":
        return _gunzip(packed, source, limit)
    if len(packed) > limit:
        raise ParseError(source, 0, f"more than the {limit} bytes a node may have")
    return _summed(packed, source) if head[1] == b"cksum" else packed


def _gunzip(packed: bytes, source: str, limit: int) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(packed, limit + 1)
    except zlib.error as error:
        raise ParseError(source, 0, f"damaged on the way from the node ({error})") from error
    if len(data) > limit:
        raise ParseError(source, 0, f"unpacks to more than the {limit} bytes a node may have")
    if not stream.eof:
        raise ParseError(source, 0, _CUT)
    return data


def _summed(packed: bytes, source: str) -> bytes:
    tail = _SUM.search(packed, max(0, len(packed) - 64))
    if tail is None:
        raise ParseError(source, 0, _CUT)
    data = packed[: tail.start()]
    if (posix_cksum(data), len(data)) != (int(tail[1]), int(tail[2])):
        raise ParseError(source, 0, "damaged on the way from the node (its checksum differs)")
    return data


def posix_cksum(data: bytes) -> int:
    """The checksum of cksum(1) (POSIX.1-2017, "cksum"): the CRC-32 of Ethernet taken with the
    highest bit first and no initial value, over the data and its length. zlib's CRC is the same
    polynomial with the lowest bit first, so every byte goes in with its bits reversed."""
    length, tail = len(data), bytearray()
    while length:
        tail.append(length & 0xFF)
        length >>= 8
    ones = 0xFFFFFFFF
    crc = zlib.crc32(data.translate(_REVERSED), ones)
    crc = zlib.crc32(bytes(tail).translate(_REVERSED), crc) ^ ones
    return int(f"{crc:032b}"[::-1], 2) ^ ones
