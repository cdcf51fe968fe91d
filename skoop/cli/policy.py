"""`skoop policy`: what the policies declare, without looking at any node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from skoop.cli.grouped import grouped
from skoop.cli.options import AsList, ListFormat, Port, Protocol

if TYPE_CHECKING:
    from skoop.cluster.judge import Asked, Judged
    from skoop.model.kube import Inventory
    from skoop.policy import Engine

app = typer.Typer(
    help="What the network policies declare. Nothing is collected from nodes.",
    no_args_is_help=True,
)
_EXIT_CODES = {"allowed": 0, "denied": 1, "partial": 1, "unknown": 3}

EngineName = Annotated[
    str, typer.Option("--engine", help="Whose reading: auto, kubernetes or calico.")
]
New = Annotated[
    list[str],
    typer.Option("-f", "--file", metavar="FILE|DIR", help="New objects; may be repeated."),
]


class Connection(NamedTuple):
    """Who asks whom."""

    source: Annotated[
        str, typer.Argument(metavar="SRC", help="pod/NS/NAME, node/NAME, an IP, internet, ...")
    ]
    destination: Annotated[
        str, typer.Argument(metavar="DST", help="Likewise; also svc/NS/NAME:PORT.")
    ]
    port: Port = ""
    protocol: Protocol = "tcp"
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Namespace of bare names.")
    ] = "default"

    def asked(self) -> Asked:
        """The same as a question."""
        from skoop.cluster.judge import Asked

        return Asked(*self)


class Objects(NamedTuple):
    """Where the cluster's objects are from."""

    folder: Annotated[
        str,
        typer.Option("--from", metavar="DIR", help="Objects from YAML or JSON files, or a folder."),
    ] = ""
    snapshot: Annotated[str, typer.Option(metavar="PATH", help="Objects from a snapshot.")] = ""
    kubeconfig: Annotated[
        str, typer.Option("--kubeconfig", "--kube-config", metavar="FILE", help="A live cluster.")
    ] = ""
    context: Annotated[str, typer.Option(help="Context of the kubeconfig.")] = ""

    def load(self) -> Inventory:
        """The objects of the one source given, else of the current cluster. Raises UsageError for
        several."""
        from skoop.errors import UsageError

        sources = (self.folder, self.snapshot, self.kubeconfig or self.context)
        if sum(map(bool, sources)) > 1:
            raise UsageError("--from, --snapshot and a live cluster are several sources; give one.")
        if self.folder:
            return _objects([self.folder])
        if self.snapshot:
            from skoop.cluster.inventory import from_documents
            from skoop.snapshot import load

            return from_documents(load(self.snapshot).cluster)
        from skoop.cli.live import LiveFlags, live_objects

        return live_objects(LiveFlags(self.kubeconfig, self.context))


