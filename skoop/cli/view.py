"""`skoop view`: a result that was written before, in any format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.grouped import grouped
from skoop.cli.options import Shown

if TYPE_CHECKING:
    from skoop.report.document import ResultDoc


@grouped
def view(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What `-o json` has written.")],
    shown: Shown,
) -> None:
    """Show a result of `skoop diagnose -o json` again, in any format.

    Example: skoop view result.json -o html --output-file report.html
    """
    from skoop.cli.output import check_output, deliver

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
