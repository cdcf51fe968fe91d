"""What a cloud says of a snapshot's cluster, into the snapshot: `skoop snapshot add-cloud`, and
`skoop snapshot create --ask-cloud`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skoop.cli.options import Debug
from skoop.cli.plugged import asked

if TYPE_CHECKING:
    from skoop.cli.query import CloudQuestion
    from skoop.infra.source import Scope
    from skoop.model.kube import Inventory
    from skoop.snapshot import Snapshot


def add_cloud(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A snapshot; a folder or archive.")],
    to: Annotated[
        str, typer.Option(metavar="PATH", help="Write it there. Needed for an archive.")
    ] = "",
    provider: Annotated[
        str, typer.Option("--provider", help="auto, or see `provider list`.")
    ] = "auto",
    debug: Debug = False,
) -> None:
    """Ask a cloud about a snapshot's nodes and Services, and keep the answers in the snapshot.

    They are kept as they came, without credentials. Diagnoses of the snapshot then include the
    cloud and ask it nothing.
    """
    from msgspec.structs import replace

    from skoop.cli.output import remark
    from skoop.cli.query import CloudQuestion
    from skoop.errors import UsageError
    from skoop.snapshot import load, save

    source = Path(path)
    if not to and not source.is_dir():
        raise UsageError(f"{path} is no folder; say with --to where the new snapshot goes.")
    snapshot = load(path)
    question = CloudQuestion(provider, asked(context), live=True, debug=remark if debug else None)
    recorded = answers(snapshot, question)
    if not recorded:
        raise UsageError("The provider of this cluster asks no cloud, so there is nothing to add.")
    if to:
        save(replace(snapshot, cloud={**snapshot.cloud, **recorded}), to)
        return
    write(recorded, source)


def answers(snapshot: Snapshot, question: CloudQuestion) -> Mapping[str, bytes]:
    """The files of cloud/ by provider, {} when the cluster's provider asks no cloud; what it did
    not answer is said on stderr. Raises ConfigError for the provider's options."""
    from skoop.cli.output import remark
    from skoop.cli.query import create_network
    from skoop.network.base import Context
    from skoop.network.build import read

    network = create_network(Context(collected=read(snapshot)), snapshot, question)
    prepared = network.infra.prepare(whole(network.cluster.inventory))
    recorded = network.infra.recorded()
    for note in prepared.notes if recorded else ():
        remark(f"skoop: {note.what}: {note.why}")
    return recorded


def write(recorded: Mapping[str, bytes], folder: Path) -> None:
    """Into the folder of a snapshot."""
    (folder / "cloud").mkdir(exist_ok=True)
    for name, data in recorded.items():
        (folder / "cloud" / f"{name}.json").write_bytes(data)


def whole(inventory: Inventory) -> Scope:
    """Everything about a cluster that a question may need of its cloud."""
    from skoop.infra.source import Scope

    balanced = tuple(each for each in inventory.services if each.type == "LoadBalancer")
    ingress = (one.ip for each in balanced for one in each.ingress if one.ip is not None)
    external = (ip for node in inventory.nodes for ip in node.external_ips)
    return Scope(
        nodes=inventory.nodes,
        addresses=tuple(dict.fromkeys((*ingress, *external))),
        services=balanced,
        internet=True,
    )
