"""The program: its commands, and what becomes of an error.

Bodies import what they need when they run, so that `--help` stays as fast as typer itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from skoop.cli import collect, collector, policy, provider, snapshot
from skoop.cli.cloud import cloud
from skoop.cli.demo import demo
from skoop.cli.detect import detect
from skoop.cli.diagnose import diagnose
from skoop.cli.explain import explain
from skoop.cli.output import emit, remark
from skoop.cli.plugged import NamedProviderCommand, ProviderCommand
from skoop.cli.settings import default_map
from skoop.cli.version import version
from skoop.cli.view import view
from skoop.errors import EndpointError, SkoopError, UsageError

_MAX_CANDIDATES = 10

app = typer.Typer(
    name="skoop",
    help="Say why one thing in a Kubernetes cluster cannot reach another.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(cls=ProviderCommand)(diagnose)
app.command(cls=ProviderCommand)(demo)
app.command()(explain)
app.command()(detect)
app.command(cls=NamedProviderCommand)(cloud)
app.command()(view)
app.command()(version)
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(collect.app, name="collect")
app.add_typer(collector.app, name="collector")
app.add_typer(policy.app, name="policy")
app.add_typer(provider.app, name="provider")


def _version(wanted: bool) -> None:
    if wanted:
        import skoop

        emit(f"skoop {skoop.__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    say_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    del say_version


def run() -> None:
    """The entry point. A SkoopError ends as a sentence on stderr and its exit code."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Nothing is raised."""
    try:
        if any("\udc80" <= one <= "\udcff" for argument in arguments for one in argument):
            raise UsageError("An argument is not valid text in this locale's encoding.")
        command = _tree()
        defaults = default_map(command, os.environ)
        command(args=list(arguments), prog_name="skoop", default_map=defaults)
    except SkoopError as error:
        remark(_sentence(error))
        return error.exit_code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except Exception as error:
        if os.environ.get("SKOOP_DEBUG"):
            raise
        remark(
            f"skoop failed: {type(error).__name__}: {error}. This is a defect of skoop; "
            "SKOOP_DEBUG=1 shows where."
        )
        return SkoopError.exit_code
    return 0


@cache
def _tree() -> Any:
    """The commands as click runs them, built once: that takes longer than most of them do, and
    tests and notebooks run many command lines in one process."""
    return typer.main.get_command(app)


def _sentence(error: SkoopError) -> str:
    lines = [f"skoop: {error}"]
    if isinstance(error, EndpointError):
        lines += [f"  {one}" for one in error.candidates[:_MAX_CANDIDATES]]
        if len(error.candidates) > _MAX_CANDIDATES:
            lines.append(f"  ... and {len(error.candidates) - _MAX_CANDIDATES} more")
    return "\n".join(lines)
