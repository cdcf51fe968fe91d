"""`skoop cloud PROVIDER COMMAND`: what a provider's cloud says, by kind of resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.options import AsList, Debug, ListFormat
from skoop.cli.plugged import asked

if TYPE_CHECKING:
    from skoop.infra.console import CloudCommand
    from skoop.provider.base import Provider


def cloud(
    context: typer.Context,
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="See `skoop provider list`.")],
    command: Annotated[
        str, typer.Argument(metavar="[COMMAND]", help="What to ask; none: list the commands.")
    ] = "",
    resource: Annotated[
        str, typer.Argument(metavar="[ID]", help="For commands that take one.")
    ] = "",
    region: Annotated[str, typer.Option(help="Another region than the configured one.")] = "",
    output: AsList = ListFormat.TABLE,
    debug: Debug = False,
) -> None:
    """Ask a provider's cloud directly. Nothing is ever changed there."""
    from skoop.cli.output import remark, write_list
    from skoop.infra.console import CloudCall

    said = asked(context)
    one = said.registry.find(provider)
    if not command:
        rows = [{"command": each.name, "shows": each.help} for each in one.commands]
        write_list(output, ("command", "shows"), rows)
        return
    wanted = _find(one, command, resource)
    call = CloudCall(region=region, debug=remark if debug else None)
    console = one.console(said.settings(one), call)
    write_list(output, wanted.columns, list(wanted.rows(console, resource)))


def _find(provider: Provider, name: str, resource: str) -> CloudCommand:
    """The command, with an id where it takes one. Raises UsageError."""
    from skoop.errors import UsageError
    from skoop.provider.base import find_command

    found = find_command(provider, name)
    if found is None:
        known = ", ".join(each.name for each in provider.commands) or "none"
        raise UsageError(f"The cloud {provider.name} has no command {name!r}; there are {known}.")
    if found.takes and not resource:
        raise UsageError(f"skoop cloud {provider.name} {name} needs {found.takes}.")
    if resource and not found.takes:
        raise UsageError(f"skoop cloud {provider.name} {name} takes no {resource!r}.")
    return found
