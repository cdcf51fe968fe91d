"""The providers this build has. One line each; a cloud's comes with its network and client."""

from __future__ import annotations

from msgspec import Struct

from skoop.errors import UsageError

AUTO = "auto"


class ProviderInfo(Struct, frozen=True):
    """`name` is what --provider takes; `describes` one sentence; `checks` what it looks at beyond
    the nodes and pods."""

    name: str
    describes: str
    checks: tuple[str, ...] = ()


PROVIDERS = (
    ProviderInfo(
        "generic",
        "Any cluster: nodes reach each other by what their own routes, rules and tunnels say.",
    ),
)


def find_provider(name: str) -> ProviderInfo:
    """The provider of this name. Raises UsageError with the names there are."""
    for one in PROVIDERS:
        if one.name == name:
            return one
    raise UsageError(
        f"There is no provider {name!r}; there are {', '.join(one.name for one in PROVIDERS)}."
    )


def check_provider(name: str) -> None:
    """Raises UsageError unless this is "auto" or a provider."""
    if name != AUTO:
        find_provider(name)
