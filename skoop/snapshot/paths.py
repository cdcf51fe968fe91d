"""Names inside a snapshot, which come from elsewhere and must stay inside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TypeVar

from skoop.errors import SnapshotError

_T = TypeVar("_T")
# Node names are DNS subdomains, resources "endpointslices.discovery.k8s.io"; both fit.
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}\Z")


def member_path(name: str, where: str) -> str:
    """The path of an archive's member without "./". Raises SnapshotError when it leaves the
    archive."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise SnapshotError(f"{where}: the path {name[:200]!r} leads out of the archive")
    return str(path)


def safe_name(name: str, what: str) -> str:
    """A node's or resource's name that can be a file's. Raises SnapshotError."""
    if not _SAFE.match(name):
        raise SnapshotError(f"{name[:200]!r} cannot be the file name of {what}")
    return name


def hidden(path: str) -> bool:
    """Whether a file is none of the snapshot's: dot files and what archivers on macOS add."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def common_folder(paths: Iterable[str], markers: frozenset[str]) -> str:
    """ "demo/" when everything lies in one folder that is not part of the layout itself (`markers`
    are the layout's top-level names), else ""."""
    tops = {path.partition("/")[0] for path in paths}
    if len(tops) != 1 or tops & markers or not all("/" in path for path in paths):
        return ""
    return tops.pop() + "/"


def section(names: Iterable[str], folder: str, suffix: str) -> Mapping[str, str]:
    """Files directly in a folder that end in `suffix`: {"pods": "cluster/pods.json"}."""
    found = {}
    for name in sorted(names):
        head, slash, tail = name.partition("/")
        if slash and head == folder and "/" not in tail and tail.endswith(suffix):
            found[tail.removesuffix(suffix)] = name
    return found
