"""A folder or an archive as a mapping of file names to bytes."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

from skoop.errors import SnapshotError
from skoop.snapshot.compression import CompressionError, decompressed
from skoop.snapshot.limits import DEFAULT_LIMITS, Limits, check_size
from skoop.snapshot.paths import common_folder, hidden, member_path

_CHUNK = 1 << 16


def open_files(
    path: Path, markers: frozenset[str], limits: Limits = DEFAULT_LIMITS
) -> Mapping[str, bytes]:
    """The files of a folder (read when asked for) or of a .tar, .tar.gz or .tar.zst (read now).

    A single folder around everything is taken off; hidden files are left out. Raises SnapshotError
    on anything that cannot be read, leads outside, is a link, or is larger than allowed.
    """
    if path.is_dir():
        return _strip(_Folder(path, limits), markers)
    if not path.exists():
        raise SnapshotError(f"{path}: no such file or folder")
    if not path.is_file():
        raise SnapshotError(f"{path}: neither a file nor a folder")
    return _strip(_read_archive(path, limits), markers)


def _strip(files: Mapping[str, bytes], markers: frozenset[str]) -> Mapping[str, bytes]:
    folder = common_folder(files, markers)
    return _Stripped(files, folder) if folder else files


class _Stripped(Mapping[str, bytes]):
    """A mapping without the folder around it."""

    def __init__(self, files: Mapping[str, bytes], folder: str) -> None:
        self._files, self._folder = files, folder

    def __getitem__(self, name: str) -> bytes:
        return self._files[self._folder + name]

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self._folder) for name in self._files)

    def __len__(self) -> int:
        return len(self._files)


class _Folder(Mapping[str, bytes]):
    """A folder's regular files."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root, limits
        self._names = dict.fromkeys(sorted(self._walk()))
        if len(self._names) > limits.files:
            raise SnapshotError(f"{root}: more than {limits.files} files")

    def _walk(self) -> Iterator[str]:
        try:
            for found in self._root.rglob("*"):
                name = found.relative_to(self._root).as_posix()
                if hidden(name) or found.is_dir():
                    continue
                if not found.resolve().is_relative_to(self._root.resolve()):
                    raise SnapshotError(f"{found}: a link that leads out of the folder")
                if found.is_file():
                    yield name
        except (OSError, RuntimeError) as error:
            raise SnapshotError(f"{self._root}: {error}") from error

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        path = self._root / name
        try:
            check_size(str(path), path.stat().st_size, self._limits)
            return path.read_bytes()
        except OSError as error:
            raise SnapshotError(f"{path}: {error.strerror}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _read_archive(path: Path, limits: Limits) -> dict[str, bytes]:
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            stream = _Bounded(stack.enter_context(decompressed(raw, str(path))), str(path), limits)
            archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r|"))  # type: ignore[call-overload]
            members = dict(_members(archive, str(path), limits))
            while stream.read(_CHUNK):
                pass  # To the very end: the checksum of everything stands there.
            return members
    except (tarfile.TarError, CompressionError, zlib.error, EOFError, OSError) as error:
        raise SnapshotError(f"{path}: not a readable tar archive ({error})") from error
    except (ValueError, OverflowError, UnicodeError) as error:
        raise SnapshotError(f"{path}: a damaged tar archive ({error})") from error


def _members(archive: tarfile.TarFile, where: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for member in archive:
        name = member_path(member.name, where)
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise SnapshotError(f"{where}: {name} is a link or a special file")
        if hidden(name):
            continue
        if name in seen:
            raise SnapshotError(f"{where}: {name} is there twice")
        if len(seen) >= limits.files:
            raise SnapshotError(f"{where}: more than {limits.files} files")
        seen.add(name)
        check_size(f"{where}: {name}", member.size, limits)
        content = archive.extractfile(member)
        data = content.read() if content else b""
        if len(data) != member.size:
            raise SnapshotError(f"{where}: {name} is cut off after {len(data)} bytes")
        yield name, data


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Bounded:
    """A stream that refuses to give more than the limits allow."""

    def __init__(self, stream: BinaryIO | _Readable, where: str, limits: Limits) -> None:
        self._stream, self._where, self._limits, self._read = stream, where, limits, 0

    def read(self, size: int = -1) -> bytes:
        """As a file's read."""
        data = self._stream.read(size)
        self._read += len(data)
        if self._read > self._limits.total:
            raise SnapshotError(f"{self._where}: unpacks to more than {self._limits.total} bytes")
        return data
