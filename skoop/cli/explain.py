"""`skoop explain`: the manual of causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.options import AsList, ListFormat

if TYPE_CHECKING:
    from skoop.findings import Finding


def explain(
    code: Annotated[
        str, typer.Argument(metavar="[CODE]", help="A code (OVL007) or a name (fdb-missing).")
    ] = "",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say what a cause means, why it matters and how to fix it; without a CODE list them all."""
    from skoop.cli.output import write_list
    from skoop.findings import catalogue

    chosen = (_find(code),) if code else catalogue()
    if code and output is ListFormat.TABLE:
        _write_page(chosen[0])
        return
    if output is ListFormat.JSON:
        write_list(output, (), [_row(one) for one in chosen])
        return
    rows = [
        {"code": one.code, "level": one.level.value, "name": one.name, "title": one.explain().title}
        for one in chosen
    ]
    write_list(output, ("code", "level", "name", "title"), rows)


def _find(code: str) -> type[Finding]:
    from difflib import get_close_matches

    from skoop.errors import UsageError
    from skoop.findings import catalogue, find

    finding = find(code)
    if finding is None:
        names = [key for one in catalogue() for key in (one.name, one.code.lower())]
        close = [name for name in names if code.lower() in name][:6]
        close = close or get_close_matches(code.lower(), names, n=4, cutoff=0.5)
        hint = f" Did you mean {', '.join(close)}?" if close else " `skoop explain` lists them."
        raise UsageError(f"There is no cause {code!r}.{hint}")
    return finding


def _row(finding: type[Finding]) -> dict[str, object]:
    """`how` is the prose and `fix` the commands of the section How to fix."""
    from skoop.findings import known_by, related_to

    doc = finding.explain()
    lines = doc.how.splitlines()
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level.value,
        "title": doc.title,
        "means": doc.means,
        "matters": doc.matters,
        "how": "\n".join(line for line in lines if not line.startswith("    ")),
        "fix": "\n".join(line.strip() for line in lines if line.startswith("    ")),
        "knows": known_by(finding),
        "related": [one.code for one in related_to(finding)],
    }


def _write_page(finding: type[Finding]) -> None:
    from skoop.cli.output import emit, render_options
    from skoop.findings import known_by, related_to
    from skoop.report.page import Page

    doc = finding.explain()
    page = Page(render_options())
    page.line(f"{finding.code} {finding.name} ({finding.level.value})", style="bold")
    page.line(doc.title)
    for heading, text in (
        ("What it means", doc.means),
        ("Why it matters", doc.matters),
        ("How skoop knows", known_by(finding)),
        ("How to fix", doc.how),
    ):
        page.heading(heading)
        for line in text.splitlines():
            if line.startswith("    "):
                page.command(line, indent=4)
            else:
                page.line(line, indent=2)
    akin = related_to(finding)
    if akin:
        page.heading("Related")
        for one in akin:
            page.line(f"{one.code} {one.name}: {one.explain().title}", indent=2)
    emit(page.text())
