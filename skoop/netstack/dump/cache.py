"""Equal texts are read once: most pods of a node print the same rules and settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

_T = TypeVar("_T")


class ReadCache:
    """What one load has read so far. Make one per load and pass it along; never share it between
    loads that may run at once. Only results that do not name their namespace belong in it."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], object] = {}

    def read(self, kind: str, text: str, make: Callable[[], _T]) -> _T:
        """`make()`, or what it gave for the same kind and text. Its exceptions are not kept."""
        key = (kind, text)
        if key not in self._values:
            self._values[key] = make()
        return cast("_T", self._values[key])
