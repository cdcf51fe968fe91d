"""The report for a ticket: Markdown as GitHub, GitLab and most trackers read it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from skoop.report import mermaid
from skoop.report.commands import is_command
from skoop.report.document import OutcomeDoc, ResultDoc, SuspicionDoc
from skoop.report.options import RenderOptions, clean
from skoop.report.picture import picture, plain
from skoop.report.words import WAYS, endpoint_at, question, share

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}
"""Markup, and the sign that would call people to a ticket."""
_MAX_ROWS = 20


def render(result: ResultDoc, options: RenderOptions) -> str:
    """The page; nothing in `options` applies."""
    parts = [f"## {result.verdict.upper()}: {_text(question(result))}", _text(result.summary)]
    lines = picture(result, ascii_only=False)
    if lines:
        parts += ["### Path", _block(plain(lines))]
    if result.suspicions:
        parts += ["### Causes", *(_cause(n, one) for n, one in enumerate(result.suspicions, 1))]
    if len(result.outcomes) > 1:
        parts += ["### What clients get", _outcomes(result.outcomes)]
    parts += _list("Not checked", (f"{one.what}: {one.why}" for one in result.not_checked))
    parts += _list("Assumed", (one.text for one in result.assumptions))
    if lines:
        drawn = _block(mermaid.render(result, options), "mermaid")
        parts.append(f"<details><summary>Path as a graph</summary>\n\n{drawn}\n\n</details>")
    parts.append(f"skoop {_text(result.tool_version)}")
    return "\n\n".join(parts) + "\n"


def _cause(number: int, one: SuspicionDoc) -> str:
    effect = "stops this traffic" if one.blocking else "does not stop this traffic"
    parts = [
        f"**{number}. {_text(one.name)}** on {_text(f'{one.node.kind} {one.node.name}')}, "
        f"{WAYS[one.direction]} ({one.level}, {effect})",
        _text(one.message),
    ]
    if one.why:
        parts.append(f"Why it matters: {_text(one.why)}")
    for evidence in one.evidence:
        parts += [f"{_text(evidence.source)}:", _block(evidence.text)]
    parts += _fix(one.fix)
    return "\n\n".join(parts)


def _fix(fix: str) -> list[str]:
    lines = [line for line in fix.splitlines() if line.strip()]
    prose = [_text(line.strip()) for line in lines if not is_command(line)]
    commands = [line.strip() for line in lines if is_command(line)]
    suggested = ["Suggested: " + " ".join(prose)] if lines else []
    return suggested + ([_block("\n".join(commands), "sh")] if commands else [])


def _outcomes(outcomes: tuple[OutcomeDoc, ...]) -> str:
    rows = [
        (
            share(one.weight),
            one.result,
            _text(endpoint_at(one.server)) if one.server else "nobody",
            _text(one.seen_source) or "-",
        )
        for one in outcomes[:_MAX_ROWS]
    ]
    head = [("share", "result", "answered by", "client seen as"), ("---",) * 4]
    table = "\n".join("| " + " | ".join(row) + " |" for row in (*head, *rows))
    more = len(outcomes) - _MAX_ROWS
    return table + (f"\n\nand {more} more" if more > 0 else "")


def _list(heading: str, lines: Iterable[str]) -> list[str]:
    items = [f"- {_text(line)}" for line in lines]
    return [f"### {heading}", "\n".join(items)] if items else []


def _text(raw: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", clean(raw))
    return "".join(_ENTITIES.get(one, one) for one in escaped)


def _block(raw: str, language: str = "text") -> str:
    """A fenced block whose fence is longer than any run of backticks in it."""
    said = "\n".join(clean(line) for line in raw.splitlines())
    longest = max((len(run) for run in re.findall("`+", said)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{said}\n{fence}"
