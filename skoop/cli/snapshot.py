"""`skoop snapshot`: a cluster's state as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.add_cloud import add_cloud
from skoop.cli.create import create
from skoop.cli.grouped import grouped
from skoop.cli.options import AsList, ListFormat
from skoop.cli.plugged import ProviderCommand

if TYPE_CHECKING:
    from skoop.snapshot import Snapshot

app = typer.Typer(help="A cluster's state as files.", no_args_is_help=True)
Source = Annotated[str, typer.Argument(metavar="PATH", help="A folder, .tar.gz or .tar.zst.")]


app.command("create", cls=ProviderCommand)(grouped(create))
app.command("add-cloud", cls=ProviderCommand)(add_cloud)


@app.command()
def show(path: Source, output: AsList = ListFormat.TABLE) -> None:
    """Say what a snapshot holds, and what it lacks."""
    from skoop.cli.output import remark, write_list
    from skoop.snapshot import load

    snapshot = load(path)
    rows = _contents(snapshot)
    write_list(output, ("kind", "name", "holds"), rows)
    for warning in snapshot.warnings:
        remark(f"skoop: {warning}")


def _contents(snapshot: Snapshot) -> list[dict[str, object]]:
    """One row for each part: what kind it is, its name, and what it holds."""
    import msgspec

    manifest = snapshot.manifest
    rows: list[dict[str, object]] = [
        {"kind": "snapshot", "name": manifest.cluster or "-", "holds": _origin(snapshot)}
    ]
    for name in snapshot.cluster:
        items = msgspec.json.decode(snapshot.cluster[name]).get("items")
        holds = "one object" if items is None else _count(len(items), "object")
        rows.append({"kind": "resource", "name": name, "holds": holds})
    for name, document in snapshot.nodes.items():
        notes = f", {_count(len(document.notes), 'note')}" if document.notes else ""
        holds = _count(len(document.namespaces), "network namespace") + notes
        rows.append({"kind": "node", "name": name, "holds": holds})
    rows += [{"kind": "cloud", "name": name, "holds": "answers"} for name in snapshot.cloud]
    rows += [{"kind": "left out", "name": one.what, "holds": one.why} for one in manifest.left_out]
    return rows


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _origin(snapshot: Snapshot) -> str:
    manifest = snapshot.manifest
    created = f"created {manifest.created}" if manifest.created else "creation time unknown"
    return created + (f" by skoop {manifest.tool_version}" if manifest.tool_version else "")


@app.command()
def redact(
    path: Source,
    output_file: Annotated[
        str, typer.Option("-o", "--output-file", metavar="PATH", help="The new snapshot.")
    ],
) -> None:
    """Replace names and addresses consistently, so that a case can be shared."""
    from skoop.snapshot import load, save
    from skoop.snapshot import redact as redacted

    save(redacted(load(path)), output_file)
