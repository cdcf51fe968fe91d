"""Drawings: what is in them, and that names cannot become syntax."""

from __future__ import annotations

import re

import pytest

from skoop.errors import UsageError
from skoop.report import FORMATS, render
from skoop.report.document import ResultDoc
from skoop.report.options import RenderOptions

GRAPHS = ["dot", "mermaid", "d2"]


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("example", ["partial", "hostile"])
def test_golden(name: str, example: str, examples: dict[str, ResultDoc], golden) -> None:
    text = render(name, examples[example], RenderOptions())
    golden(example + FORMATS[name][1], text)


@pytest.mark.parametrize("name", GRAPHS)
def test_hostile_names_stay_inside_quotes(name: str, examples: dict[str, ResultDoc]) -> None:
    text = render(name, examples["hostile"], RenderOptions())
    outside = re.sub(r'"(\\.|[^"\\])*"', "", text)
    assert "n9" not in outside.replace(_comment(text), "")
    assert all(one.isprintable() or one == "\n" for one in text)


def _comment(text: str) -> str:
    """Mermaid's comment line is free text, to its end."""
    return next((line for line in text.splitlines() if line.startswith("  %% ")), "")


@pytest.mark.parametrize("name", GRAPHS)
def test_the_blamed_node_is_marked(name: str, examples: dict[str, ResultDoc]) -> None:
    text = render(name, examples["partial"], RenderOptions())
    marked = [
        line
        for line in text.splitlines()
        if re.search(r"penwidth|:::blamed|stroke: .#cc0000", line)
    ]
    assert len(marked) == 1 and "fdb-missing" in marked[0] and "k1" in marked[0]


@pytest.mark.parametrize("name", ["pdf", "HTML", "", "JSON"])
def test_other_formats_are_refused(name: str, examples: dict[str, ResultDoc]) -> None:
    with pytest.raises(UsageError, match="there are text, json"):
        render(name, examples["partial"], RenderOptions())
