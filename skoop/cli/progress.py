"""What skoop is doing while it waits for a cluster: on stderr, and gone when the answer is there.

On a terminal it is a live table; elsewhere a line for what failed, so that logs stay short.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from skoop.cli.output import remark
from skoop.model import progress as event
from skoop.report.options import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_MOST = 12
"""Nodes shown at once; those still under way come first."""
_REFRESH = 8
"""Times a second."""


class _Node(Struct):
    stage: str
    started: float
    ended: float | None = None
    failed: bool = False


class Board:
    """What the events so far come to. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.warnings: list[str] = []
        self._stage = ""
        self._lists: dict[str, int | None] = {}
        self._nodes: dict[str, _Node] = {}

    def observe(self, told: event.Progress) -> None:
        """Take an event, from any thread."""
        with self._lock:
            if isinstance(told, event.Stage):
                self._stage = told.text
            elif isinstance(told, event.ListStarted):
                self._lists[told.resource] = None
            elif isinstance(told, event.ListFinished):
                self._lists[told.resource] = told.objects
            elif isinstance(told, event.ListFailed):
                self._lists.pop(told.resource, None)
            elif isinstance(told, event.Warned):
                self.warnings.append(told.text)
            else:
                self._about_node(told)

    def _about_node(
        self,
        told: event.NodeStarted | event.NodeStage | event.NodeFinished | event.NodeFailed,
    ) -> None:
        now = self._clock()
        node = self._nodes.setdefault(told.node, _Node("starting", now))
        if isinstance(told, event.NodeStage):
            node.stage = told.stage
        elif isinstance(told, event.NodeFinished):
            node.ended, node.stage = now, f"{told.namespaces} namespaces"
        elif isinstance(told, event.NodeFailed):
            node.ended, node.stage, node.failed = now, told.why, True

    def lines(self) -> list[tuple[str, str, str, str]]:
        """Rows of mark, name, how long, and what is being done; the mark is "" while it goes on."""
        with self._lock:
            return [*self._list_lines(), *self._node_lines()]

    def _list_lines(self) -> Iterator[tuple[str, str, str, str]]:
        if self._stage:
            yield "", self._stage, "", ""
        if self._lists:
            done = [count for count in self._lists.values() if count is not None]
            mark = "✔" if len(done) == len(self._lists) else ""
            yield (
                mark,
                "API objects",
                "",
                f"{len(done)} of {len(self._lists)} lists, {sum(done)} objects",
            )

    def _node_lines(self) -> Iterator[tuple[str, str, str, str]]:
        now = self._clock()
        ordered = sorted(self._nodes.items(), key=lambda each: each[1].ended is not None)
        for name, node in ordered[:_MOST]:
            mark = "" if node.ended is None else "✘" if node.failed else "✔"
            ended = now if node.ended is None else node.ended
            yield mark, f"node {name}", f"{ended - node.started:.1f} s", node.stage
        if len(ordered) > _MOST:
            yield "", f"and {len(ordered) - _MOST} more nodes", "", ""


@contextmanager
def shown_progress(console: Console | None = None) -> Iterator[event.Observer]:
    """An observer whose events are shown for as long as the context lasts."""
    from rich.console import Console

    console = console or Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _remark_failures
        return
    from rich.live import Live

    board = Board(time.monotonic)
    try:
        with Live(
            get_renderable=lambda: _table(board),
            console=console,
            refresh_per_second=_REFRESH,
            transient=True,
        ):
            yield board.observe
    finally:
        for text in board.warnings:
            remark(f"skoop: {text}.")


def _table(board: Board) -> Table:
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    for mark, name, seconds, doing in board.lines():
        sign = Text(mark, style="green" if mark == "✔" else "red") if mark else Spinner("line")
        grid.add_row(sign, Text(clean(name)), Text(seconds, justify="right"), Text(clean(doing)))
    return grid


def _remark_failures(told: event.Progress) -> None:
    if isinstance(told, event.NodeFailed):
        remark(f"skoop: node {told.node} could not be collected: {told.why}")
    elif isinstance(told, event.ListFailed):
        remark(f"skoop: the list {told.resource} did not come: {told.why}")
    elif isinstance(told, event.Warned):
        remark(f"skoop: {told.text}.")
