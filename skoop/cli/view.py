"""`skoop view`: a result that was written before, in any format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.options import Listen, NoColor, OutputFile, OutputFormats, Quiet, Serve, Verbose

if TYPE_CHECKING:
    from skoop.report.document import ResultDoc


def view(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What `-o json` has written.")],
    output: OutputFormats = None,
    output_file: OutputFile = "",
    serve: Serve = False,
    listen: Listen = "",
    verbose: Verbose = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Show a result of `skoop diagnose -o json` again, in any format.

    Example: skoop view result.json -o html --output-file report.html
    """
    from skoop.cli.output import Shown, check_output, deliver

    shown = Shown(
        formats=tuple(output or ["text"]), output_file=output_file, no_color=no_color,
        verbose=verbose, quiet=quiet, serve=serve, listen=listen,
    )  # fmt: skip
    check_output(shown)
    deliver(_read(file), shown)


def _read(file: str) -> ResultDoc:
    import sys
    from pathlib import Path

    from skoop.errors import UsageError
    from skoop.report.json import read

    if file == "-":
        return read(sys.stdin.buffer.read(), "standard input")
    try:
        return read(Path(file).read_bytes(), file)
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror}.") from error
