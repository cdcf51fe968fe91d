"""The list of demos: by family, with how to run one."""

from __future__ import annotations

from itertools import groupby

from skoop.cli.options import ListFormat
from skoop.cli.output import emit, render_options, write_list
from skoop.demo import demos
from skoop.report.page import Page

_HINTS = (
    ("skoop demo {name}", "the diagnosis"),
    ("skoop demo {name} -v", "every step, with the rule that decided it"),
    ("skoop demo {name} --serve", "the report in a browser"),
)


def write_demos(output: ListFormat) -> None:
    """As JSON objects, or as text for a person."""
    if output is ListFormat.JSON:
        rows = [
            {"name": one.name, "family": one.family.value, "shows": one.shows} for one in demos()
        ]
        write_list(output, ("name", "family", "shows"), rows)
        return
    page = Page(render_options())
    width = max(len(one.name) for one in demos())
    for family, members in groupby(demos(), lambda one: one.family):
        page.line(family.value, style="bold")
        for one in members:
            page.line(one.shows, label=f"{one.name:{width}}  ", indent=2)
        page.gap()
    commands = [(text.format(name=demos()[0].name), shows) for text, shows in _HINTS]
    width = max(len(text) for text, _ in commands)
    page.line("Run one", style="bold")
    for text, shows in commands:
        page.line(shows, label=f"{text:{width}}  ", indent=2)
    emit(page.text())
