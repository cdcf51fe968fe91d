"""`skoop demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from skoop.cli.asking import Cloud
from skoop.cli.diagnose import answer, question_of
from skoop.cli.grouped import grouped
from skoop.cli.options import ListFormat, Shown


@grouped
def demo(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which one; none: list.")] = "",
    *,
    shown: Shown,
) -> None:
    """Diagnose a broken cluster that is shipped with skoop; without a NAME list them (-o json)."""
    if not name:
        from skoop.cli.demos import write_demos

        write_demos(_list_format(shown))
        return
    from skoop.cli.query import State
    from skoop.model.request import Request

    request = question_of(name, Request(src="", dst=""))
    answer(request, State(demo=name), Cloud().question(ctx), shown)


def _list_format(shown: Shown) -> ListFormat:
    from skoop.errors import UsageError

    name = shown.output[-1] if shown.output else "table"
    try:
        return ListFormat(name)
    except ValueError as error:
        raise UsageError(f"A list has the formats table and json, not {name!r}.") from error
