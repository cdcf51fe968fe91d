"""Snapshots shipped in the package, so that skoop answers on a machine with no cluster.

A demo is a file in this folder and a line in `DEMOS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from msgspec import Struct

from skoop.errors import UsageError


class Demo(Struct, frozen=True, kw_only=True):
    """A snapshot and the question it is shown with. `shows` is one line for the list; `file` lies
    in this folder."""

    name: str
    shows: str
    file: str
    src: str
    dst: str
    port: int | str | None = None
    protocol: str = "tcp"

    @contextmanager
    def path(self) -> Iterator[Path]:
        """The snapshot as a file, for as long as the context lasts."""
        with resources.as_file(resources.files("skoop.demo").joinpath(self.file)) as path:
            yield path


DEMOS: tuple[Demo, ...] = ()


def demos() -> tuple[Demo, ...]:
    """Every demo, in the order of the list."""
    return DEMOS


def find_demo(name: str) -> Demo:
    """The demo of this name. Raises UsageError with the names there are."""
    for one in demos():
        if one.name == name:
            return one
    names = ", ".join(one.name for one in demos()) or "none in this build"
    raise UsageError(f"There is no demo {name!r}; there are: {names}.")
