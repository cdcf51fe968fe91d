"""`skoop policy`: what the policies declare, without looking at any node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.options import AsList, ListFormat

if TYPE_CHECKING:
    from skoop.cluster.judge import Asked, Judged
    from skoop.model.kube import Inventory
    from skoop.policy import Engine

app = typer.Typer(
    help="What the network policies declare. Nothing is collected from nodes.",
    no_args_is_help=True,
)
_EXIT_CODES = {"allowed": 0, "denied": 1, "partial": 1, "unknown": 3}

Source = Annotated[
    str, typer.Argument(metavar="SRC", help="pod/NS/NAME, node/NAME, an IP, internet, ...")
]
Destination = Annotated[str, typer.Argument(metavar="DST", help="Likewise; also svc/NS/NAME:PORT.")]
Port = Annotated[
    str, typer.Option("-p", "--port", "--dport", help="Destination port, or a port's name.")
]
Protocol = Annotated[str, typer.Option(help="tcp, udp, sctp or icmp.")]
Space = Annotated[str, typer.Option("-n", "--namespace", help="Namespace of bare names.")]
Folder = Annotated[
    str,
    typer.Option("--from", metavar="DIR", help="Objects from YAML or JSON files, or a folder."),
]
Snapshot = Annotated[str, typer.Option(metavar="PATH", help="Objects from a snapshot.")]
Kubeconfig = Annotated[
    str, typer.Option("--kubeconfig", "--kube-config", metavar="FILE", help="A live cluster.")
]
Context = Annotated[str, typer.Option(help="Context of the kubeconfig.")]
EngineName = Annotated[
    str, typer.Option("--engine", help="Whose reading: auto, kubernetes or calico.")
]
New = Annotated[
    list[str],
    typer.Option("-f", "--file", metavar="FILE|DIR", help="New objects; may be repeated."),
]


@app.command()
def explain(
    source: Source,
    destination: Destination,
    port: Port = "",
    protocol: Protocol = "tcp",
    namespace: Space = "default",
    folder: Folder = "",
    snapshot: Snapshot = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    engine: EngineName = "auto",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say whether the policies let SRC reach DST, by which rules, and what would have to change.

    Exit code: 0 allowed; 1 denied, or for some pods of a Service; 2 bad usage; 3 cannot be
    decided; 4 skoop could not look.
    """
    from skoop.cli.output import emit, render_options
    from skoop.cluster.judge import Asked, Judge, engine_of
    from skoop.report.policy import explanation, explanation_text, verdict_word

    inventory = load_objects(folder, snapshot, kubeconfig, context)
    reading = engine_of(inventory, engine)
    asked = Asked(source, destination, port, protocol, namespace)
    judged = Judge(inventory, reading).judge(asked)
    if output is ListFormat.JSON:
        _json(explanation(judged.verdicts, reading, judged.assumptions))
    else:
        options = render_options()
        emit(explanation_text(judged.verdicts, judged.assumptions, options))
    raise typer.Exit(_EXIT_CODES[verdict_word(judged.verdicts)])


@app.command("what-if")
def what_if(
    source: Source,
    destination: Destination,
    new: New,
    port: Port = "",
    protocol: Protocol = "tcp",
    namespace: Space = "default",
    folder: Folder = "",
    snapshot: Snapshot = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
    engine: EngineName = "auto",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say what would become of a connection if the objects of -f were applied.

    Exit code: as of `explain`, for the verdict with the new objects.
    """
    from skoop.cli.output import emit, render_options
    from skoop.cluster.judge import Asked
    from skoop.cluster.overlay import overlaid
    from skoop.report.policy import explanation, explanation_text, verdict_word

    base = load_objects(folder, snapshot, kubeconfig, context)
    after = overlaid(base, _objects(new))
    reading = _engine(base, after, engine)
    asked = Asked(source, destination, port, protocol, namespace)
    then = _judged(after, reading, asked)
    now = _judged(base, reading, asked)
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
def diff(
    new: New,
    old: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="FILE|DIR", help="Objects to put in place before."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The new objects hold all policies there will be.")
    ] = False,
    folder: Folder = "",
    snapshot: Snapshot = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
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

    given = folder or snapshot or kubeconfig or context
    base = load_objects(folder, snapshot, kubeconfig, context) if given else _objects([])
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
def lint(
    folder: Folder = "",
    snapshot: Snapshot = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
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

    inventory = load_objects(folder, snapshot, kubeconfig, context)
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


def load_objects(folder: str, snapshot: str, kubeconfig: str, context: str) -> Inventory:
    """The cluster's objects from the one source given. Raises UsageError for none or several."""
    from skoop.errors import UsageError

    sources = [each for each in (folder, snapshot, kubeconfig or context) if each]
    if len(sources) > 1:
        raise UsageError("--from, --snapshot and a live cluster are several sources; give one.")
    if folder:
        return _objects([folder])
    if snapshot:
        from skoop.cluster.inventory import from_documents
        from skoop.snapshot import load

        return from_documents(load(snapshot).cluster)
    from skoop.cli.live import LiveFlags, live_objects

    return live_objects(LiveFlags(kubeconfig, context))


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
