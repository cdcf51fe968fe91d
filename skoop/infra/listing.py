"""Commands that list one kind of resource, for clouds that need nothing special."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec
from msgspec import Struct

from skoop.infra.console import CloudCommand, Console, MissingError, Row
from skoop.infra.resources import Resource
from skoop.model.address import Family, format_ip

_LEFT_OUT = ("raw", "emulated")


def listing(
    name: str, kind: type[Resource], columns: tuple[str, ...], help: str = ""  # noqa: A002
) -> CloudCommand:  # fmt: skip
    """A command that lists all resources of a kind: the global id, then `columns`."""

    def rows(console: Console, _: str) -> Iterable[Row]:
        return [row_of(each, console.gid(each)) for each in console.resources(kind)]

    text = help or f"List every {kind.kind.value}."
    return CloudCommand(name=name, help=text, columns=("gid", *columns), rows=rows)


def showing(
    name: str, kind: type[Resource], part: str, columns: tuple[str, ...]
) -> CloudCommand:  # fmt: skip
    """A command that lists one part of a resource (a group's `rules`), which it takes the id of."""

    def rows(console: Console, wanted: str) -> Iterable[Row]:
        for each in console.resources(kind):
            if wanted in (each.id, console.gid(each)):
                gid = console.gid(each)
                return [row_of(one, f"{gid}/{one.id}") for one in getattr(each, part)]
        raise MissingError(f"NotFound: there is no {kind.kind.value} {wanted}.")

    text = f"Show the {part} of a {kind.kind.value}."
    return CloudCommand(
        name=name, help=text, columns=("gid", *columns), rows=rows, takes="the id of one"
    )


def row_of(one: Struct, gid: str) -> Row:
    """A resource as a row: its global id, then every field as a reader writes it."""
    row: dict[str, object] = {"gid": gid}
    for field in msgspec.structs.fields(one):
        if field.name not in _LEFT_OUT:
            row[field.name] = _plain(getattr(one, field.name))
    return row


def _plain(value: object) -> object:
    if isinstance(value, Enum) and not isinstance(value, Family):
        return value.value
    if isinstance(value, Struct) and type(value).__str__ is not object.__str__:
        return str(value)
    if isinstance(value, tuple):
        if len(value) == 2 and isinstance(value[0], Family):
            return format_ip(value[0], value[1])
        return [_plain(each) for each in value]
    if isinstance(value, Struct):
        return {
            each.name: _plain(getattr(value, each.name)) for each in msgspec.structs.fields(value)
        }
    return value
