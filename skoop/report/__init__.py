"""A diagnosis as text, JSON or a drawing.

A format is a module with `render(result, options)` and one line in `FORMATS`. A result is
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
    "svg": ("skoop.report.svg", ".svg"),
    "png": ("skoop.report.png", ".png"),
    "html": ("skoop.report.html", ".html"),
    "markdown": ("skoop.report.markdown", ".md"),
    "junit": ("skoop.report.junit", ".junit.xml"),
    "sarif": ("skoop.report.sarif", ".sarif"),
}
"""Name: the module, imported when used, and the ending of its files."""


def render(name: str, result: ResultDoc, options: RenderOptions) -> str | bytes:
    """The result in one format: text that ends with a line break, or a bitmap's bytes. Raises
    UsageError for other names."""
    check_format(name)
    module = import_module(FORMATS[name][0])
    made: str | bytes = module.render(result, options)
    return made


def check_format(name: str) -> None:
    """Raises UsageError unless this is a format; to be called before any work is done."""
    if name not in FORMATS:
        raise UsageError(f"There is no output format {name!r}; there are {', '.join(FORMATS)}.")
