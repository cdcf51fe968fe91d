"""The path for D2. https://d2lang.com/tour/strings gives the quoting."""

from __future__ import annotations

from skoop.report.document import ResultDoc
from skoop.report.graph import STOP, drawing, title
from skoop.report.options import RenderOptions

_BLAMED = ' {style.stroke: "#cc0000"}'
_STOP = ' {shape: page; style.font-color: "#cc0000"}'


def render(result: ResultDoc, options: RenderOptions) -> str:
    """A D2 diagram; nothing in `options` applies."""
    del options
    drawn = drawing(result)
    lines = ["direction: right", f"title: {_quote((title(result),))} {{near: top-center}}"]
    for node in drawn.nodes:
        style = _STOP if node.kind == STOP else _BLAMED if node.blamed else ""
        lines.append(f"{node.key}: {_quote(node.lines)}{style}")
    for edge in drawn.edges:
        style = " {style.stroke-dash: 4}" if edge.back else ""
        label = f": {_quote(edge.lines)}" if edge.lines else ""
        lines.append(f"{edge.source} -> {edge.target}{label}{style}")
    return "\n".join([*lines, ""])


def _quote(lines: tuple[str, ...]) -> str:
    r"""A double-quoted string; `$` would begin a substitution, so it is escaped too."""
    safe = (line.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") for line in lines)
    return '"' + "\\n".join(safe) + '"'
