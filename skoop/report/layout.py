"""Where the nodes of a drawing stand: packets go from left to right, each lane on rows of its own.

The path of a first packet is a tree but for loops, so a tree layout is enough: a leaf takes the
next free row, and every other node stands in the middle of what follows it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from msgspec import Struct

from skoop.report.graph import Drawing, Edge, Node

CHARACTER = 7.3
"""Width of a character of the monospaced text, in px at `FONT`."""
FONT = 12
LINE = 16
"""Distance of two lines of text, in px."""
_MAX_TEXT = 30
"""Characters before a label is wrapped."""
_PADDING = 10
_COLUMN_GAP = 210
_ROW_GAP = 34
_MIN_WIDTH = 110


class Box(Struct, frozen=True):
    """A node with its place: `x` and `y` are its centre, all in px; `lines` are wrapped; `column`
    counts the places before it."""

    node: Node
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    column: int


class Layout(Struct, frozen=True):
    """The boxes by the key of their node, the edges, and the size of the whole in px."""

    boxes: Mapping[str, Box]
    edges: tuple[Edge, ...]
    width: float
    height: float


def arrange(drawn: Drawing) -> Layout:
    """Places for every node of a drawing."""
    return _Arranger(drawn).arrange()


class _Arranger:
    def __init__(self, drawn: Drawing) -> None:
        self._drawn = drawn
        self._children = _tree(drawn)
        self._lines = {node.key: _wrapped(node.lines) for node in drawn.nodes}
        self._columns: dict[str, int] = {}
        self._middles: dict[str, float] = {}
        self._bottom = 0.0

    def arrange(self) -> Layout:
        followers = {child for children in self._children.values() for child in children}
        for node in self._drawn.nodes:
            if node.key not in followers:
                self._place(node.key)
        starts = self._column_starts()
        boxes = {node.key: self._box(node, starts) for node in self._drawn.nodes}
        width = max((one.x + one.width / 2 for one in boxes.values()), default=0.0)
        return Layout(boxes, self._drawn.edges, width, self._bottom)

    def _place(self, root: str) -> None:
        """Columns on the way down, rows on the way up, without recursion: a way may be long."""
        stack = [(root, 0, False)]
        while stack:
            key, column, is_done = stack.pop()
            children = self._children.get(key, [])
            if is_done or not children:
                self._columns[key] = column
                self._middles[key] = self._middle(key, children)
                continue
            stack.append((key, column, True))
            stack += [(child, column + 1, False) for child in reversed(children)]

    def _middle(self, key: str, children: list[str]) -> float:
        """Between the first and the last of what follows; on a new row when nothing does."""
        height = self._height(key)
        if children:
            middle = (self._middles[children[0]] + self._middles[children[-1]]) / 2
            self._bottom = max(self._bottom, middle + height / 2)
            return max(middle, height / 2)
        top = self._bottom + _ROW_GAP if self._bottom else 0.0
        self._bottom = top + height
        return top + height / 2

    def _column_starts(self) -> list[float]:
        widths: dict[int, float] = {}
        for key, column in self._columns.items():
            widths[column] = max(widths.get(column, 0.0), self._width(key))
        starts, x = [], 0.0
        for column in range(len(widths)):
            starts.append(x)
            x += widths[column] + _COLUMN_GAP
        return starts

    def _box(self, node: Node, starts: list[float]) -> Box:
        width = self._width(node.key)
        return Box(
            node=node,
            x=starts[self._columns[node.key]] + width / 2,
            y=self._middles[node.key],
            width=width,
            height=self._height(node.key),
            lines=self._lines[node.key],
            column=self._columns[node.key],
        )

    def _width(self, key: str) -> float:
        longest = max((len(line) for line in self._lines[key]), default=0)
        return max(longest * CHARACTER + 2 * _PADDING, _MIN_WIDTH)

    def _height(self, key: str) -> float:
        return len(self._lines[key]) * LINE + 2 * _PADDING


def _tree(drawn: Drawing) -> dict[str, list[str]]:
    """What each node leads to for the first time, ways there before ways back."""
    children: dict[str, list[str]] = {}
    roots = {node.key for node in drawn.nodes[:1]}
    for edge in sorted(drawn.edges, key=lambda edge: edge.back):
        if edge.target not in roots and edge.source != edge.target:
            roots.add(edge.target)
            children.setdefault(edge.source, []).append(edge.target)
    return _without_cycles(children, drawn)


def _without_cycles(children: dict[str, list[str]], drawn: Drawing) -> dict[str, list[str]]:
    """Only what can be come to from a node that nothing leads to; the rest stands alone."""
    followers = {child for each in children.values() for child in each}
    seen = [node.key for node in drawn.nodes if node.key not in followers]
    for key in seen:
        seen += children.get(key, [])
    return {key: each for key, each in children.items() if key in seen}


def _wrapped(lines: tuple[str, ...]) -> tuple[str, ...]:
    """At spaces; names that are too long by themselves at a hyphen, or else anywhere."""
    whole = textwrap.TextWrapper(_MAX_TEXT, break_on_hyphens=False, break_long_words=False)
    cut = textwrap.TextWrapper(_MAX_TEXT, break_on_hyphens=True)
    return tuple(part for line in lines for one in whole.wrap(line) for part in cut.wrap(one))
