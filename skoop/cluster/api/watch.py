"""The stream of a watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec
from msgspec import Raw, Struct

from skoop.cluster.api.errors import Status, refusal
from skoop.cluster.api.resource import Call

_CHUNK = 1 << 16


class EventKind(Enum):
    """What happened to an object."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


class _Metadata(Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Object(Struct, frozen=True):
    metadata: _Metadata = _Metadata()


class _Wire(Struct, frozen=True):
    type: str
    object: Raw


class Event(Struct, frozen=True):
    """A change, with the object's JSON after it."""

    kind: EventKind
    object: bytes

    @property
    def resource_version(self) -> str:
        """The object's version: where to go on from."""
        return msgspec.json.decode(self.object, type=_Object).metadata.resource_version


class Stream:
    """One watch request that was accepted."""

    def __init__(self, call: Call, response: Any) -> None:
        self._call, self._response = call, response

    def events(self, deadline: float) -> Iterator[Event]:
        """Every event until the stream ends, breaks or the deadline has passed. Raises ApiError
        (ExpiredError for "too old resource version") when the server says so in the stream."""
        from urllib3.exceptions import HTTPError

        try:
            for line in self._lines():
                event = self._event(line)
                if event is None:
                    return
                yield event
                if time.monotonic() >= deadline:
                    return
        except (HTTPError, OSError):
            return
        finally:
            self._response.close()

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._response.stream(_CHUNK, decode_content=True):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line for line in lines if line.strip())

    def _event(self, line: bytes) -> Event | None:
        """None for a line that is cut off: the watch is taken up before it."""
        try:
            wire = msgspec.json.decode(line, type=_Wire)
            if wire.type == "ERROR":
                status = msgspec.json.decode(wire.object, type=Status).code or 500
                raise refusal(self._call, status, bytes(wire.object))
            event = Event(EventKind(wire.type), bytes(wire.object))
            _ = event.resource_version
        except (msgspec.MsgspecError, UnicodeError, ValueError):
            return None
        return event
