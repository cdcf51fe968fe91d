"""What is shown while skoop waits, and that nothing of it stays."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from skoop.cli.narrate import observing
from skoop.cli.progress import Board, shown_progress
from skoop.model.progress import (
    ListFailed,
    ListFinished,
    ListStarted,
    NodeFailed,
    NodeFinished,
    NodeStage,
    NodeStarted,
    Progress,
    Stage,
    Warned,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        ([], []),
        ([Stage("Connecting")], [("", "Connecting", "", "")]),
        (
            [ListStarted("pods"), ListStarted("nodes"), ListFinished("pods", 40)],
            [("", "API objects", "", "1 of 2 lists, 40 objects")],
        ),
        (
            [ListStarted("pods"), ListFailed("pods", "forbidden"), ListStarted("nodes"),
             ListFinished("nodes", 2)],
            [("✔", "API objects", "", "1 of 1 lists, 2 objects")],
        ),
        ([NodeStarted("k1")], [("", "node k1", "1.5 s", "starting")]),
        (
            [NodeStarted("k1"), NodeStage("k1", "reading")],
            [("", "node k1", "1.5 s", "reading")],
        ),
        ([NodeStarted("k1"), NodeFinished("k1", 3)], [("✔", "node k1", "0.0 s", "3 namespaces")]),
        (
            [NodeFinished("k1", 3), NodeStarted("k2")],
            [("", "node k2", "1.5 s", "starting"), ("✔", "node k1", "0.0 s", "3 namespaces")],
        ),
        ([NodeFailed("k1", "gone")], [("✘", "node k1", "0.0 s", "gone")]),
    ],
    ids=[
        "nothing", "a stage", "lists", "a list that failed", "a node", "its stage", "done",
        "those under way first", "failed",
    ],
)  # fmt: skip
def test_board(events: list[Progress], lines: list[tuple[str, ...]]) -> None:
    clock = Clock()
    board = Board(clock)
    for each in events:
        board.observe(each)
    clock.now = 1.5
    assert board.lines() == lines


def test_many_nodes_are_counted() -> None:
    board = Board(Clock())
    for number in range(40):
        board.observe(NodeStarted(f"n{number}"))
    lines = board.lines()
    assert len(lines) == 13
    assert lines[-1][1] == "and 28 more nodes"


def test_on_a_terminal_it_vanishes() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    with shown_progress(console) as observe:
        observe(NodeStarted("k1"))
        observe(NodeStage("k1", "reading \x1b[31mthings"))
    text = out.getvalue()
    assert "node k1" in text
    assert "\x1b[31mthings" not in text
    assert text.endswith("\x1b[2K")  # the last thing written erases a line


def test_in_a_log_only_failures_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress(Console(file=StringIO())) as observe:
        observe(NodeStarted("k1"))
        observe(NodeFailed("k1", "it is not ready"))
        observe(ListFailed("pods", "forbidden"))
    assert capsys.readouterr().err.splitlines() == [
        "skoop: node k1 could not be collected: it is not ready",
        "skoop: the list pods did not come: forbidden",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_warning_stays(capsys: pytest.CaptureFixture[str], terminal: bool) -> None:
    environment = {"TERM": "xterm"}
    console = Console(file=StringIO(), force_terminal=terminal, _environ=environment)
    with pytest.raises(SystemExit), shown_progress(console) as observe:
        observe(Warned("two pods could not be deleted"))
        raise SystemExit(130)
    assert capsys.readouterr().err == "skoop: two pods could not be deleted.\n"


@pytest.mark.parametrize("flags", [{"quiet": True}, {"verbose": True}, {"steady": True}, {}])
def test_a_warning_is_told_to_everyone(
    capsys: pytest.CaptureFixture[str], flags: dict[str, bool]
) -> None:
    with observing(**{"quiet": False, "verbose": False, **flags}) as observe:
        observe(NodeStarted("k1"))
        observe(Warned("look"))
    assert capsys.readouterr().err == "skoop: look.\n"
