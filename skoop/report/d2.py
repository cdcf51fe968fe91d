"""The path for D2. https://d2lang.com/tour/strings gives the quoting."""

from __future__ import annotations

from skoop.model.diagnosis import Diagnosis
from skoop.report.graph import drawing, title
from skoop.report.options import RenderOptions


def render(diagnosis: Diagnosis, options: RenderOptions) -> str:
    """A D2 diagram; nothing in `options` applies."""
    del options
    nodes, edges = drawing(diagnosis)
    lines = ["direction: right", f"title: {_quote((title(diagnosis),))} {{near: top-center}}"]
    for node in nodes:
        style = ' {style.stroke: "#cc0000"}' if node.blamed else ""
        lines.append(f"{node.key}: {_quote(node.lines)}{style}")
    for edge in edges:
        style = " {style.stroke-dash: 4}" if edge.back else ""
        lines.append(f"{edge.source} -> {edge.target}: {_quote(edge.lines)}{style}")
    return "\n".join([*lines, ""])


def _quote(lines: tuple[str, ...]) -> str:
    r"""A double-quoted string; `$` would begin a substitution, so it is escaped too."""
    safe = (line.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") for line in lines)
    return '"' + "\\n".join(safe) + '"'
