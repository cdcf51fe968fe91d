"""`skoop provider`."""

from __future__ import annotations

from typing import Annotated

import typer

from skoop.cli.options import AsList, ListFormat

app = typer.Typer(help="What skoop knows about the network under the nodes.", no_args_is_help=True)


@app.command("list")
def list_(output: AsList = ListFormat.TABLE) -> None:
    """List the providers."""
    from skoop.cli.output import write_list
    from skoop.provider.registry import PROVIDERS

    rows: list[dict[str, object]] = [
        {"name": one.name, "describes": one.describes} for one in PROVIDERS
    ]
    write_list(output, ("name", "describes"), rows)


@app.command()
def describe(
    name: Annotated[str, typer.Argument(metavar="NAME")], output: AsList = ListFormat.TABLE
) -> None:
    """Say what a provider checks beyond nodes and pods."""
    from skoop.cli.output import write_list
    from skoop.provider.registry import find_provider

    one = find_provider(name)
    known = [each.value for each in one.capabilities]
    checks: object = known
    if output is ListFormat.TABLE:
        checks = ", ".join(known) or "nothing beyond nodes and pods"
    row = {"name": one.name, "describes": one.describes, "checks": checks}
    write_list(output, ("name", "describes", "checks"), [row])
