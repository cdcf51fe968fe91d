"""The suspicions as SARIF 2.1.0, for code scanning and CI.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html gives the fields.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from skoop.findings import find
from skoop.report.document import ResultDoc, SuspicionDoc
from skoop.report.options import RenderOptions, clean
from skoop.report.words import endpoint, question

_LEVELS = {"fatal": "error", "critical": "error", "warning": "warning", "info": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(result: ResultDoc, options: RenderOptions) -> str:
    """A log with one run; nothing in `options` applies."""
    del options
    codes = list(dict.fromkeys(one.code for one in result.suspicions))
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "skoop",
                        "version": result.tool_version,
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "properties": {
                    "verdict": result.verdict,
                    "question": clean(question(result)),
                    "summary": clean(result.summary),
                },
                "results": [
                    _result(one, codes.index(one.code), result) for one in result.suspicions
                ],
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    """A code that this version no longer knows has only its name."""
    finding = find(code)
    if finding is None:
        return {"id": code}
    doc = finding.explain()
    return {
        "id": code,
        "name": finding.name,
        "shortDescription": {"text": doc.title},
        "fullDescription": {"text": doc.means},
        "help": {"text": f"{doc.matters}\n\n{doc.how}"},
        "defaultConfiguration": {"level": _LEVELS[finding.level.value]},
    }


def _result(one: SuspicionDoc, rule: int, result: ResultDoc) -> dict[str, Any]:
    evidence = "".join(f"\n{each.source}: {each.text}" for each in one.evidence)
    fix = f"\nSuggested: {one.fix}" if one.fix else ""
    place = f"{one.node.kind}/{one.node.name}"
    return {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": _LEVELS.get(one.level, "warning"),
        "message": {"text": _lines(f"{one.message}{evidence}{fix}")},
        "locations": [
            {
                "logicalLocations": [
                    {"name": clean(one.node.name), "fullyQualifiedName": clean(place)}
                ]
            }
        ],
        "partialFingerprints": {"skoop/v1": _fingerprint(one, result)},
        "properties": {"blocking": one.blocking, "direction": one.direction},
    }


def _fingerprint(one: SuspicionDoc, result: ResultDoc) -> str:
    """The same problem for the same question is the same result in every run."""
    parts = (
        one.code, one.node.kind, one.node.name, one.direction,
        endpoint(result.source), endpoint(result.destination), str(result.destination.port),
    )  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _lines(raw: str) -> str:
    return "\n".join(clean(line) for line in raw.splitlines())
