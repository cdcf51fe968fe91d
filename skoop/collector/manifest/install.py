"""Manifests into a cluster and out of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from skoop.cluster.api import ApiClient, At, NotFoundError, Resource
from skoop.collector import labels
from skoop.collector.manifest.lint import lint
from skoop.collector.manifest.load import Manifest
from skoop.collector.manifest.strict import ManifestError

_NEVER_DELETED = ("default", "kube-system", "kube-public", "kube-node-lease")


class Outcome(Enum):
    """What became of an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    ABSENT = "was not there"
    KEPT = "left as it is"


class Done(Struct, frozen=True):
    """An object and what became of it."""

    manifest: Manifest
    outcome: Outcome


def check(manifests: Sequence[Manifest]) -> None:
    """Raises ManifestError with a line for each violation of the lint."""
    problems = lint(manifests)
    if problems:
        raise ManifestError("These manifests are not installed:\n" + "\n".join(problems))


def install(client: ApiClient, manifests: Sequence[Manifest]) -> tuple[Done, ...]:
    """Make the cluster have every object, in their order. A namespace that is not skoop's own is
    used and not touched. Raises ManifestError before anything is done when the lint objects, and
    AccessError."""
    check(manifests)
    return tuple(Done(manifest, _apply(client, manifest)) for manifest in manifests)


def uninstall(client: ApiClient, manifests: Sequence[Manifest]) -> tuple[Done, ...]:
    """Delete every object, the last one first; a namespace only if skoop made it. Raises
    AccessError."""
    return tuple(Done(manifest, _delete(client, manifest)) for manifest in reversed(manifests))


def place(manifest: Manifest) -> At:
    """Where the object is in the API."""
    metadata, kind = manifest.content["metadata"], manifest.kind
    return At(
        Resource(kind.plural, kind.group), metadata.get("namespace", ""), str(metadata["name"])
    )


def _apply(client: ApiClient, manifest: Manifest) -> Outcome:
    at = place(manifest)
    before = _present(client, at)
    if before is not None and _is_of_others(manifest, before):
        return Outcome.KEPT
    after = msgspec.json.decode(client.apply(at, msgspec.json.encode(manifest.content)))
    if before is None:
        return Outcome.CREATED
    return Outcome.UNCHANGED if _settled(before) == _settled(after) else Outcome.CHANGED


def _delete(client: ApiClient, manifest: Manifest) -> Outcome:
    at = place(manifest)
    before = _present(client, at)
    if before is None:
        return Outcome.ABSENT
    if _is_of_others(manifest, before) or (
        manifest.content["kind"] == "Namespace" and at.name in _NEVER_DELETED
    ):
        return Outcome.KEPT
    try:
        client.delete(at)
    except NotFoundError:
        return Outcome.ABSENT
    return Outcome.DELETED


def _present(client: ApiClient, at: At) -> Any:
    try:
        return msgspec.json.decode(client.get(at))
    except NotFoundError:
        return None


def _is_of_others(manifest: Manifest, found: Any) -> bool:
    """A namespace that was there before skoop, with whatever else is in it."""
    marks = found.get("metadata", {}).get("labels") or {}
    return manifest.content["kind"] == "Namespace" and marks.get(labels.MANAGED_BY) != labels.OWNER


def _settled(found: Any) -> Any:
    """An object without what the server keeps about it."""
    metadata = {
        key: value
        for key, value in found.get("metadata", {}).items()
        if key not in ("resourceVersion", "managedFields")
    }
    return {**found, "metadata": metadata, "status": None}
