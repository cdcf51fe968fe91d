"""A cluster's state as files: load and save.

    snapshot.json                     the manifest (may be missing: a warning)
    cluster/<resource>.json           Kubernetes List objects as the API serves them
    nodes/<node>.json                 one NodeDocument a node
    cloud/<provider>.json             the cloud answers used

A folder, or a .tar, .tar.gz or .tar.zst of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from skoop.errors import SnapshotError
from skoop.snapshot.document import NodeDocument, decode_document
from skoop.snapshot.files import open_files
from skoop.snapshot.limits import DEFAULT_LIMITS, Limits
from skoop.snapshot.manifest import NAME, Manifest, decode_manifest
from skoop.snapshot.paths import safe_name, section

_T = TypeVar("_T")
MARKERS = frozenset((NAME, "cluster", "nodes", "cloud"))
NEVER = "secrets"
"""The one resource a snapshot must not hold."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """`cluster` maps a resource ("pods", "endpointslices.discovery.k8s.io") to its List as JSON;
    `nodes` a node's name to its document, decoded when asked for; `cloud` a provider to its
    answers. The mappings raise SnapshotError when what is asked for cannot be read. `warnings` are
    sentences about the files themselves."""

    manifest: Manifest = Manifest()
    cluster: Mapping[str, bytes] = {}
    nodes: Mapping[str, NodeDocument] = {}
    cloud: Mapping[str, bytes] = {}
    warnings: tuple[str, ...] = ()


class _List(Struct):
    items: list[msgspec.Raw]


_LIST = msgspec.json.Decoder(_List)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Lazy(Mapping[str, _T], Generic[_T]):
    """Known names whose values are made when first asked for."""

    def __init__(self, names: Mapping[str, str], make: Callable[[str, str], _T]) -> None:
        self._names, self._make = names, make
        self._made: dict[str, _T] = {}

    def __getitem__(self, name: str) -> _T:
        if name not in self._made:
            self._made[name] = self._make(name, self._names[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def load(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> Snapshot:
    """A snapshot from a folder or an archive. Raises SnapshotError, which names file and field."""
    root = Path(path)
    files = open_files(root, MARKERS, limits)
    cluster = dict(section(files, "cluster", ".json"))
    nodes = section(files, "nodes", ".json")
    cloud = section(files, "cloud", ".json")
    if any(name.startswith("nodes/") and "/host/" in name for name in files):
        raise SnapshotError(
            f"{root}: raw command outputs; turn them into a snapshot with `skoop collect from-raw`"
        )
    if not cluster and not nodes:
        raise SnapshotError(f"{root}: no cluster/<resource>.json and no nodes/<node>.json in it")
    warnings: list[str] = []
    if cluster.pop(NEVER, ""):
        warnings.append(f"{root}: cluster/secrets.json is ignored: secrets are never used")
    known = {NAME, *cluster.values(), *nodes.values(), *cloud.values(), f"cluster/{NEVER}.json"}
    warnings += [f"{root}: {name} is not part of a snapshot" for name in sorted(set(files) - known)]
    for name in nodes:
        safe_name(name, "a node")

    def raw(name: str, file: str) -> bytes:
        return check_list(files[file], f"{root}/{file}", name)

    def answers(name: str, file: str) -> bytes:  # noqa: ARG001
        return check_json(files[file], f"{root}/{file}")

    def document(name: str, file: str) -> NodeDocument:
        return decode_document(files[file], f"{root}/{file}", node=name)

    return Snapshot(
        manifest=_manifest(files, root, warnings),
        cluster=Lazy(cluster, raw),
        nodes=Lazy(nodes, document),
        cloud=Lazy(cloud, answers),
        warnings=tuple(warnings),
    )


def _manifest(files: Mapping[str, bytes], root: Path, warnings: list[str]) -> Manifest:
    if NAME in files:
        return decode_manifest(files[NAME], f"{root}/{NAME}")
    warnings.append(f"{root}: {NAME} is missing, so what was left out is not known")
    return Manifest()


def check_list(data: bytes, source: str, resource: str) -> bytes:
    """The bytes, if they are a Kubernetes List (`version` is not one). Raises SnapshotError."""
    checked = check_json(data, source)
    if resource == "version":
        return checked
    try:
        _LIST.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{source}: not a Kubernetes List: {error}") from error
    return checked


def check_json(data: bytes, source: str) -> bytes:
    """The bytes, if they are a JSON object. Raises SnapshotError."""
    if not data.strip():
        raise SnapshotError(f"{source}: empty")
    try:
        _ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{source}: {error}") from error
    return data
