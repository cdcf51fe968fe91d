"""The JSON that `ip -j` and `bridge -j` print: one list of objects.

Each object's own text locates a problem in it. iproute2 writes some keys twice (a route's `dst` and
its encapsulation's `dst`, lib/json_print.c does not check); the first one is the object's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from skoop.errors import ParseError

_T = TypeVar("_T")
_Entry = TypeVar("_Entry", bound=msgspec.Struct)
_RAW = msgspec.json.Decoder(list[msgspec.Raw])


def raw_objects(text: str, source: str) -> list[msgspec.Raw]:
    """The texts of a list's elements, undecoded. Raises ParseError."""
    stripped = text.strip()
    if not stripped:
        raise ParseError(source, 1, "empty where a JSON list is due")
    if not stripped.startswith("["):
        line = stripped.split("\n", 1)[0]
        problem = "plain text where a JSON list is due (a tool without -j?)"
        raise ParseError(source, 1, problem, line)
    try:
        return _RAW.decode(stripped.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ParseError(source, 1, f"not JSON ({error})", stripped[-120:]) from error


def entries(
    text: str, decoder: msgspec.json.Decoder[_T], source: str
) -> Iterator[tuple[_T, bytes]]:
    """Each element decoded, with its own text; `{}` (iproute2 leaves them for filtered entries) is
    skipped. Raises ParseError naming the element."""
    has_encap = '"encap"' in text
    for number, raw in enumerate(raw_objects(text, source), 1):
        own = bytes(raw)
        if own in (b"{}", b"null"):
            continue
        try:
            if has_encap and b'"encap"' in own:
                own_bytes = json.dumps(_first_keys(own)).encode()
                yield decoder.decode(own_bytes), own
            else:
                yield decoder.decode(raw), own
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise ParseError(source, 1, f"entry {number}: {error}", own.decode()) from error


def _first_keys(text: bytes) -> object:
    def keep_first(pairs: list[tuple[str, object]]) -> dict[str, object]:
        return dict(reversed(pairs))

    return json.loads(text, object_pairs_hook=keep_first)


def located(source: str, own: bytes, error: ValueError) -> ParseError:
    """The ParseError for a value inside one element that does not mean anything."""
    return ParseError(source, 1, str(error), own.decode())


def with_line(entry: _Entry, line: str) -> _Entry:
    """An entry that was just made, with its line as `raw`. Set in place: a copy would double what
    reading an entry costs, and nobody else has seen this one yet."""
    msgspec.structs.force_setattr(entry, "raw", line)
    return entry
