"""Many questions on one snapshot: a JSON line in, a JSON line out, in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec

from skoop.cli.output import emit
from skoop.cli.query import EXIT_CODES
from skoop.errors import SkoopError, UsageError
from skoop.model.diagnosis import Diagnosis
from skoop.model.request import Request
from skoop.report.convert import to_document
from skoop.report.json import batch_error, batch_line


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a batch. `port` is a number or the name of a Service's port; for what is None the
    command's flags hold."""

    src: str
    dst: str
    id: str | int | None = None
    port: int | str | None = None
    protocol: str | None = None
    sport: int | None = None
    size: int | None = None
    df: bool | None = None


class _Identity(msgspec.Struct, frozen=True):
    """What can still be read of a line that is otherwise wrong."""

    id: str | int | None = None


def run_batch(
    source: str, ask: Callable[[Query], Request], answer: Callable[[Request], Diagnosis]
) -> int:
    """Answer each line of a file ("-": stdin); returns the worst exit code.

    `ask` completes a query to a request; both may raise SkoopError, which becomes that line's
    error. Raises UsageError when the file cannot be read.
    """
    worst = 0
    with _open(source) as lines:
        for line in lines:
            if line.strip():
                text, code = _answer_line(line, ask, answer)
                emit(text + "\n")
                worst = max(worst, code)
    return worst


def _answer_line(
    line: str, ask: Callable[[Query], Request], answer: Callable[[Request], Diagnosis]
) -> tuple[str, int]:
    """The line to print, and the exit code it stands for."""
    try:
        query = msgspec.json.decode(line, type=Query)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return batch_error(_identity(line), f"Not a query: {error}."), UsageError.exit_code
    try:
        diagnosis = answer(ask(query))
    except SkoopError as error:
        return batch_error(query.id, str(error)), error.exit_code
    except Exception as error:  # noqa: BLE001 - a defect in one answer must not lose the others
        message = f"skoop failed: {type(error).__name__}: {error}."
        return batch_error(query.id, message), SkoopError.exit_code
    return batch_line(query.id, to_document(diagnosis)), EXIT_CODES[diagnosis.verdict]


def _identity(line: str) -> str | int | None:
    try:
        return msgspec.json.decode(line, type=_Identity).id
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


@contextmanager
def _open(source: str) -> Iterator[TextIO]:
    if source == "-":
        yield sys.stdin
        return
    try:
        # Undecodable bytes become surrogates, which then fail as a line, not as a file.
        with Path(source).open(encoding="utf-8", errors="surrogateescape") as lines:
            yield lines
    except OSError as error:
        raise UsageError(f"Cannot read {source}: {error.strerror}.") from error
