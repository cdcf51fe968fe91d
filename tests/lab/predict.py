"""Asking the simulator."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from skoop.cli.main import main
from tests.lab.judge import Answer
from tests.lab.queries import Query

Predict = Callable[[Path, Sequence[Query]], list[Answer]]
"""A snapshot and questions -> an answer to each, in order."""


class PredictionError(RuntimeError):
    """skoop gave no answers at all."""


def by_command(snapshot: Path, queries: Sequence[Query]) -> list[Answer]:
    """`skoop diagnose --batch -`, as a user runs it."""
    command = Path(sys.executable).with_name("skoop")
    argv = (str(command), *_arguments(snapshot))
    done = subprocess.run(argv, input=_asked(queries), capture_output=True, text=True, check=False)
    return _answers(snapshot, queries, done.stdout, done.stderr)


def by_call(snapshot: Path, queries: Sequence[Query]) -> list[Answer]:
    """The same command line in this process, which has skoop loaded already."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch("sys.stdin", io.StringIO(_asked(queries))),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        main(_arguments(snapshot))
    return _answers(snapshot, queries, out.getvalue(), err.getvalue())


def _arguments(snapshot: Path) -> tuple[str, ...]:
    return ("diagnose", "--batch", "-", "--snapshot", str(snapshot), "-o", "json")


def _asked(queries: Sequence[Query]) -> str:
    return "".join(json.dumps(q.plain()) + "\n" for q in queries)


def _answers(snapshot: Path, queries: Sequence[Query], out: str, err: str) -> list[Answer]:
    lines = [line for line in out.splitlines() if line.strip()]
    if len(lines) != len(queries):
        raise PredictionError(
            f"{len(lines)} answers to {len(queries)} questions about {snapshot}: "
            f"{err.strip()[-2000:]}"
        )
    answers: list[Answer] = [json.loads(line) for line in lines]
    for query, answer in zip(queries, answers, strict=True):
        if answer.get("id") != query.id:
            raise PredictionError(f"asked {query.id}, answered {answer.get('id')!r}")
    return answers
