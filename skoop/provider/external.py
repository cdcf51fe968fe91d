"""A provider in a file that the user names, together with its SHA-256.

The file is opened once; the bytes that are hashed are the bytes that are executed. Everything that
is not as it must be ends with an AccessError of its own; nothing falls back to another provider. A
hash proves that the file is the one that was meant, not that it is harmless: what is loaded runs
with the user's credentials.

The file sets `API_VERSION` and `NAME`, and defines `create_provider()`.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

from msgspec import Struct

from skoop.errors import AccessError, UsageError
from skoop.provider.base import API_VERSION, Provider
from skoop.provider.contract import check

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_MOST_BYTES = 4 * 1024 * 1024
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Plugin(Struct, frozen=True):
    """A file and the SHA-256 it must have, in hex; both "" for none."""

    path: str = ""
    sha256: str = ""


class PluginRefusedError(AccessError):
    """A plugin file is not run. The sentence says why."""


def load_file(plugin: Plugin, expected: str = "") -> Provider | None:
    """The provider of a file, None when none is named. `expected` is the name that it must
    register, "" for any. Raises PluginRefusedError, or UsageError for half an answer."""
    if not plugin.path and not plugin.sha256:
        return None
    if not plugin.path:
        raise UsageError("--provider-plugin-sha256 needs --provider-plugin PATH.")
    origin = f"The provider plugin {plugin.path}"
    if not plugin.sha256:
        raise PluginRefusedError(
            f"{origin} is disabled: it runs only with its SHA-256, --provider-plugin-sha256 HASH."
        )
    if not _HASH.fullmatch(plugin.sha256):
        raise UsageError("--provider-plugin-sha256 takes 64 hexadecimal digits.")
    data = _read(Path(plugin.path), origin)
    found = hashlib.sha256(data).hexdigest()
    if found != plugin.sha256.lower():
        raise PluginRefusedError(f"{origin} is refused: its SHA-256 is not the one given.")
    return _provider(data, plugin.path, origin, expected)


def _read(path: Path, origin: str) -> bytes:
    _check_directories(path, origin)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise PluginRefusedError(f"{origin} is missing.") from error
    except OSError as error:
        if path.is_symlink():
            raise PluginRefusedError(
                f"{origin} is refused: it is a symbolic link. Name the file itself."
            ) from error
        raise PluginRefusedError(f"{origin} cannot be read: {error.strerror}.") from error
    try:
        _check_file(os.fstat(descriptor), origin)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MOST_BYTES:
        raise PluginRefusedError(f"{origin} is refused: it is larger than {_MOST_BYTES} bytes.")
    return data


def _check_file(status: os.stat_result, origin: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PluginRefusedError(f"{origin} is refused: it is not a regular file.")
    _check_owner(status, origin, "the file")
    if status.st_mode & _OTHERS_WRITE:
        raise PluginRefusedError(
            f"{origin} is refused: its file can be written by group or others. chmod go-w it."
        )


def _check_directories(path: Path, origin: str) -> None:
    """Whoever may write to a directory may put another file in its place."""
    folder = Path(os.path.realpath(path.parent))
    for number, each in enumerate((folder, *folder.parents)):
        try:
            status = each.stat()
        except OSError as error:
            raise PluginRefusedError(f"{origin} is missing: {each}: {error.strerror}.") from error
        shared = bool(status.st_mode & _OTHERS_WRITE)
        guarded = number > 0 and bool(status.st_mode & stat.S_ISVTX)
        if shared and not guarded:
            raise PluginRefusedError(
                f"{origin} is refused: its directory {each} can be written by group or others. "
                "chmod go-w it."
            )
        if number == 0:
            _check_owner(status, origin, f"its directory {each}")


def _check_owner(status: os.stat_result, origin: str, what: str) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise PluginRefusedError(f"{origin} is refused: {what} belongs to another user.")


def _provider(data: bytes, path: str, origin: str, expected: str) -> Provider:
    module = ModuleType(f"skoop_plugin_{hashlib.sha256(data).hexdigest()[:16]}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    _guarded(origin, lambda: exec(compile(data, path, "exec"), module.__dict__))
    version = getattr(module, "API_VERSION", None)
    if version != API_VERSION:
        raise PluginRefusedError(
            f"{origin} is refused: it is written for version {version!r} of skoop's provider "
            f"interface; this skoop has {API_VERSION}."
        )
    name = getattr(module, "NAME", None)
    if expected and name != expected:
        raise PluginRefusedError(
            f"{origin} is refused: it registers the provider {name!r}, but {expected!r} was asked "
            "for."
        )
    create = getattr(module, "create_provider", None)
    if not callable(create):
        raise PluginRefusedError(f"{origin} is refused: it has no create_provider().")
    made = _guarded(origin, create)
    return check(cast(Provider, made), cast(str, name), origin)


def _guarded(origin: str, act: object) -> object:
    """Run the plugin's code; what goes wrong in it is said as such."""
    assert callable(act)
    try:
        return act()
    except Exception as error:
        raise PluginRefusedError(
            f"{origin} failed while loading: {type(error).__name__}: {error}."
        ) from error