@app.command()
@grouped
def explain(
    connection: Connection,
    objects: Objects,
    engine: EngineName = "auto",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say whether the policies let SRC reach DST, by which rules, and what would have to change.

    Exit code: 0 allowed; 1 denied, or for some pods of a Service; 2 bad usage; 3 cannot be
    decided; 4 skoop could not look.
    """
    from skoop.cli.output import emit, render_options
    from skoop.cluster.judge import engine_of
    from skoop.report.policy import explanation, explanation_text, verdict_word

    inventory = objects.load()
    reading = engine_of(inventory, engine)
    judged = _judged(inventory, reading, connection.asked())
    if output is ListFormat.JSON:
        _json(explanation(judged.verdicts, reading, judged.assumptions))
    else:
        options = render_options()
        emit(explanation_text(judged.verdicts, judged.assumptions, options))
    raise typer.Exit(_EXIT_CODES[verdict_word(judged.verdicts)])


@app.command("what-if")
@grouped
def what_if(
    new: New,
    connection: Connection,
    objects: Objects,
    engine: EngineName = "auto",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say what would become of a connection if the objects of -f were applied.

    Exit code: as of `explain`, for the verdict with the new objects.
    """
    from skoop.cli.output import emit, render_options
    from skoop.cluster.overlay import overlaid
    from skoop.report.policy import explanation, explanation_text, verdict_word

    base = objects.load()
    after = overlaid(base, _objects(new))
    reading = _engine(base, after, engine)
    then = _judged(after, reading, connection.asked())
    now = _judged(base, reading, connection.asked())
    if output is ListFormat.JSON:
        before = explanation(now.verdicts, reading, now.assumptions)
        later = explanation(then.verdicts, reading, then.assumptions)
        changed = before["verdict"] != later["verdict"]
        _json({"schema_version": 1, "changed": changed, "before": before, "after": later})
    else:
        options = render_options()
        was, becomes = verdict_word(now.verdicts), verdict_word(then.verdicts)
        emit(f"now {was}, then {becomes}\n\n")
        emit(explanation_text(then.verdicts, then.assumptions, options))
    raise typer.Exit(_EXIT_CODES[verdict_word(then.verdicts)])


@app.command()
@grouped
def diff(
    new: New,
    old: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="FILE|DIR", help="Objects to put in place before."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The new objects hold all policies there will be.")
    ] = False,
    *,
    objects: Objects,
    engine: EngineName = "auto",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say which pairs of pods, nodes and outside addresses change when -f is applied.

    Without a cluster, snapshot or folder the pods are those of -f and --with. Exit code: 0 nothing
    changes; 1 something does; 2 bad usage; 4 skoop could not look.
    """
    from skoop.cli.output import emit, write_list
    from skoop.cluster.compare import compare
    from skoop.cluster.overlay import overlaid, without_policies
    from skoop.report.policy import change_rows, changes_document

    base = objects.load() if any(objects) else _objects([])
    before = overlaid(base, _objects(old)) if old else base
    after = overlaid(without_policies(base) if replace else base, _objects(new))
    reading = _engine(before, after, engine)
    found = compare(before, after, reading)
    if output is ListFormat.JSON:
        _json(changes_document(found, reading))
    elif found:
        write_list(output, ("change", "from", "to", "traffic", "pairs"), change_rows(found))
    else:
        emit("No pair changes.\n")
    raise typer.Exit(1 if found else 0)


@app.command()
@grouped
def lint(
    objects: Objects,
    engine: EngineName = "auto",
    output: AsList = ListFormat.TABLE,
) -> None:
    """List what is wrong with the policies themselves, for the pods there are.

    Exit code: 0 nothing, or only notes (info); 1 something worth mending; 2 bad usage; 4 skoop
    could not look.
    """
    from skoop.cli.output import emit, write_list
    from skoop.cluster.judge import engine_of
    from skoop.model.disposition import Level
    from skoop.policy.lint import lint as found_in

    inventory = objects.load()
    found = found_in(inventory, engine_of(inventory, engine))
    rows: list[dict[str, object]] = [
        {
            "level": one.level.value,
            "code": one.code,
            "name": one.name,
            "policy": one.where.name,
            "message": one.message,
            "evidence": "; ".join(each.text for each in one.evidence),
            "fix": one.fix,
        }
        for one in found
    ]
    if rows or output is ListFormat.JSON:
        write_list(output, ("level", "code", "name", "policy", "message"), rows)
    else:
        emit("Nothing found.\n")
    raise typer.Exit(1 if any(one.level is not Level.INFO for one in found) else 0)


def _objects(paths: list[str]) -> Inventory:
    from pathlib import Path

    from skoop.cluster.inventory import from_documents
    from skoop.cluster.manifests import list_documents, read_objects

    found = [each for path in paths for each in read_objects(Path(path))]
    return from_documents(list_documents(found))


def _engine(before: Inventory, after: Inventory, name: str) -> Engine:
    """One reading for both states: Calico's as soon as one of them is Calico's."""
    from skoop.cluster.judge import engine_of
    from skoop.policy import Engine

    found = (engine_of(before, name), engine_of(after, name))
    return Engine.CALICO if Engine.CALICO in found else found[0]


def _judged(inventory: Inventory, engine: Engine, asked: Asked) -> Judged:
    from skoop.cluster.judge import Judge

    return Judge(inventory, engine).judge(asked)


def _json(document: object) -> None:
    import msgspec

    from skoop.cli.output import emit

    emit(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
