"""`skoop snapshot create`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from skoop.cli.collectors import Collectors
from skoop.cli.options import Debug
from skoop.cli.plugged import asked

if TYPE_CHECKING:
    from skoop.cli.query import CloudQuestion
    from skoop.cluster.api import ApiClient
    from skoop.collector.capture import Captured
    from skoop.collector.options import CollectorOptions
    from skoop.model.progress import Observer

_PACKED = (".tar.gz", ".tgz", ".tar.zst", ".tar")


class CloudKept(NamedTuple):
    """Whether the cloud is asked too."""

    provider: Annotated[str, typer.Option("--provider", help="auto, or see `provider list`.")] = (
        "auto"
    )
    ask_cloud: Annotated[
        bool, typer.Option("--ask-cloud", help="Ask the cloud too, and keep its answers.")
    ] = False
    debug: Debug = False

    def question(self, context: typer.Context) -> CloudQuestion | None:
        """What to ask, None for nothing. What is wrong with a provider's options is said before
        anything is collected: raises ConfigError."""
        from skoop.cli.output import remark
        from skoop.cli.query import AUTO, CloudQuestion

        if not self.ask_cloud:
            return None
        found = CloudQuestion(
            self.provider, asked(context), live=True, debug=remark if self.debug else None
        )
        if self.provider != AUTO:
            found.asked.settings(found.asked.registry.find(self.provider))
        return found


def create(
    ctx: typer.Context,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A folder, .tar.gz or .tar.zst to write.")
    ],
    node: Annotated[
        list[str] | None, typer.Option("--node", metavar="NAME", help="A node; repeatable.")
    ] = None,
    all_nodes: Annotated[bool, typer.Option("--all-nodes", help="Every node.")] = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace names and addresses, to share it.")
    ] = False,
    kubeconfig: Annotated[
        str, typer.Option("--kubeconfig", metavar="FILE", help="The cluster.")
    ] = "",
    context: Annotated[
        str, typer.Option(metavar="NAME", help="Its context, instead of the current one.")
    ] = "",
    *,
    cloud: CloudKept,
    collectors: Collectors,
) -> None:
    """Collect a running cluster. The same command again collects the nodes that are missing yet.

    Secrets and environment variables are never collected, credentials of a cloud never kept.
    """
    from skoop.cli.output import remark
    from skoop.cli.progress import shown_progress
    from skoop.cluster.api import connect
    from skoop.errors import AccessError, UsageError

    if bool(node) == all_nodes:
        raise UsageError("Which nodes? Give --node NAME, once or more, or --all-nodes.")
    options, question = collectors.options(), cloud.question(ctx)
    target = Path(path)
    working = _working_folder(target, redact=redact)
    client = connect(kubeconfig, context)
    try:
        with shown_progress() as observe:
            captured = _capture(client, working, node or [], options, observe)
    finally:
        client.close()
    if not captured.nodes:
        raise AccessError(
            f"No node could be collected: {captured.missing[-1].what}: {captured.missing[-1].why}."
        )
    if question is not None:
        _keep_cloud(working, question)
    if working != target:
        _finish(working, target, redact=redact, whole=not captured.missing)
    remark(_said(captured, target))


def _working_folder(target: Path, *, redact: bool) -> Path:
    """Where the snapshot grows: at its place, or beside it when it is packed or redacted after.
    Raises UsageError when there is something already that would be in the way."""
    from skoop.errors import UsageError

    packed = target.name.endswith(_PACKED)
    if not packed and not redact:
        return target
    if not packed and target.is_dir() and any(target.iterdir()):
        raise UsageError(f"{target} exists already; give a new or an empty folder for --redact.")
    return target.with_name(f"{target.name}.partial")


def _capture(
    client: ApiClient, folder: Path, nodes: list[str], options: CollectorOptions, observe: Observer
) -> Captured:
    from datetime import UTC, datetime

    from skoop.collector.capture import capture
    from skoop.collector.live import LiveNodes

    return capture(
        client,
        LiveNodes(client, options),
        folder,
        nodes=nodes,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        observe=observe,
    )


def _keep_cloud(folder: Path, question: CloudQuestion) -> None:
    """What the nodes were collected for is not lost because a cloud cannot be asked."""
    from skoop.cli.add_cloud import answers, write
    from skoop.cli.output import remark
    from skoop.errors import SkoopError
    from skoop.snapshot import load

    try:
        recorded = answers(load(folder), question)
    except SkoopError as error:
        remark(f"skoop: the cloud was not asked: {error}")
        return
    if not recorded:
        remark("skoop: the provider of this cluster asks no cloud, so nothing of one is kept.")
        return
    write(recorded, folder)


def _finish(working: Path, target: Path, *, redact: bool, whole: bool) -> None:
    """Pack what was collected. What has to be gone on with stays beside it."""
    import shutil

    from skoop.cli.output import remark
    from skoop.snapshot import load, save
    from skoop.snapshot import redact as redacted

    snapshot = load(working)
    save(redacted(snapshot) if redact else snapshot, target)
    if whole:
        shutil.rmtree(working)
    else:
        remark(f"skoop: what is missing can be collected yet; {working} is kept for that.")


def _said(captured: Captured, target: Path) -> str:
    nodes = f"{captured.nodes} node" + ("s" if captured.nodes != 1 else "")
    kept = f", {captured.kept} of them from before" if captured.kept else ""
    # Elsewhere than on a terminal each was said when it failed.
    said = captured.missing if sys.stderr.isatty() else ()
    missing = "".join(f"\nskoop: missing: {one.what}: {one.why}" for one in said)
    return f"skoop: {target}: {nodes}{kept}{missing}"
