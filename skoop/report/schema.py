"""The JSON Schema of the result. `python -m skoop.report.schema` prints what schema.json holds."""

from __future__ import annotations

import inspect
import json
from importlib import resources
from typing import Any

import msgspec

from skoop.model.diagnosis import EndpointKind, PathNodeKind
from skoop.model.disposition import Direction, Disposition, Level, Result, Verdict
from skoop.model.trace import StepKind
from skoop.report.document import ErrorDoc, ResultDoc

_CLOSED = {
    ("ResultDoc", "verdict"): Verdict,
    ("EndpointDoc", "kind"): EndpointKind,
    ("PathNodeDoc", "kind"): PathNodeKind,
    ("PathLinkDoc", "direction"): Direction,
    ("SuspicionDoc", "direction"): Direction,
    ("SuspicionDoc", "level"): Level,
    ("OutcomeDoc", "result"): Result,
    ("TraceDoc", "direction"): Direction,
    ("TraceDoc", "disposition"): Disposition,
    ("StepDoc", "kind"): StepKind,
}
"""Properties whose values are a closed set."""


def build() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of one result, or of one line of a batch."""
    (result, error), parts = msgspec.json.schema_components((ResultDoc, ErrorDoc))
    for part in parts.values():
        # Only since 3.13 Python takes the indentation out of docstrings.
        part["description"] = inspect.cleandoc(part["description"])
    for (part, name), values in _CLOSED.items():
        parts[part]["properties"][name]["enum"] = [one.value for one in values]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Result of skoop diagnose -o json",
        "oneOf": [result, error],
        "$defs": {name: parts[name] for name in sorted(parts)},
    }
    plain: dict[str, Any] = json.loads(json.dumps(schema))  # a default () becomes a list
    return plain


def published() -> dict[str, Any]:
    """The schema as shipped in the package."""
    text = resources.files("skoop.report").joinpath("schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def text() -> str:
    """What schema.json must hold."""
    return json.dumps(build(), indent=2) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(text())
