"""gzip and zstd streams. zstd needs the `zstd` extra (or Python 3.14)."""

from __future__ import annotations

import gzip
import importlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO, cast

from skoop.errors import SnapshotError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class CompressionError(Exception):
    """A stream that cannot be decompressed."""


class _Translated:
    """A zstd stream whose library error is ours."""

    def __init__(self, stream: BinaryIO, error: type[Exception]) -> None:
        self._stream, self._error = stream, error

    def read(self, size: int = -1) -> bytes:
        """As a file's read."""
        try:
            return self._stream.read(size)
        except self._error as error:
            raise CompressionError(str(error)) from error


def decompressed(raw: BinaryIO, where: str) -> AbstractContextManager[BinaryIO]:
    """What a stream holds, whatever compressed it (told by its first bytes)."""
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return cast("AbstractContextManager[BinaryIO]", gzip.GzipFile(fileobj=raw))
    if magic == _ZSTD:
        library = _zstd(where)
        stream = library.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return nullcontext(cast("BinaryIO", _Translated(stream, library.ZstdError)))
    return nullcontext(raw)


def compress(data: bytes, name: str) -> bytes:
    """`data` as the name asks (.tar.gz, .tgz, .tar.zst); the same bytes for the same data."""
    if name.endswith(".zst"):
        return bytes(_zstd(name).ZstdCompressor(level=10).compress(data))
    return gzip.compress(data, compresslevel=6, mtime=0)


def _zstd(where: str) -> Any:
    try:
        return importlib.import_module("zstandard")
    except ImportError as error:
        raise SnapshotError(
            f"{where}: zstd needs the Python package zstandard (pip install 'skoop[zstd]')"
        ) from error
