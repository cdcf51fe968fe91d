"""The report for a person: the verdict, the path, the causes; every step when asked for."""

from __future__ import annotations

from collections.abc import Iterable

from skoop.report.commands import is_command
from skoop.report.document import OutcomeDoc, ResultDoc, SuspicionDoc
from skoop.report.options import Detail, RenderOptions
from skoop.report.page import Page
from skoop.report.picture import picture
from skoop.report.text_traces import write_traces
from skoop.report.words import WAYS, endpoint_at, full_name, question, share, some

_VERDICT_STYLES = {
    "reachable": "bold green",
    "unreachable": "bold red",
    "partial": "bold yellow",
    "unknown": "bold magenta",
}
_LEVEL_STYLES = {"fatal": "bold red", "critical": "red", "warning": "yellow"}
_ROLE_STYLES = {
    "place": "bold", "bad": "bold red", "good": "green", "unknown": "magenta", "event": "",
    "share": "",
}  # fmt: skip
_MAX_ROWS = 12
"""Branches listed one by one; more are counted by what the client gets."""
_MAX_ASIDES = 10
"""Suspicions shown that do not stop the traffic."""


def render(result: ResultDoc, options: RenderOptions) -> str:
    """The report as `options.detail` asks for it, ending with a line break."""
    if options.detail is Detail.QUIET:
        return one_line(result)
    page = Page(options)
    page.line(
        f"{result.verdict.upper()}: {question(result)}", style=_VERDICT_STYLES[result.verdict]
    )
    page.line(result.summary)
    _write_picture(page, result, options)
    _write_suspicions(page, result)
    if options.detail is Detail.VERBOSE:
        _write_outcomes(page, result.outcomes)
        write_traces(page, result)
    _write_remarks(page, result)
    return page.text()


def one_line(result: ResultDoc) -> str:
    """ "PARTIAL: pod ... reaches ... on 67% of connections; ..." for `--quiet`."""
    page = Page(RenderOptions())
    page.unwrapped(f"{result.verdict.upper()}: {result.summary}")
    return page.text()


def _write_picture(page: Page, result: ResultDoc, options: RenderOptions) -> None:
    lines = picture(result, ascii_only=options.ascii)
    if not lines:
        return
    page.heading("Path")
    for line in lines:
        page.line(
            line.text, label="  " + line.lead, hang="  " + line.hang, style=_ROLE_STYLES[line.role]
        )


def _write_remarks(page: Page, result: ResultDoc) -> None:
    if result.not_checked:
        page.heading("Not checked")
        for skipped in result.not_checked:
            page.line(f"{skipped.what}: {skipped.why}", label="- ", indent=2)
    if result.assumptions:
        page.heading("Assumed")
        for assumption in result.assumptions:
            page.line(assumption.text, label="- ", indent=2)


def _write_suspicions(page: Page, result: ResultDoc) -> None:
    blocking = [one for one in result.suspicions if one.blocking]
    if blocking:
        page.heading("Cause" if len(blocking) == 1 else "Causes, the most likely first")
        _write_numbered(page, blocking, 1)
    elif result.verdict in ("unreachable", "partial"):
        page.heading("Cause")
        page.line("None that skoop knows by name; the path shows what stops it.", indent=2)
    asides = [one for one in result.suspicions if not one.blocking]
    if asides:
        page.heading("Also noticed (does not stop this traffic)")
        _write_numbered(page, asides[:_MAX_ASIDES], len(blocking) + 1)
        if len(asides) > _MAX_ASIDES:
            page.line(f"... and {len(asides) - _MAX_ASIDES} more in -o json", indent=2)


def _write_numbered(page: Page, suspicions: Iterable[SuspicionDoc], first: int) -> None:
    for number, one in enumerate(suspicions, first):
        if number > first:
            page.gap()
        _write_suspicion(page, one, number)


def _write_suspicion(page: Page, one: SuspicionDoc, number: int) -> None:
    place = f"{one.node.kind} {one.node.name}, {WAYS[one.direction]}"
    page.line(
        f"{one.name} on {place} ({one.level})",
        label=f"{number}. ",
        indent=2,
        style=_LEVEL_STYLES.get(one.level, ""),
    )
    page.line(one.message, indent=5)
    if one.why:
        page.line(one.why, label="Why it matters: ", indent=5)
    for evidence in one.evidence:
        page.line(f"{evidence.source}:", label="Evidence, ", indent=5, style="dim")
        page.quote(evidence.text, label="| ", indent=7)
    if one.fix:
        _write_fix(page, one.fix)
    page.line(f"skoop explain {one.code}", label="More: ", indent=5, style="dim")


def _write_fix(page: Page, fix: str) -> None:
    """Prose is wrapped; commands are not, so that they can be copied."""
    label = "Suggested: "
    for line in fix.splitlines():
        if is_command(line):
            if label.strip():
                page.line(label.strip(), indent=5)
            page.command(line, indent=7)
        elif line.strip():
            page.line(line.strip(), label=label if label.strip() else "", indent=5)
        label = ""


def _write_outcomes(page: Page, outcomes: tuple[OutcomeDoc, ...]) -> None:
    page.heading("What clients get")
    if len(outcomes) <= _MAX_ROWS:
        rows = [_outcome_row(one) for one in outcomes]
        page.table(("share", "result", "answered by", "client seen as"), rows)
        return
    groups: dict[str, list[OutcomeDoc]] = {}
    for one in outcomes:
        groups.setdefault(one.result, []).append(one)
    rows = [_group_row(result, members) for result, members in groups.items()]
    page.table(("share", "ways", "result", "answered by", "client seen as"), rows)


def _outcome_row(one: OutcomeDoc) -> tuple[str, ...]:
    server = endpoint_at(one.server) if one.server else "nobody"
    return (share(one.weight), one.result, server, one.seen_source or "-")


def _group_row(result: str, members: list[OutcomeDoc]) -> tuple[str, ...]:
    weight = min(sum(one.weight for one in members), 1.0)
    servers = some([full_name(one.server) for one in members if one.server]) or "nobody"
    seen = some([one.seen_source for one in members if one.seen_source]) or "-"
    return (share(weight), str(len(members)), result, servers, seen)
