"""The path for Graphviz. https://graphviz.org/doc/info/lang.html gives the quoting."""

from __future__ import annotations

from skoop.report.document import ResultDoc
from skoop.report.graph import STOP, drawing, title
from skoop.report.options import RenderOptions

_STYLES = {STOP: ", shape=note, fontcolor=red"}


def render(result: ResultDoc, options: RenderOptions) -> str:
    """A digraph; nothing in `options` applies."""
    del options
    drawn = drawing(result)
    lines = [
        "digraph skoop {",
        f"  label={_quote((title(result),))}; labelloc=t; rankdir=LR;",
        "  node [shape=box];",
    ]
    for node in drawn.nodes:
        style = _STYLES.get(node.kind, "") + (", color=red, penwidth=2" if node.blamed else "")
        lines.append(f"  {node.key} [label={_quote(node.lines)}{style}];")
    for edge in drawn.edges:
        style = ", style=dashed" if edge.back else ""
        lines.append(f"  {edge.source} -> {edge.target} [label={_quote(edge.lines)}{style}];")
    return "\n".join([*lines, "}", ""])


def _quote(lines: tuple[str, ...]) -> str:
    r"""A quoted string: backslashes and quotes escaped, lines joined by \n."""
    safe = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(safe) + '"'
