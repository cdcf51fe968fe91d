"""A running cluster into a snapshot's folder, node by node, so that it can be gone on with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct, structs

import skoop
from skoop.cluster.api import ApiClient
from skoop.cluster.fetch import DNS, NAMED, Lists, fetch_lists, fetch_settings, needed
from skoop.cluster.inventory import from_documents
from skoop.errors import AccessError, EndpointError, UsageError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Inventory
from skoop.model.progress import Observer, Stage
from skoop.snapshot import LeftOut, Manifest, NodeDocument, encode_document
from skoop.snapshot.manifest import NAME as MANIFEST
from skoop.snapshot.manifest import decode_manifest, encode_manifest
from skoop.snapshot.paths import safe_name

_UNFINISHED = LeftOut("nodes", "the collection was not finished; the same command goes on with it")


class Source(Protocol):
    """What hands over nodes as they come; see LiveNodes."""

    def each(
        self,
        nodes: Sequence[str],
        inventory: Inventory,
        observe: Observer,
        take: Callable[[NodeDocument], None],
    ) -> tuple[NotChecked, ...]:
        """Collect nodes; the failures."""


class Captured(Struct, frozen=True):
    """How many nodes there are now, how many of them were there before, and what is missing."""

    nodes: int
    kept: int
    missing: tuple[NotChecked, ...]


def capture(
    client: ApiClient,
    source: Source,
    folder: Path,
    *,
    nodes: Sequence[str],
    created: str,
    observe: Observer,
) -> Captured:
    """Fetch the lists and collect the nodes named (none: all), into a folder that is new, empty, or
    a part of a snapshot of the same cluster: its nodes are kept and only the others collected.

    `created` is RFC 3339 text. Whenever it is cut off the folder is a snapshot that says what it
    lacks. Raises UsageError, EndpointError for an unknown node, AccessError, SnapshotError.
    """
    kept = _begin(client, folder)
    observe(Stage(f"Reading the cluster at {client.host}"))
    lists = fetch_lists(client, named=NAMED, observe=observe)
    _require(lists)
    inventory = from_documents(lists.documents)
    wanted = _wanted(nodes, inventory)
    settings = fetch_settings(client, (*needed(inventory), *DNS), observe=observe)
    lists = lists.with_more(settings)
    about = Manifest(created=created, tool_version=skoop.__version__, cluster=client.host)
    _write_manifest(folder, about, (*map(_left_out, lists.absent), _UNFINISHED))
    for name, data in {**lists.documents, "version": client.ask("/version")}.items():
        _write(folder / "cluster" / f"{name}.json", data)
    new = [node for node in wanted if node not in kept]
    failures = source.each(new, inventory, observe, lambda one: _write_node(folder, one))
    missing = (*lists.absent, *failures)
    _write_manifest(folder, about, tuple(map(_left_out, missing)))
    return Captured(len(kept) + len(new) - len(failures), len(kept), missing)


def _require(lists: Lists) -> None:
    for each in lists.absent:
        if each.what in ("nodes", "pods"):
            raise AccessError(f"The {each.what} of the cluster cannot be listed: {each.why}.")


def _left_out(note: NotChecked) -> LeftOut:
    return LeftOut(note.what, note.why)


def _write_manifest(folder: Path, about: Manifest, left_out: tuple[LeftOut, ...]) -> None:
    manifest = structs.replace(about, left_out=left_out)
    _write(folder / MANIFEST, encode_manifest(manifest))


def _begin(client: ApiClient, folder: Path) -> frozenset[str]:
    """The nodes that are in the folder already. Raises UsageError for a folder of something
    else."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}.") from None
    if is_empty:
        return frozenset()
    try:
        manifest = decode_manifest((folder / MANIFEST).read_bytes(), str(folder / MANIFEST))
    except OSError:
        raise UsageError(f"{folder} is not empty, and no snapshot. Give a new folder.") from None
    if manifest.cluster != client.host:
        raise UsageError(
            f"{folder} is a snapshot of {manifest.cluster or 'an unnamed cluster'}, not of"
            f" {client.host}. Give a new folder."
        )
    return frozenset(file.stem for file in (folder / "nodes").glob("[!.]*.json"))


def _wanted(nodes: Sequence[str], inventory: Inventory) -> tuple[str, ...]:
    known = tuple(node.name for node in inventory.nodes)
    for node in nodes:
        if inventory.node(node) is None:
            raise EndpointError(f"There is no node {node!r}. There are:", known)
    return tuple(dict.fromkeys(nodes)) or known


def _write_node(folder: Path, document: NodeDocument) -> None:
    name = safe_name(document.node, "a node")
    _write(folder / "nodes" / f"{name}.json", encode_document(document))


def _write(path: Path, data: bytes) -> None:
    """A file that is there whole or not at all, and that only its owner may read. Hidden files are
    no part of a snapshot."""
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.") from None
