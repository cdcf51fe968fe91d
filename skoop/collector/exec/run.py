"""The receive loop.

One binary message is a channel's number and its bytes (k8s.io/apimachinery/pkg/util/remotecommand):
0 stdin, 1 stdout, 2 stderr, 3 how it ended; in v5.channel.k8s.io 255 closes the channel it names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from skoop.cluster.api import WebSocketTarget
from skoop.collector.exec.dial import dial
from skoop.collector.exec.result import ExecError, Executed, exit_status

if TYPE_CHECKING:
    from websocket import WebSocket

_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
_PIECE = 16 << 10
_MAX_STDERR = 64 << 10
MAX_OUTPUT: Final = 512 << 20
"""Bytes of stdout that are accepted."""


def execute(
    target: WebSocketTarget,
    stdin: bytes,
    *,
    timeout: float,
    limit: int = MAX_OUTPUT,
    scrub: Callable[[str], str] = str,
) -> Executed:
    """Run what `target` names, give it `stdin` and wait for its end.

    `timeout` bounds it all, in seconds; `scrub` takes credentials out of error texts. Raises
    ExecError; output without the command's own end is an error, never a result.
    """
    from websocket import ABNF, WebSocketException

    deadline = time.monotonic() + timeout
    connection = dial(target, timeout, scrub)
    try:
        for start in range(0, len(stdin), _PIECE):
            piece = bytes((_STDIN,)) + stdin[start : start + _PIECE]
            connection.send(piece, ABNF.OPCODE_BINARY)
        if connection.subprotocol and connection.subprotocol.startswith("v5."):
            connection.send(bytes((_CLOSE, _STDIN)), ABNF.OPCODE_BINARY)
        return _receive(connection, deadline, limit)
    except (WebSocketException, OSError) as error:
        if time.monotonic() >= deadline:
            raise ExecError(f"it did not finish within {timeout:.0f} s") from None
        problem = scrub(str(error)) or type(error).__name__
        raise ExecError(f"the connection broke half-way ({problem})", again=True) from None
    finally:
        connection.shutdown()


def _receive(connection: WebSocket, deadline: float, limit: int) -> Executed:
    chunks: list[bytes] = []
    stderr = bytearray()
    verdict, size = b"", 0
    for message in _messages(connection, deadline):
        channel = message[0] if message else _CLOSE
        if channel == _STDOUT:
            size += len(message) - 1
            if size > limit:
                raise ExecError(f"it wrote more than the {limit} bytes that are accepted")
            chunks.append(message)
        elif channel == _STDERR:
            stderr += message[1 : 1 + max(0, _MAX_STDERR - len(stderr))]
        elif channel == _ERROR:
            verdict = message[1:]
            break  # Comes last: the server has copied everything by then.
    if not verdict:
        raise ExecError("the connection was closed before the command had ended", again=True)
    stdout = b"".join(memoryview(chunk)[1:] for chunk in chunks)
    return Executed(stdout, stderr.decode("utf-8", "replace").strip(), exit_status(verdict))


def _messages(connection: WebSocket, deadline: float) -> Iterator[bytes]:
    """Whole messages until the server closes. Frames are put together here, because the library
    answers a close before it tells of it, which fails when the server has gone."""
    from websocket import ABNF

    parts: list[bytes] = []
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        frame = connection.recv_frame()
        if frame.opcode == ABNF.OPCODE_CLOSE:
            return
        if frame.opcode == ABNF.OPCODE_PING:
            connection.pong(frame.data)
        elif frame.opcode != ABNF.OPCODE_PONG:
            parts.append(frame.data)
            if frame.fin:
                yield b"".join(parts) if len(parts) > 1 else frame.data
                parts.clear()
    raise TimeoutError
