"""Width and colour."""

from __future__ import annotations

import sys

import pytest

from skoop.cli.options import Shown
from skoop.cli.output import render_options


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "environment", "color"),
    [
        (True, False, {}, True),
        (True, True, {}, False),
        (True, False, {"NO_COLOR": "1"}, False),
        (True, False, {"NO_COLOR": ""}, True),
        (True, False, {"TERM": "dumb"}, False),
        (False, False, {}, False),
    ],
    ids=["terminal", "flag", "NO_COLOR", "empty NO_COLOR", "dumb", "pipe"],
)
def test_color(
    is_terminal: bool, no_color: bool, environment: dict[str, str], color: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert render_options(Shown(no_color=no_color)).color is color


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("100", 100), ("300", 120)])
def test_width(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert render_options().width == width
