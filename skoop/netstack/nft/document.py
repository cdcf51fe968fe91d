"""The JSON of `nft -j list ruleset`, decoded as far as every reader needs it.

A rule's statements and a set's elements stay encoded: a node has a hundred thousand of them, and
a packet meets a few dozen.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Raw, Struct, field

from skoop.errors import ParseError
from skoop.netstack.nft.values import Json


class RawTable(Struct, gc=False):
    """`flags` is a word or a list of them."""

    family: str
    name: str
    flags: str | list[str] = []


class RawChain(Struct, gc=False):
    """`hook` is "" for a chain that only jumps reach."""

    family: str
    table: str
    name: str
    type: str = ""
    hook: str = ""
    prio: int | str = 0
    policy: str = "accept"
    dev: str | list[str] = ""


class RawRule(Struct, gc=False):
    """One rule; `expr` is a JSON list."""

    family: str
    table: str
    chain: str
    expr: Raw = Raw(b"[]")
    comment: str = ""


class RawSet(Struct, gc=False):
    """A named set or map; `elem` is a JSON list."""

    family: str
    table: str
    name: str
    elem: Raw = Raw(b"[]")


class RawObject(Struct, gc=False):
    """A named counter, limit, quota or ct helper, with what decides a packet's fate."""

    family: str
    table: str
    name: str
    type: str = ""
    inv: bool = False
    bytes: int = 0
    used: int = 0


class Entry(Struct):
    """One entry of the listing; all but one field are None."""

    table: RawTable | None = None
    chain: RawChain | None = None
    rule: RawRule | None = None
    set: RawSet | None = None
    map: RawSet | None = None
    limit: RawObject | None = None
    quota: RawObject | None = None
    helper: RawObject | None = field(default=None, name="ct helper")


class Document(Struct):
    """The whole listing."""

    nftables: list[Entry]


_DECODER = msgspec.json.Decoder(Document)


def decode(text: str, source: str) -> Document:
    """Decode a listing; anything but an object with a list `nftables` raises ParseError."""
    try:
        with _no_collection():
            return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ParseError(source, 0, f"not what nft -j prints ({error})", text[:80]) from error


def statements(raw: Raw) -> list[Json]:
    """A rule's statements, [] entries and all; raises ValueError when it is not a list."""
    value = msgspec.json.decode(raw)
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hundreds of thousands of new objects, none of them garbage: let the collector wait."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
