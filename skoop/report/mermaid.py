"""The path as a Mermaid flowchart. https://mermaid.js.org/syntax/flowchart.html, entity codes."""

from __future__ import annotations

from skoop.report.document import ResultDoc
from skoop.report.graph import STOP, drawing, title
from skoop.report.options import RenderOptions

_CLASSES = (
    "  classDef blamed stroke:#c00,stroke-width:3px",
    "  classDef stop stroke:#c00,color:#c00,stroke-dasharray:4",
)
_PLAIN = frozenset(" .,:/-_+*()")


def render(result: ResultDoc, options: RenderOptions) -> str:
    """A flowchart; nothing in `options` applies."""
    del options
    drawn = drawing(result)
    lines = ["flowchart LR", f"  %% {_comment(title(result))}"]
    for node in drawn.nodes:
        style = ":::stop" if node.kind == STOP else ":::blamed" if node.blamed else ""
        lines.append(f"  {node.key}[{_quote(node.lines)}]{style}")
    for edge in drawn.edges:
        arrow = "-.->" if edge.back else "-->"
        label = f"|{_quote(edge.lines)}|" if edge.lines else ""
        lines.append(f"  {edge.source} {arrow}{label} {edge.target}")
    return "\n".join([*lines, *_CLASSES, ""])


def _quote(lines: tuple[str, ...]) -> str:
    """A quoted label: what Mermaid or HTML could read becomes an entity code (#34;)."""
    safe = ("".join(one if _is_plain(one) else f"#{ord(one)};" for one in line) for line in lines)
    return '"' + "<br/>".join(safe) + '"'


def _is_plain(one: str) -> bool:
    return one in _PLAIN or (one.isascii() and one.isalnum())


def _comment(text: str) -> str:
    """Braces in a comment would be taken for a directive."""
    return text.replace("{", "(").replace("}", ")")
