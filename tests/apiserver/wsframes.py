"""The server's side of a WebSocket (RFC 6455) with channels, as an API server's exec has them."""

from __future__ import annotations

import hashlib
import json
import struct
from base64 import b64encode
from collections.abc import Iterator
from typing import BinaryIO

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
_BINARY, _CLOSE, _PING = 2, 8, 9


def accept_key(key: str) -> str:
    """What Sec-WebSocket-Accept has to say."""
    return b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()


def frame(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    """One unmasked frame, as servers send them."""
    head = bytes(((0x80 if final else 0) | opcode,))
    if len(data) < 126:
        return head + bytes((len(data),)) + data
    if len(data) < 1 << 16:
        return head + struct.pack("!BH", 126, len(data)) + data
    return head + struct.pack("!BQ", 127, len(data)) + data


class Channels:
    """An accepted connection."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO, protocol: str) -> None:
        self._reader, self._writer, self.protocol = reader, writer, protocol

    def send(self, channel: int, data: bytes, size: int = 32 << 10) -> None:
        """Bytes on a channel, in messages of a kubelet's size."""
        for start in range(0, len(data), size) if data else (0,):
            self.raw(frame(_BINARY, bytes((channel,)) + data[start : start + size]))

    def status(self, code: int, message: str = "") -> None:
        """How the command ended."""
        said: dict[str, object] = {"metadata": {}, "status": "Success"}
        if code:
            cause = {"reason": "ExitCode", "message": str(code)}
            said = {
                "status": "Failure",
                "reason": "NonZeroExitCode",
                "message": message or f"command terminated with exit code {code}",
                "details": {"causes": [cause]},
            }
        self.send(ERROR, json.dumps(said).encode())

    def failure(self, message: str) -> None:
        """The command could not be run."""
        said = {"status": "Failure", "reason": "InternalError", "message": message, "code": 500}
        self.send(ERROR, json.dumps(said).encode())

    def ping(self) -> None:
        """Ask whether the client is there."""
        self.raw(frame(_PING, b"there?"))

    def close(self) -> None:
        """Close as a server does when all is said."""
        self.raw(frame(_CLOSE, struct.pack("!H", 1000)))

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data)
        self._writer.flush()

    def stdin(self) -> Iterator[bytes]:
        """Pieces of stdin until the client closes it, the connection, or goes away."""
        while True:
            head = self._reader.read(2)
            if len(head) < 2:
                return
            opcode, length = head[0] & 0x0F, head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self._reader.read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self._reader.read(8))
            mask = self._reader.read(4)
            data = self._reader.read(length)
            number = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
            data = (int.from_bytes(data, "big") ^ number).to_bytes(length, "big")
            if opcode == _CLOSE or (data[:1] == bytes((CLOSE,)) and data[1:] == bytes((STDIN,))):
                return
            if opcode == _BINARY and data[:1] == bytes((STDIN,)):
                yield data[1:]
