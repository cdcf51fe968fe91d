"""Providers of installed packages: entry points of the group `skoop.providers`.

Finding one runs nothing of its package. It is imported only when its name is allowed.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from msgspec import Struct

from skoop.errors import AccessError
from skoop.provider.base import Provider

GROUP = "skoop.providers"


class Installed(Struct, frozen=True):
    """An entry point. Its object is called without arguments and gives the provider."""

    point: EntryPoint

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.point.name

    @property
    def origin(self) -> str:
        """Which package it comes from."""
        package = self.point.dist
        of = f"{package.name} {package.version}" if package is not None else "an unnamed package"
        return f"entry point {self.point.value} of {of}"

    def load(self) -> Provider:
        """Import it. Raises AccessError for whatever goes wrong in it."""
        try:
            return cast(Provider, self.point.load()())
        except Exception as error:
            raise AccessError(
                f"Provider {self.name!r} ({self.origin}) failed to load: "
                f"{type(error).__name__}: {error}."
            ) from error


def installed() -> tuple[Installed, ...]:
    """All of them, by name."""
    found = entry_points(group=GROUP)
    return tuple(Installed(each) for each in sorted(found, key=lambda each: each.name))
