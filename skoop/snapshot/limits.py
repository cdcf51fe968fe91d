"""How much a snapshot may be. A file from elsewhere must not fill the memory or the disk."""

from __future__ import annotations

from msgspec import Struct

from skoop.errors import SnapshotError

_MIB = 1 << 20


class Limits(Struct, frozen=True):
    """Sizes in bytes after decompression. The defaults hold a cluster of 10,000 pods with room."""

    file: int = 512 * _MIB
    total: int = 2048 * _MIB
    files: int = 50_000


DEFAULT_LIMITS = Limits()


def check_size(name: str, size: int, limits: Limits) -> None:
    """Raises SnapshotError when one file is larger than allowed."""
    if size > limits.file:
        raise SnapshotError(f"{name}: {size} bytes, more than the {limits.file} a file may have")
