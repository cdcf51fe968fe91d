"""The SVG picture as a bitmap, for chats and tickets that show nothing else."""

from __future__ import annotations

from skoop.errors import UsageError
from skoop.report import svg
from skoop.report.document import ResultDoc
from skoop.report.options import RenderOptions

_SHARPNESS = 2.0
"""Pixels of the bitmap for one of the picture, for dense screens."""


def render(result: ResultDoc, options: RenderOptions) -> bytes:
    """A PNG file; nothing in `options` applies. Text needs a font on this machine. Raises
    UsageError without the extra that draws bitmaps."""
    del options
    try:
        import resvg_py
    except ImportError as error:
        raise UsageError(
            "PNG needs an extra: pip install 'skoop[png]'. -o svg needs none."
        ) from error
    picture = svg.document(result, with_dark_mode=False)
    image: bytes = resvg_py.svg_to_bytes(
        svg_string=picture, zoom=_SHARPNESS, monospace_family="DejaVu Sans Mono"
    )
    return image
