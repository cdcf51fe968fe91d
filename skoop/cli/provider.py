"""`skoop provider`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.options import AsList, ListFormat
from skoop.cli.plugged import NamedProviderCommand, ProviderCommand, asked

if TYPE_CHECKING:
    from skoop.cli.plugged import Asked
    from skoop.infra.options import Value
    from skoop.provider.base import Provider

app = typer.Typer(help="What skoop knows about the network under the nodes.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="See `skoop provider list`.")]
PROBLEMS = 5
"""Exit code of `skoop provider verify` when something is wrong with options or credentials."""


@app.command("list", cls=ProviderCommand)
def list_(context: typer.Context, output: AsList = ListFormat.TABLE) -> None:
    """List the providers: built in, in installed packages, in a file."""
    from skoop.cli.output import write_list

    registry = asked(context).registry
    rows: list[dict[str, object]] = []
    for each in registry.entries:
        one = None if each.disabled else registry.find(each.name)
        row: dict[str, object] = {"name": each.name, "origin": each.origin}
        row["state"] = each.disabled or "enabled"
        row["capabilities"] = _listed(
            tuple(c.value for c in one.capabilities) if one else (), output
        )
        row["describes"] = one.describes if one else ""
        rows.append(row)
    write_list(output, ("name", "origin", "state", "capabilities"), rows)


@app.command(cls=NamedProviderCommand)
def describe(
    context: typer.Context,
    name: Name,
    output: AsList = ListFormat.TABLE,
    no_secrets: Annotated[bool, typer.Option("--no-secrets", help="Leave secrets out.")] = False,
    only_secrets: Annotated[bool, typer.Option("--only-secrets", help="Only secrets.")] = False,
) -> None:
    """Say what a provider checks beyond nodes and pods, and which options it takes.

    Values are never shown, only where they come from.
    """
    from skoop.cli.output import emit, write_list
    from skoop.errors import UsageError

    if no_secrets and only_secrets:
        raise UsageError("--no-secrets and --only-secrets exclude each other.")
    said = asked(context)
    one = said.registry.find(name)
    wanted = [
        row
        for row in _options(said, one)
        if not (no_secrets and row["secret"]) and not (only_secrets and not row["secret"])
    ]
    checks = tuple(each.value for each in one.capabilities)
    head: dict[str, object] = {
        "name": one.name,
        "describes": one.describes,
        "origin": said.registry.origin(name),
        "checks": _listed(checks, output) or "nothing beyond nodes and pods",
    }
    if output is ListFormat.JSON:
        write_list(output, (), [{**head, "checks": list(checks), "options": wanted}])
        return
    write_list(output, ("name", "describes", "origin", "checks"), [head])
    if wanted:
        emit("\n")
        columns = ("option", "environment", "note")
        write_list(output, columns, wanted)


@app.command(cls=NamedProviderCommand)
def verify(context: typer.Context, name: Name) -> None:
    """Ask a provider's cloud whether the options and credentials work; say every problem.

    Exit code: 0 all is well; 5 something is wrong; 4 the cloud could not be asked.
    """
    from skoop.cli.output import emit, remark
    from skoop.infra.options import ConfigBinder

    said = asked(context)
    one = said.registry.find(name)
    settings = said.unchecked(one)
    problems = ConfigBinder(one.name, one.options, one.one_of).problems(settings)
    problems += () if problems else one.verify(settings)
    for each in problems:
        remark(f"skoop: {each}")
    if problems:
        raise typer.Exit(PROBLEMS)
    emit(f"Provider {one.name}: all is well.\n")


@app.command(cls=NamedProviderCommand)
def policy(context: typer.Context, name: Name) -> None:
    """Print the policy that lets a provider read what it reads, and nothing else."""
    from skoop.cli.output import emit
    from skoop.errors import UsageError

    text = asked(context).registry.find(name).policy()
    if not text:
        raise UsageError(f"The provider {name} asks no cloud, so it needs no policy.")
    emit(text if text.endswith("\n") else f"{text}\n")


def _listed(words: tuple[str, ...], output: ListFormat) -> object:
    return list(words) if output is ListFormat.JSON else ", ".join(words)


def _options(said: Asked, provider: Provider) -> list[dict[str, object]]:
    settings = said.unchecked(provider)
    return [_row(settings.value(each.name)) for each in provider.options]


def _row(value: Value) -> dict[str, object]:
    option = value.option
    return {
        "option": option.flag,
        "environment": option.environment,
        "secret": option.secret,
        "required": option.required,
        "choices": list(option.choices),
        "given by": value.origin.value if value.text else "nobody",
        "help": option.help,
        "note": _note(value),
    }


def _note(value: Value) -> str:
    words = ["secret"] if value.option.secret else []
    words += ["required"] if value.option.required else []
    words += [f"given by {value.origin.value}"] if value.text else []
    return ", ".join(words)
