"""The path as a Mermaid flowchart. https://mermaid.js.org/syntax/flowchart.html, entity codes."""

from __future__ import annotations

from skoop.model.diagnosis import Diagnosis
from skoop.report.graph import drawing, title
from skoop.report.options import RenderOptions

_PLAIN = frozenset(" .,:/-_+*()")


def render(diagnosis: Diagnosis, options: RenderOptions) -> str:
    """A flowchart; nothing in `options` applies."""
    del options
    nodes, edges = drawing(diagnosis)
    lines = ["flowchart LR", f"  %% {_comment(title(diagnosis))}"]
    for node in nodes:
        style = ":::blamed" if node.blamed else ""
        lines.append(f"  {node.key}[{_quote(node.lines)}]{style}")
    for edge in edges:
        arrow = "-.->" if edge.back else "-->"
        lines.append(f"  {edge.source} {arrow}|{_quote(edge.lines)}| {edge.target}")
    return "\n".join([*lines, "  classDef blamed stroke:#c00,stroke-width:3px", ""])


def _quote(lines: tuple[str, ...]) -> str:
    """A quoted label: what Mermaid or HTML could read becomes an entity code (#34;)."""
    safe = ("".join(one if _is_plain(one) else f"#{ord(one)};" for one in line) for line in lines)
    return '"' + "<br/>".join(safe) + '"'


def _is_plain(one: str) -> bool:
    return one in _PLAIN or (one.isascii() and one.isalnum())


def _comment(text: str) -> str:
    """Braces in a comment would be taken for a directive."""
    return text.replace("{", "(").replace("}", ")")
