"""The providers this build has: a line each."""

from __future__ import annotations

from skoop.errors import UsageError
from skoop.provider.base import Provider
from skoop.provider.generic import GenericProvider

AUTO = "auto"
PROVIDERS: tuple[Provider, ...] = (GenericProvider(),)


def find_provider(name: str) -> Provider:
    """The provider of this name; "auto" is the generic one. Raises UsageError with the names there
    are."""
    for one in PROVIDERS:
        if name in (one.name, AUTO):
            return one
    known = ", ".join(one.name for one in PROVIDERS)
    raise UsageError(f"There is no provider {name!r}; there are {known}.")
