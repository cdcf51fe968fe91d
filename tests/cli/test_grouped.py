"""Groups of options, as a command sees them and as typer does."""

from __future__ import annotations

import inspect
from typing import Annotated, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from skoop.cli.grouped import grouped


class Place(NamedTuple):
    room: Annotated[str, typer.Argument()]
    floor: Annotated[int, typer.Option("-f", "--floor")] = 1


class Light(NamedTuple):
    lamps: list[str] | None = None


def visit(*, first: bool = False, place: Place, light: Light, last: str = "-") -> None:
    """Go there."""
    print(first, place, light, last)


def twice(*, place: Place, floor: int = 2) -> None:
    """Has two floors."""


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["hall"], (False, Place("hall"), Light(), "-")),
        (["hall", "-f", "2", "--first"], (True, Place("hall", 2), Light(), "-")),
        (["hall", "--lamps", "a", "--lamps", "b"], (False, Place("hall"), Light(["a", "b"]), "-")),
        (["hall", "--last", "x"], (False, Place("hall"), Light(), "x")),
    ],
    ids=["defaults", "first", "several", "after the groups"],
)
def test_the_command_gets_its_groups(arguments: list[str], seen: tuple[object, ...]) -> None:
    app = typer.Typer()
    app.command()(grouped(visit))
    found = CliRunner().invoke(app, arguments)
    assert (found.exit_code, found.output.strip()) == (0, " ".join(map(str, seen)))


def test_typer_gets_the_fields_in_their_place() -> None:
    made = grouped(visit)
    assert list(inspect.signature(made).parameters) == ["first", "room", "floor", "lamps", "last"]
    assert made.__doc__ == "Go there."


def test_two_options_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="floor"):
        grouped(twice)
