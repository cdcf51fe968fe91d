"""The path as an SVG picture: forward drawn through, the way back dashed, the break in red."""

from __future__ import annotations

import textwrap
from xml.sax.saxutils import escape, quoteattr

from skoop.report.document import ResultDoc
from skoop.report.graph import Edge, drawing, nat_words
from skoop.report.layout import CHARACTER, FONT, LINE, Box, Layout, arrange
from skoop.report.options import RenderOptions, clean
from skoop.report.words import question

_MARGIN = 24
_TITLE_WIDTH = 700
"""The least width of the picture in px, so that the caption is not a column of words."""
_VERDICTS = {
    "reachable": "#1a7f37", "unreachable": "#cf222e", "partial": "#9a6700", "unknown": "#8250df",
}  # fmt: skip
_STYLE = """
.paper { fill: #ffffff; }
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2328; }
.box { fill: #f6f8fa; stroke: #8c959f; }
.pod .box { fill: #ddf4ff; stroke: #54aeff; }
.external .box, .cloud .box { fill: #fbefff; stroke: #c297ff; }
.blamed .box { stroke: #cf222e; stroke-width: 3; }
.stop .box { fill: #ffebe9; stroke: #cf222e; stroke-dasharray: 4 3; }
.stop text { fill: #a40e26; }
.name { font-weight: bold; }
.wire { fill: none; stroke: #57606a; stroke-width: 1.5; }
.tunnel { stroke-width: 4; stroke: #54aeff; }
.back { stroke-dasharray: 5 4; }
.label { font-size: 10px; fill: #57606a; stroke: #ffffff; stroke-width: 3; paint-order: stroke; }
.nat { fill: #9a6700; }
.head { fill: #57606a; }
"""
_DARK = """
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; }
text { fill: #e6edf3; }
.box { fill: #161b22; stroke: #6e7681; }
.pod .box { fill: #0c2d6b; stroke: #388bfd; }
.external .box, .cloud .box { fill: #3c1e70; stroke: #8957e5; }
.blamed .box { stroke: #ff7b72; }
.stop .box { fill: #490202; stroke: #ff7b72; }
.stop text { fill: #ffdcd7; }
.wire { stroke: #8b949e; }
.tunnel { stroke: #388bfd; }
.label { fill: #8b949e; stroke: #0d1117; }
.nat { fill: #d29922; }
.head { fill: #8b949e; }
}
"""


def render(result: ResultDoc, options: RenderOptions) -> str:
    """A picture that follows the reader's light or dark mode; nothing in `options` applies."""
    del options
    return document(result, with_dark_mode=True)


def document(result: ResultDoc, *, with_dark_mode: bool) -> str:
    """The whole file. Programs that make bitmaps of it do not know the rules for dark mode."""
    drawn = arrange(drawing(result))
    width = max(drawn.width, _TITLE_WIDTH) + 2 * _MARGIN
    caption = _caption(result, int((width - 2 * _MARGIN) / CHARACTER))
    top = _MARGIN + len(caption) * LINE + LINE
    height = top + drawn.height + _MARGIN
    style = _STYLE + (_DARK if with_dark_mode else "")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="title">',
        f'<title id="title">{_text(question(result))}: {_text(result.verdict)}</title>',
        f"<style>{style}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
        *_caption_lines(caption, result.verdict),
        f'<g transform="translate({_MARGIN} {top})">',
        *body(drawn),
        "</g>",
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def body(drawn: Layout) -> list[str]:
    """The wires and boxes, without the paper."""
    wires = [line for edge in drawn.edges for line in _wire(edge, drawn)]
    labels = [line for edge in drawn.edges if not edge.back for line in _labels(edge, drawn)]
    return [*wires, *labels, *(line for box in drawn.boxes.values() for line in _box(box))]


def _caption(result: ResultDoc, columns: int) -> list[str]:
    verdict = f"{result.verdict.upper()}: {question(result)}"
    return [
        part for line in (verdict, result.summary) for part in textwrap.wrap(clean(line), columns)
    ]


def _caption_lines(caption: list[str], verdict: str) -> list[str]:
    color = _VERDICTS.get(verdict, "#57606a")
    return [
        f'<text x="{_MARGIN}" y="{_MARGIN + number * LINE + FONT}"'
        + (f' class="name" style="fill: {color}"' if number == 0 else "")
        + f">{_text(line)}</text>"
        for number, line in enumerate(caption)
    ]


def _box(box: Box) -> list[str]:
    kinds = [box.node.kind] + (["blamed"] if box.node.blamed else [])
    left, top = box.x - box.width / 2, box.y - box.height / 2
    radius = 10 if box.node.kind == "pod" else 3
    lines = [
        f"<g class={quoteattr(' '.join(kinds))}>",
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="{radius}"/>',
    ]
    baseline = top + (box.height - len(box.lines) * LINE) / 2 + FONT
    for number, line in enumerate(box.lines):
        weight = ' class="name"' if number == 0 else ""
        y = baseline + number * LINE
        lines.append(
            f'<text{weight} x="{box.x:.1f}" y="{y:.1f}" text-anchor="middle">{_text(line)}</text>'
        )
    return [*lines, "</g>"]


def _wire(edge: Edge, drawn: Layout) -> list[str]:
    """A curve between the sides that face each other; ways back run a little lower."""
    source, target = drawn.boxes[edge.source], drawn.boxes[edge.target]
    turn = 1 if source.x <= target.x else -1
    shift = 9 if edge.back else -5
    x1, x2 = source.x + turn * source.width / 2, target.x - turn * target.width / 2
    y1, y2 = source.y + shift, target.y + shift
    bend = max(abs(x2 - x1) / 2, 20) * turn
    path = (
        f"M{x1:.1f} {y1:.1f} C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    )
    classes = ["wire"] + (["back"] if edge.back else [])
    told = "".join(f"{line}\n" for line in edge.lines).strip()
    lines = [f"<g><title>{_text(told)}</title>"] if told else ["<g>"]
    if any(link.outer for link in edge.links):
        lines.append(f'<path class="wire tunnel" opacity="0.35" d="{path}"/>')
    lines.append(f'<path class="{" ".join(classes)}" marker-end="url(#head)" d="{path}"/>')
    return [*lines, "</g>"]


def _labels(edge: Edge, drawn: Layout) -> list[str]:
    """Where the wire ends, and runs level: above it the medium, below what was translated."""
    source, target = drawn.boxes[edge.source], drawn.boxes[edge.target]
    turn, anchor = (1, "end") if source.x <= target.x else (-1, "start")
    x, y = target.x - turn * (target.width / 2 + 12), target.y - 5
    above = []
    if edge.links:
        outer = edge.links[0].outer
        above.append(edge.links[0].medium + (f" to {outer.destination}" if outer else ""))
    below = nat_words(edge)
    ys = [y - 6] * len(above) + [y + 24 + 11 * number for number in range(len(below))]
    classes = ["label"] * len(above) + ["label nat"] * len(below)
    return [
        f'<text class="{kind}" x="{x:.1f}" y="{at:.1f}" text-anchor="{anchor}">{_text(line)}</text>'
        for kind, at, line in zip(classes, ys, (*above, *below), strict=True)
    ]


def _text(line: str) -> str:
    return escape("\n".join(clean(part) for part in line.splitlines()))
