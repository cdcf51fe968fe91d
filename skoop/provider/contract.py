"""What every provider must have. What is not as it must be is named, all of it at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from skoop.errors import AccessError
from skoop.infra.capability import ESSENTIAL, Capability
from skoop.infra.console import CloudCommand
from skoop.infra.options import OneOf, Option
from skoop.infra.permission import Permission
from skoop.provider.base import API_VERSION, Provider

_TUPLES = {
    "options": Option,
    "one_of": OneOf,
    "capabilities": Capability,
    "permissions": Permission,
    "platforms": str,
    "commands": CloudCommand,
}
_METHODS = ("claims", "manifests", "policy", "verify", "console", "create_network")
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_FLAG = re.compile(r"--[a-z][a-z0-9-]+")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")


def faults(provider: Any) -> tuple[str, ...]:
    """What a provider lacks or has wrong, a sentence each; () when it may be used."""
    return tuple(_faults(provider))


def check(provider: Provider, name: str, origin: str) -> Provider:
    """The provider, if it is one and registers the name it was loaded for. Raises AccessError."""
    version = getattr(provider, "api_version", None)
    if version != API_VERSION:
        raise AccessError(
            f"{origin}: written for version {version!r} of skoop's provider interface; this skoop "
            f"has {API_VERSION}."
        )
    found = faults(provider)
    if found:
        raise AccessError(f"{origin}: not a provider. " + " ".join(found))
    if name and provider.name != name:
        raise AccessError(
            f"{origin}: it registers the provider {provider.name!r}, but {name!r} was asked for."
        )
    return provider


def _faults(provider: Any) -> Iterator[str]:
    name = getattr(provider, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "auto":
        yield f"name must be small letters, digits and dashes, not {name!r}."
    if not isinstance(getattr(provider, "describes", None), str):
        yield "describes must be a sentence."
    for attribute, kind in _TUPLES.items():
        yield from _tuple_faults(provider, attribute, kind)
    for method in _METHODS:
        if not callable(getattr(provider, method, None)):
            yield f"{method}() is missing."
    yield from _option_faults(provider)
    yield from _capability_faults(provider)


def _tuple_faults(provider: Any, attribute: str, kind: type) -> Iterator[str]:
    value = getattr(provider, attribute, None)
    if not isinstance(value, tuple):
        yield f"{attribute} must be a tuple."
        return
    if any(not isinstance(each, kind) for each in value):
        yield f"{attribute} may hold {kind.__name__} only."


def _option_faults(provider: Any) -> Iterator[str]:
    options = [each for each in _items(provider, "options") if isinstance(each, Option)]
    for each in options:
        if not _FLAG.fullmatch(each.flag):
            yield f"option {each.name}: {each.flag!r} is not a flag."
        if each.environment and not _VARIABLE.fullmatch(each.environment):
            yield f"option {each.name}: {each.environment!r} is not the name of a variable."
        if not each.help:
            yield f"option {each.name}: it has no help."
        if each.secret and each.default:
            yield f"option {each.name}: a secret has no default."
    names = {each.name for each in options}
    if len(names) < len(options) or len({each.flag for each in options}) < len(options):
        yield "two options have one name or flag."
    for group in _items(provider, "one_of"):
        if isinstance(group, OneOf) and not set(group.names) <= names:
            yield f"one_of names options that there are not: {sorted(set(group.names) - names)}."


def _capability_faults(provider: Any) -> Iterator[str]:
    capabilities = _items(provider, "capabilities")
    if capabilities and not set(ESSENTIAL) <= set(capabilities):
        yield f"capabilities lack {', '.join(each.value for each in ESSENTIAL)}."
    if len(set(capabilities)) < len(capabilities):
        yield "capabilities name something twice."


def _items(provider: Any, attribute: str) -> tuple[Any, ...]:
    value = getattr(provider, attribute, ())
    return value if isinstance(value, tuple) else ()
