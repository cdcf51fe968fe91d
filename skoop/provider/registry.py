"""The providers there are: built in, installed packages that are allowed, and one file.

A built-in provider is a line in `_BUILT_IN`. Modules are imported when a provider is looked at.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import cast

from msgspec import Struct

from skoop.errors import AccessError, UsageError
from skoop.provider.base import Provider
from skoop.provider.contract import check
from skoop.provider.entrypoints import Installed, installed
from skoop.provider.external import Plugin, load_file

AUTO = "auto"
_BUILT_IN = {
    "aliyun": "skoop.provider.aliyun:AliyunProvider",
    "generic": "skoop.provider.generic:GenericProvider",
}


class UnknownProviderError(UsageError):
    """No provider has this name."""


class Entry(Struct, frozen=True, kw_only=True):
    """A provider that was found. `disabled` says how to allow it, "" when it may be used."""

    name: str
    origin: str
    load: Callable[[], Provider]
    disabled: str = ""


class Plugins(Struct, frozen=True, kw_only=True):
    """What the user allows besides the built-in providers: a file, and names of entry points."""

    file: Plugin = Plugin()
    allowed: tuple[str, ...] = ()


NO_PLUGINS = Plugins()


class Registry:
    """Every provider by name."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Raises UsageError, naming both origins, when two enabled providers have one name."""
        self.entries = tuple(entries)
        self._loaded: dict[str, Provider] = {}
        self._enabled: dict[str, Entry] = {}
        for each in self.entries:
            if each.disabled:
                continue
            other = self._enabled.setdefault(each.name, each)
            if other is not each:
                raise UsageError(
                    f"Two providers are named {each.name!r}: {other.origin} and {each.origin}. "
                    "Leave one out."
                )

    @classmethod
    def of(cls, plugins: Plugins = NO_PLUGINS, expected: str = AUTO) -> Registry:
        """Everything there is. `expected` is the provider asked for, which a file must then
        register. Raises AccessError when the file is refused."""
        entries = [_built_in(name) for name in _BUILT_IN]
        entries += [_entry(each, plugins) for each in installed()]
        loaded = load_file(plugins.file, "" if expected == AUTO else expected)
        if loaded is not None:
            entries.append(
                Entry(
                    name=loaded.name, origin=f"file {plugins.file.path}", load=lambda: loaded
                )
            )  # fmt: skip
        return cls(entries)

    @property
    def names(self) -> tuple[str, ...]:
        """Those that may be used."""
        return tuple(self._enabled)

    def origin(self, name: str) -> str:
        """Where an enabled provider comes from."""
        return self._enabled[name].origin

    def find(self, name: str) -> Provider:
        """An enabled provider. Raises UnknownProviderError with the names there are, AccessError
        for one that is found but disabled, or that does not load."""
        if name not in self._enabled:
            self._refuse(name)
        if name not in self._loaded:
            self._loaded[name] = self._enabled[name].load()
        return self._loaded[name]

    def all(self) -> tuple[Provider, ...]:
        """Every enabled provider."""
        return tuple(self.find(name) for name in self._enabled)

    def _refuse(self, name: str) -> None:
        for each in self.entries:
            if each.name == name:
                raise AccessError(f"Provider {name!r} ({each.origin}) is {each.disabled}.")
        known = ", ".join(self.names)
        raise UnknownProviderError(f"There is no provider {name[:60]!r}; there are {known}.")


def _built_in(name: str) -> Entry:
    def load() -> Provider:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast(Provider, getattr(importlib.import_module(module), attribute)())

    return Entry(name=name, origin="built in", load=load)


def _entry(found: Installed, plugins: Plugins) -> Entry:
    allowed = found.name in plugins.allowed
    how = f"found, disabled: allow with --allow-provider {found.name}"
    return Entry(
        name=found.name,
        origin=found.origin,
        load=lambda: check(found.load(), found.name, found.origin),
        disabled="" if allowed else how,
    )
