"""`skoop collector`: collectors that stay in a cluster, and what short-lived ones left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from skoop.cli.grouped import grouped
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
Folder = Annotated[
    str, typer.Option("--manifests", metavar="DIR", help="Own manifests instead of skoop's.")
]
Provider = Annotated[
    str, typer.Option("--provider", metavar="NAME", help="Also what this provider's need.")
]
_NAMESPACE = "skoop"


class Wanted(NamedTuple):
    """Which collectors are installed, and where."""

    namespace: Namespace = _NAMESPACE
    images_json: Annotated[
        str,
        typer.Option(metavar="FILE", help='Images by container: {"collector": ...}.'),
    ] = ""
    collector_image: Annotated[
        str, typer.Option(metavar="IMAGE", help="Instead of --images-json.")
    ] = ""
    manifests: Folder = ""
    provider: Provider = ""

    def made(self, *, bootstrap: bool = False) -> tuple[Manifest, ...]:
        """Their manifests; with `bootstrap` as static pods. Raises UsageError."""
        from pathlib import Path

        from skoop.collector import manifest as room
        from skoop.collector.labels import CONTAINER
        from skoop.collector.script import agent_argument

        images = dict(room.read_images(Path(self.images_json) if self.images_json else None))
        if self.collector_image:
            images[CONTAINER] = self.collector_image
        substitution = room.Substitution(
            namespace=self.namespace,
            images=images,
            source=self.images_json or "images.json",
            agent=agent_argument(),
        )
        place = (Path(self.manifests),) if self.manifests else ()
        get = room.get_bootstrap_resources if bootstrap else room.get_resources
        found = (*get(*place), *room.read(self._of_provider(bootstrap=bootstrap)))
        return room.substitute(found, substitution)

    def _of_provider(self, *, bootstrap: bool) -> tuple[tuple[str, str], ...]:
        from skoop.cli.plugged import plugins_of
        from skoop.provider.registry import Registry

        if not self.provider:
            return ()
        own = Registry.of(plugins_of(()), self.provider).find(self.provider).manifests()
        return own.bootstrap if bootstrap else own.assets


class Cluster(NamedTuple):
    """The cluster they are in."""

    kubeconfig: Annotated[
        str, typer.Option("--kubeconfig", metavar="FILE", help="The cluster.")
    ] = ""
    context: Annotated[str, typer.Option(help="Context of the kubeconfig.")] = ""

    def client(self) -> ApiClient:
        """A client for it. Raises AccessError."""
        from skoop.cluster.api import connect

        return connect(self.kubeconfig, self.context)


@app.command()
@grouped
def render(
    wanted: Wanted,
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

    made = wanted.made(bootstrap=bootstrap)
    for problem in room.lint(made):
        remark(f"skoop: {problem}")
    emit(room.render(made))


@app.command()
@grouped
def install(
    wanted: Wanted,
    cluster: Cluster,
    output: AsList = ListFormat.TABLE,
) -> None:
    """Install collectors on every node. A second time changes nothing."""
    from skoop.collector.manifest.install import check
    from skoop.collector.manifest.install import install as into

    made = wanted.made()
    check(made)
    _tell(into(cluster.client(), made), output)


@app.command()
@grouped
def status(
    namespace: Namespace = _NAMESPACE,
    *,
    cluster: Cluster,
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say which nodes have a collector that is ready, and why others have not."""
    from msgspec import structs

    from skoop.cli.output import write_list
    from skoop.collector.standing import status as standing

    rows = standing(cluster.client(), namespace, "skoop-collector")
    write_list(output, ("kind", "name", "state"), [structs.asdict(row) for row in rows])


@app.command()
@grouped
def uninstall(
    namespace: Namespace = _NAMESPACE,
    manifests: Folder = "",
    provider: Provider = "",
    *,
    cluster: Cluster,
    output: AsList = ListFormat.TABLE,
) -> None:
    """Remove what `install` made. A namespace that was there before is kept."""
    from skoop.collector.manifest.install import uninstall as out_of

    made = Wanted(namespace=namespace, manifests=manifests, provider=provider).made()
    _tell(out_of(cluster.client(), made), output)


@app.command()
@grouped
def gc(
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Where to look, if not everywhere is allowed.")
    ] = "kube-system",
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that another run is using now.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is.")] = False,
    *,
    cluster: Cluster,
    output: AsList = ListFormat.TABLE,
) -> None:
    """Remove pods that a killed skoop has left. They have ended by themselves; this tidies up."""
    from skoop.cli.output import write_list
    from skoop.cluster.api import NotFoundError
    from skoop.collector.standing import leftovers

    client = cluster.client()
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


def _tell(done: tuple[Done, ...], output: ListFormat) -> None:
    from skoop.cli.output import write_list

    rows = [{"object": one.manifest.name, "outcome": one.outcome.value} for one in done]
    write_list(output, ("object", "outcome"), rows)
