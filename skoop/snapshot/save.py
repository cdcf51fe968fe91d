"""Snapshot -> folder or archive."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from skoop.errors import SnapshotError
from skoop.snapshot.compression import compress
from skoop.snapshot.document import encode_document
from skoop.snapshot.manifest import NAME, encode_manifest
from skoop.snapshot.paths import safe_name
from skoop.snapshot.snapshot import NEVER, Snapshot

_PACKED = (".tar.gz", ".tgz", ".tar.zst")


def save(snapshot: Snapshot, path: str | Path) -> None:
    """Write to a .tar.gz, .tgz, .tar.zst or .tar, else to a folder that must be new or empty.

    An archive is complete or not there at all, and the same bytes for the same snapshot. Only its
    owner may read it: a snapshot shows a cluster's inside. Raises SnapshotError.
    """
    target = Path(path)
    try:
        if target.name.endswith((*_PACKED, ".tar")):
            _save_archive(snapshot, target)
        else:
            _save_folder(snapshot, target)
    except OSError as error:
        raise SnapshotError(f"{error.filename or target}: {error.strerror or error}") from error


def members(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """Every file of the snapshot's layout, in a fixed order. Raises SnapshotError."""
    yield NAME, encode_manifest(snapshot.manifest)
    for resource in sorted(snapshot.cluster):
        if resource != NEVER:
            yield f"cluster/{safe_name(resource, 'a resource')}.json", snapshot.cluster[resource]
    for node in sorted(snapshot.nodes):
        yield f"nodes/{safe_name(node, 'a node')}.json", encode_document(snapshot.nodes[node])
    for provider in sorted(snapshot.cloud):
        yield f"cloud/{safe_name(provider, 'a provider')}.json", snapshot.cloud[provider]


def _save_folder(snapshot: Snapshot, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SnapshotError(f"{target}: exists already; give a new or an empty folder")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, data in members(snapshot):
        file = target / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)


def _save_archive(snapshot: Snapshot, target: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members(snapshot):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    packed = buffer.getvalue()
    if target.name.endswith(_PACKED):
        packed = compress(packed, target.name)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(packed)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
