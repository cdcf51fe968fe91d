"""One List document, item by item.

Items are decoded one at a time from the raw text, so that a list of 100,000 pods never exists in
its wire form as a whole, and an error knows which item it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from skoop.cluster.decode.values import FieldError
from skoop.errors import InputError

_W = TypeVar("_W")
_T = TypeVar("_T")

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


class _List(Struct, frozen=True):
    kind: str | None = None
    items: list[Raw] | msgspec.UnsetType | None = msgspec.UNSET
    message: str | None = None


class _Names(Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Named(Struct, frozen=True):
    metadata: _Names = _Names()


class RefusedError(InputError):
    """The document is the API server's Status object instead of a list; `reason` is its message."""

    def __init__(self, resource: str, reason: str) -> None:
        super().__init__(f"{resource}: the API server answered: {reason}")
        self.reason = reason


def decode_list(
    resource: str, document: bytes, wire: type[_W], convert: Callable[[_W], _T]
) -> tuple[_T, ...]:
    """All items of a List document, through their wire form, in order."""
    decoder = msgspec.json.Decoder(wire)
    decode = decoder.decode
    objects = []
    for index, raw in enumerate(_raw_items(resource, document)):
        try:
            objects.append(convert(decode(raw)))
        except FieldError as error:
            raise InputError(f"{_item(resource, index, raw)}: {error}") from error
        except _UNREADABLE as error:
            raise InputError(f"{_item(resource, index, raw)}: {_plain(error)}") from error
    return tuple(objects)


def is_list(document: bytes) -> bool:
    """Whether a document is a list at all; a refusal or what cannot be read is none."""
    try:
        wrapper = msgspec.json.decode(document, type=_List)
    except _UNREADABLE:
        return False
    return wrapper.kind != "Status" and not isinstance(wrapper.items, msgspec.UnsetType)


def _raw_items(resource: str, document: bytes) -> list[Raw]:
    try:
        wrapper = msgspec.json.decode(document, type=_List)
    except _UNREADABLE as error:
        raise InputError(f"{resource}: not a Kubernetes list: {_plain(error)}") from error
    if wrapper.kind == "Status":
        raise RefusedError(resource, wrapper.message or "no reason given")
    if isinstance(wrapper.items, msgspec.UnsetType):
        kind = f"a {wrapper.kind}" if wrapper.kind else "an object"
        raise InputError(f"{resource}: {kind} without items, not a Kubernetes list")
    return wrapper.items or []


def _item(resource: str, index: int, raw: Raw) -> str:
    """ "pods: item 3 (shop/web-1)"."""
    try:
        metadata = msgspec.json.decode(raw, type=_Named).metadata
    except _UNREADABLE:
        metadata = _Names()
    name = "/".join(part for part in (metadata.namespace, metadata.name) if part)
    return f"{resource}: item {index}" + (f" ({name[:200]})" if name else "")


def _plain(error: Exception) -> str:
    """ "Expected `str`, got `int` - at `$.metadata.name`" as "metadata.name: expected ..."."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    problem, at, path = str(error).partition(" - at `$")
    if not at:
        return problem
    return f"{path.rstrip('`').lstrip('.') or 'the object'}: {problem[:1].lower()}{problem[1:]}"
