"""Everything that leaves the program: results on stdout, remarks on stderr, files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skoop.cli.options import ListFormat, Shown
from skoop.errors import UsageError

if TYPE_CHECKING:
    from skoop.report.document import ResultDoc
    from skoop.report.options import RenderOptions

_MAX_WIDTH = 120


def emit(text: str | bytes) -> None:
    """Write to stdout. When the reader has gone away (`| head`) the rest is dropped quietly, so
    that the exit code still tells the verdict."""
    try:
        if isinstance(text, bytes):
            sys.stdout.buffer.write(text)
        else:
            sys.stdout.write(text)
        sys.stdout.flush()
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        emit(str(text).encode(encoding, "backslashreplace").decode(encoding))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def remark(text: str) -> None:
    """Write a line for the person to stderr."""
    from skoop.report.options import clean

    try:
        sys.stderr.write("\n".join(clean(line) for line in text.splitlines()) + "\n")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def render_options(shown: Shown | None = None) -> RenderOptions:
    """The width of the terminal, 80 in a pipe; colour on a terminal that wants it; plain letters
    where lines cannot be drawn. Raises UsageError for flags that exclude each other."""
    from skoop.report.options import Detail, RenderOptions

    shown = shown or Shown()
    if shown.verbose and shown.quiet:
        raise UsageError("--verbose and --quiet exclude each other.")
    detail = Detail.VERBOSE if shown.verbose else Detail.QUIET if shown.quiet else Detail.NORMAL
    wants_color = not shown.no_color and not os.environ.get("NO_COLOR")
    can_color = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    width = min(shutil.get_terminal_size((80, 24)).columns, _MAX_WIDTH)
    return RenderOptions(
        width=width, color=wants_color and can_color, ascii=not _draws_lines(), detail=detail
    )


def _draws_lines() -> bool:
    try:
        "│├└─→✔✘".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def check_output(shown: Shown) -> None:
    """Raises UsageError for what `deliver` could not write; to be called before any work."""
    from skoop.cli.serve import LOOPBACK, split_address
    from skoop.report import check_format

    render_options(shown)
    if shown.listen and not shown.serve:
        raise UsageError("--listen says where --serve listens; give both.")
    split_address(shown.listen or LOOPBACK)
    for name in shown.formats:
        check_format(name)
    if "png" in shown.formats and not shown.output_file and sys.stdout.isatty():
        raise UsageError("A PNG is not for a terminal; give --output-file NAME.")
    if len(shown.formats) > 1 and not shown.output_file:
        raise UsageError(
            "Several -o need --output-file NAME: each format is written to NAME with its own "
            "ending."
        )


def deliver(result: ResultDoc, shown: Shown) -> None:
    """Write the result in every format asked for, to stdout or to files. Files are not for a
    terminal: no colour, and of its own width."""
    from skoop.cli.serve import LOOPBACK, serve
    from skoop.report import FORMATS, render
    from skoop.report.options import RenderOptions

    if shown.serve:
        serve(result, shown.listen or LOOPBACK)
        return
    options = render_options(shown)
    for name in shown.formats:
        if not shown.output_file:
            emit(render(name, result, options))
            continue
        path = Path(shown.output_file)
        if len(shown.formats) > 1:
            path = path.with_name(path.stem + FORMATS[name][1])
        write_file(path, render(name, result, RenderOptions(detail=options.detail)))


def write_file(path: Path, text: str | bytes) -> None:
    """Raises UsageError when the file cannot be written."""
    try:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.") from error


def write_list(
    output: ListFormat, columns: tuple[str, ...], rows: Sequence[Mapping[str, object]]
) -> None:
    """A list as JSON objects, or as a table of the named keys."""
    if output is ListFormat.JSON:
        import msgspec

        emit(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n")
        return
    from skoop.report.page import Page

    page = Page(render_options())
    page.table(columns, [tuple(_cell(row[column]) for column in columns) for row in rows])
    emit(page.text())


def _cell(value: object) -> str:
    """A list as its members, everything else as text."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
