"""Everything that leaves the program: results on stdout, remarks on stderr, files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skoop.cli.options import ListFormat
from skoop.errors import UsageError

if TYPE_CHECKING:
    from skoop.model.diagnosis import Diagnosis
    from skoop.report.options import RenderOptions

_MAX_WIDTH = 120


def emit(text: str) -> None:
    """Write to stdout. When the reader has gone away (`| head`) the rest is dropped quietly, so
    that the exit code still tells the verdict."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        emit(text.encode(encoding, "backslashreplace").decode(encoding))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def remark(text: str) -> None:
    """Write a line for the person to stderr."""
    from skoop.report.options import clean

    try:
        sys.stderr.write("\n".join(clean(line) for line in text.splitlines()) + "\n")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def render_options(*, no_color: bool) -> RenderOptions:
    """The width of the terminal, 80 in a pipe; colour on a terminal that wants it."""
    from skoop.report.options import RenderOptions

    wants_color = not no_color and not os.environ.get("NO_COLOR")
    can_color = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    width = min(shutil.get_terminal_size((80, 24)).columns, _MAX_WIDTH)
    return RenderOptions(width=width, color=wants_color and can_color)


def check_output(formats: Sequence[str], output_file: str) -> None:
    """Raises UsageError for what `deliver` could not write; to be called before any work."""
    from skoop.report import check_format

    for name in formats:
        check_format(name)
    if len(formats) > 1 and not output_file:
        raise UsageError(
            "Several -o need --output-file NAME: each format is written to NAME with its own "
            "ending."
        )


def deliver(
    diagnosis: Diagnosis, formats: Sequence[str], output_file: str, *, no_color: bool
) -> None:
    """Write the diagnosis in every format asked for, to stdout or to files."""
    from skoop.report import FORMATS, render
    from skoop.report.options import RenderOptions

    for name in formats:
        if not output_file:
            emit(render(name, diagnosis, render_options(no_color=no_color)))
            continue
        path = Path(output_file)
        if len(formats) > 1:
            path = path.with_suffix(FORMATS[name][1])
        write_file(path, render(name, diagnosis, RenderOptions()))


def write_file(path: Path, text: str) -> None:
    """Raises UsageError when the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
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

    page = Page(render_options(no_color=False))
    page.table(columns, [tuple(str(row[column]) for column in columns) for row in rows])
    emit(page.text())
