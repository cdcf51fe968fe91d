"""The report for a person: the verdict, the cause, the way there and back."""

from __future__ import annotations

from collections.abc import Iterable

from skoop.model.diagnosis import BranchOutcome, Diagnosis, Endpoint, Suspicion
from skoop.model.disposition import Direction, Level, Verdict
from skoop.report.options import RenderOptions
from skoop.report.page import Page
from skoop.report.text_traces import write_traces

_VERDICT_STYLES = {
    Verdict.REACHABLE: "bold green",
    Verdict.UNREACHABLE: "bold red",
    Verdict.PARTIAL: "bold yellow",
    Verdict.UNKNOWN: "bold magenta",
}
_LEVEL_STYLES = {
    Level.FATAL: "bold red",
    Level.CRITICAL: "red",
    Level.WARNING: "yellow",
    Level.INFO: "",
}
_WAYS = {Direction.FORWARD: "on the way there", Direction.RETURN: "on the way back"}
_MAX_ROWS = 12
"""Branches listed one by one; more are counted by what the client gets."""
_MAX_ASIDES = 10
"""Suspicions shown that do not stop the traffic."""
_COMMANDS = (
    "ip", "bridge", "iptables", "ip6tables", "nft", "ipset", "conntrack", "sysctl", "modprobe",
    "kubectl", "systemctl", "ethtool", "tc", "nsenter", "calicoctl", "ipvsadm", "ss", "skoop",
)  # fmt: skip


def render(diagnosis: Diagnosis, options: RenderOptions) -> str:
    """The whole report, ending with a line break."""
    page = Page(options)
    _write_verdict(page, diagnosis)
    _write_suspicions(page, diagnosis)
    if len(diagnosis.outcomes) > 1:
        _write_outcomes(page, diagnosis.outcomes)
    write_traces(page, diagnosis)
    if diagnosis.not_checked:
        page.heading("Not checked")
        for skipped in diagnosis.not_checked:
            page.line(f"{skipped.what}: {skipped.why}", label="- ", indent=2)
    if diagnosis.assumptions:
        page.heading("Assumed")
        for assumption in diagnosis.assumptions:
            page.line(assumption, label="- ", indent=2)
    return page.text()


def _write_verdict(page: Page, diagnosis: Diagnosis) -> None:
    verdict, target, protocol = diagnosis.verdict, diagnosis.destination, diagnosis.protocol
    way = f"port {target.port}/{protocol}" if target.port else f"({protocol})"
    page.line(
        f"{verdict.value.upper()}: {diagnosis.source} -> {target} {way}",
        style=_VERDICT_STYLES[verdict],
    )
    page.line(diagnosis.summary)


def _endpoint(one: Endpoint) -> str:
    """ "service shop/api (10.96.0.20) port 80"."""
    ip = f" ({one.ip})" if one.ip and one.ip != one.name else ""
    return f"{one}{ip}" + (f" port {one.port}" if one.port else "")


def _write_suspicions(page: Page, diagnosis: Diagnosis) -> None:
    blocking = [one for one in diagnosis.suspicions if one.blocking]
    if blocking:
        page.heading("Cause" if len(blocking) == 1 else "Causes, the most likely first")
        _write_numbered(page, blocking, 1)
    elif diagnosis.verdict in (Verdict.UNREACHABLE, Verdict.PARTIAL):
        page.heading("Cause")
        page.line("None that skoop knows by name; the last step below is what stops it.", indent=2)
    asides = [one for one in diagnosis.suspicions if not one.blocking]
    if asides:
        page.heading("Also noticed (does not stop this traffic)")
        _write_numbered(page, asides[:_MAX_ASIDES], len(blocking) + 1)
        if len(asides) > _MAX_ASIDES:
            page.line(f"... and {len(asides) - _MAX_ASIDES} more in -o json", indent=2)


def _write_numbered(page: Page, suspicions: Iterable[Suspicion], first: int) -> None:
    for number, one in enumerate(suspicions, first):
        if number > first:
            page.gap()
        _write_suspicion(page, one, number)


def _write_suspicion(page: Page, one: Suspicion, number: int) -> None:
    place = f"{one.where.kind} {one.where.name}, {_WAYS[one.direction]}"
    page.line(
        f"{one.name} on {place} ({one.level.value})",
        label=f"{number}. ",
        indent=2,
        style=_LEVEL_STYLES[one.level],
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


def is_command(line: str) -> bool:
    """Whether a line of a fix is for a shell: indented, or begins with a tool's name."""
    words = line.split()
    return line.startswith("    ") or (bool(words) and words[0].split("-")[0] in _COMMANDS)


def _write_outcomes(page: Page, outcomes: tuple[BranchOutcome, ...]) -> None:
    page.heading(f"What clients get ({len(outcomes)} possible ways)")
    if len(outcomes) <= _MAX_ROWS:
        rows = [_outcome_row(one) for one in outcomes]
        page.table(("share", "result", "answered by", "client seen as"), rows)
        return
    groups: dict[str, list[BranchOutcome]] = {}
    for one in outcomes:
        groups.setdefault(one.result.value, []).append(one)
    rows = [_group_row(result, members) for result, members in groups.items()]
    page.table(("share", "ways", "result", "answered by", "client seen as"), rows)


def _outcome_row(one: BranchOutcome) -> tuple[str, ...]:
    server = _endpoint(one.server) if one.server else "nobody"
    return (share(one.weight), one.result.value, server, one.seen_source or "-")


def _group_row(result: str, members: list[BranchOutcome]) -> tuple[str, ...]:
    weight = sum(one.weight for one in members)
    servers = _some([_name(one.server) for one in members if one.server]) or "nobody"
    seen = _some([one.seen_source for one in members if one.seen_source]) or "-"
    return (share(weight), str(len(members)), result, servers, seen)


def _name(one: Endpoint) -> str:
    return f"{one.namespace}/{one.name}" if one.namespace else one.name


def _some(names: list[str]) -> str:
    """The first few different names, and how many more there are."""
    different = list(dict.fromkeys(names))
    more = len(different) - 2
    return ", ".join(different[:2]) + (f" and {more} more" if more > 0 else "")


def share(weight: float) -> str:
    """ "33.3%", and never a rounded 0% or 100% for what is neither."""
    percent = weight * 100
    if 0 < percent < 0.1:
        return "<0.1%"
    if 99.9 < percent < 99.9999:
        return ">99.9%"
    return f"{percent:.1f}".removesuffix(".0") + "%"
