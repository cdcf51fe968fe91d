"""`skoop collector`: collectors that stay in a cluster, and what short-lived ones left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.options import AsList, ListFormat

if TYPE_CHECKING:
    from skoop.cluster.api import ApiClient
    from skoop.collector.manifest import Manifest
    from skoop.collector.manifest.install import Done

app = typer.Typer(
    help="Collectors that stay in a cluster, so that none has to be started for a diagnosis.",
    no_args_is_help=True,
)

Namespace = Annotated[str, typer.Option("-n", "--namespace", help="Where the collectors live.")]
Images = Annotated[
    str,
    typer.Option("--images-json", metavar="FILE", help='Images by container: {"collector": ...}.'),
]
Image = Annotated[
    str,
    typer.Option(
        "--collector-image",
        metavar="IMAGE",
        help="Instead of --images-json.",
    ),
]
Folder = Annotated[
    str, typer.Option("--manifests", metavar="DIR", help="Own manifests instead of skoop's.")
]
Kubeconfig = Annotated[str, typer.Option("--kubeconfig", metavar="FILE", help="The cluster.")]
KubeContext = Annotated[str, typer.Option("--context", help="Context of the kubeconfig.")]
_NAMESPACE = "skoop"


@app.command()
def render(
    namespace: Namespace = _NAMESPACE,
    images_json: Images = "",
    collector_image: Image = "",
    manifests: Folder = "",
    bootstrap: Annotated[
        bool,
        typer.Option(
            "--bootstrap",
            help="Static pods, for nodes whose API server or network plugin is down.",
        ),
    ] = False,
) -> None:
    """Print the manifests, for `kubectl apply -f -` or, with --bootstrap, for the kubelet's folder
    of static pods."""
    from skoop.cli.output import emit, remark
    from skoop.collector import manifest as room

    made = _made(namespace, images_json, collector_image, manifests, bootstrap=bootstrap)
    for problem in room.lint(made):
        remark(f"skoop: {problem}")
    emit(room.render(made))


@app.command()
def install(
    namespace: Namespace = _NAMESPACE,
    images_json: Images = "",
    collector_image: Image = "",
    manifests: Folder = "",
    kubeconfig: Kubeconfig = "",
    context: KubeContext = "",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Install collectors on every node. A second time changes nothing."""
    from skoop.collector.manifest.install import check
    from skoop.collector.manifest.install import install as into

    made = _made(namespace, images_json, collector_image, manifests)
    check(made)
    _tell(into(_client(kubeconfig, context), made), output)


@app.command()
def status(
    namespace: Namespace = _NAMESPACE,
    kubeconfig: Kubeconfig = "",
    context: KubeContext = "",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say which nodes have a collector that is ready, and why others have not."""
    from msgspec import structs

    from skoop.cli.output import write_list
    from skoop.collector.standing import status as standing

    rows = standing(_client(kubeconfig, context), namespace, "skoop-collector")
    write_list(output, ("kind", "name", "state"), [structs.asdict(row) for row in rows])


@app.command()
def uninstall(
    namespace: Namespace = _NAMESPACE,
    manifests: Folder = "",
    kubeconfig: Kubeconfig = "",
    context: KubeContext = "",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Remove what `install` made. A namespace that was there before is kept."""
    from skoop.collector.manifest.install import uninstall as out_of

    made = _made(namespace, "", "", manifests)
    _tell(out_of(_client(kubeconfig, context), made), output)


@app.command()
def gc(
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Where to look, if not everywhere is allowed.")
    ] = "kube-system",
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that another run is using now.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is.")] = False,
    kubeconfig: Kubeconfig = "",
    context: KubeContext = "",
    output: AsList = ListFormat.TABLE,
) -> None:
    """Remove pods that a killed skoop has left. They have ended by themselves; this tidies up."""
    from skoop.cli.output import write_list
    from skoop.cluster.api import NotFoundError
    from skoop.collector.standing import leftovers

    client = _client(kubeconfig, context)
    rows = []
    for each in leftovers(client, namespace):
        state = each.state
        if (each.due or everything) and not dry_run:
            try:
                client.delete(each.at(), grace_seconds=0)
                state = "deleted"
            except NotFoundError:
                state = "gone meanwhile"
        rows.append({"pod": f"{each.namespace}/{each.name}", "node": each.node, "state": state})
    write_list(output, ("pod", "node", "state"), rows)


def _made(
    namespace: str,
    images_json: str,
    collector_image: str,
    folder: str,
    *,
    bootstrap: bool = False,
) -> tuple[Manifest, ...]:
    from pathlib import Path

    from skoop.collector import manifest as room
    from skoop.collector.labels import CONTAINER
    from skoop.collector.script import agent_argument

    images = dict(room.read_images(Path(images_json) if images_json else None))
    if collector_image:
        images[CONTAINER] = collector_image
    substitution = room.Substitution(
        namespace=namespace,
        images=images,
        source=images_json or "images.json",
        agent=agent_argument(),
    )
    place = (Path(folder),) if folder else ()
    get = room.get_bootstrap_resources if bootstrap else room.get_resources
    return room.substitute(get(*place), substitution)


def _client(kubeconfig: str, context: str) -> ApiClient:
    from skoop.cluster.api import connect

    return connect(kubeconfig, context)


def _tell(done: tuple[Done, ...], output: ListFormat) -> None:
    from skoop.cli.output import write_list

    rows = [{"object": one.manifest.name, "outcome": one.outcome.value} for one in done]
    write_list(output, ("object", "outcome"), rows)
