"""A diagnosis as text, JSON or a drawing.

A format is a module with `render(result, options) -> str` and one line in `FORMATS`. A result is
the document that `-o json` prints, so that one written earlier can be shown in every format.
"""

from __future__ import annotations

from importlib import import_module

from skoop.errors import UsageError
from skoop.report.document import ResultDoc
from skoop.report.options import RenderOptions

FORMATS = {
    "text": ("skoop.report.text", ".txt"),
    "json": ("skoop.report.json", ".json"),
    "dot": ("skoop.report.dot", ".dot"),
    "mermaid": ("skoop.report.mermaid", ".mmd"),
    "d2": ("skoop.report.d2", ".d2"),
}
"""Name: the module, imported when used, and the ending of its files."""


def render(name: str, result: ResultDoc, options: RenderOptions) -> str:
    """The result in one format, ending with a line break. Raises UsageError for other names."""
    check_format(name)
    module = import_module(FORMATS[name][0])
    text: str = module.render(result, options)
    return text


def check_format(name: str) -> None:
    """Raises UsageError unless this is a format; to be called before any work is done."""
    if name not in FORMATS:
        raise UsageError(f"There is no output format {name!r}; there are {', '.join(FORMATS)}.")
