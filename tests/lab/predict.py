"""Asking the simulator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab.judge import Answer
from tests.lab.queries import Query

Predict = Callable[[Path, Sequence[Query]], list[Answer]]
"""A snapshot and questions -> an answer to each, in order."""


class PredictionError(RuntimeError):
    """skoop gave no answers at all."""


def by_command(snapshot: Path, queries: Sequence[Query]) -> list[Answer]:
    """`skoop diagnose --batch -`, as a user runs it."""
    command = Path(sys.executable).with_name("skoop")
    argv = (str(command), "diagnose", "--batch", "-", "--snapshot", str(snapshot), "-o", "json")
    text = "".join(json.dumps(q.plain()) + "\n" for q in queries)
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if len(lines) != len(queries):
        raise PredictionError(
            f"{len(lines)} answers to {len(queries)} questions about {snapshot}, exit "
            f"{done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    answers: list[Answer] = [json.loads(line) for line in lines]
    for query, answer in zip(queries, answers, strict=True):
        if answer.get("id") != query.id:
            raise PredictionError(f"asked {query.id}, answered {answer.get('id')!r}")
    return answers
