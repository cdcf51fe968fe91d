"""`skoop version`."""

from __future__ import annotations

from typing import Annotated

import typer

from skoop.cli.options import AsList, ListFormat


def version(
    check: Annotated[
        bool, typer.Option("--check", help="Compare with what is installed in a cluster.")
    ] = False,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Where collectors were installed.")
    ] = "skoop",
    kubeconfig: Annotated[str, typer.Option("--kubeconfig", metavar="FILE")] = "",
    context: Annotated[str, typer.Option("--context", help="Context of the kubeconfig.")] = "",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say the versions of skoop and of its agent; with --check also those in a cluster."""
    import platform

    from msgspec import structs

    import skoop
    from skoop.cli.output import write_list
    from skoop.collector.versions import Version, agent_version, installed

    rows = [
        Version("skoop", skoop.__version__, "-", ""),
        Version("python", platform.python_version(), "-", ""),
    ]
    if not check:
        rows.append(Version("agent", agent_version(), "-", ""))
        here = [{"part": each.part, "version": each.here} for each in rows]
        write_list(output, ("part", "version"), here)
        return
    from skoop.cluster.api import connect

    rows += installed(connect(kubeconfig, context), namespace)
    write_list(output, ("part", "here", "there", "state"), [structs.asdict(each) for each in rows])
