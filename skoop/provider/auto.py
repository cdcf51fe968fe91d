"""Which provider serves a cluster, when the user does not say.

OpenShift's Infrastructure object names the platform. Else every node's spec.providerID is looked
at. What contradicts itself is asked about, what nobody knows is served by `generic` and said aloud.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from skoop.errors import UsageError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Node
from skoop.provider.base import Provider
from skoop.provider.registry import AUTO, Registry

GENERIC = "generic"
_NO_CLOUD = ("", "kind", "k3s", "minikube", "metal3", "libvirt", "baremetal")
"""Schemes of provider ids that no cloud is behind."""
_WHAT = "the cloud under the nodes"


class Chosen(Struct, frozen=True):
    """A provider, and what has to be said about the choice."""

    provider: Provider
    notes: tuple[NotChecked, ...] = ()


class _Platform(Struct, frozen=True):
    type: str = ""


class _Status(Struct, rename="camel", frozen=True):
    platform: str = ""
    platform_status: _Platform = _Platform()


class _Infrastructure(Struct, frozen=True):
    status: _Status = _Status()


class _Infrastructures(Struct, frozen=True):
    items: list[_Infrastructure] = []


def choose(
    name: str, registry: Registry, nodes: Iterable[Node], documents: Mapping[str, bytes]
) -> Chosen:
    """The provider of this name, or for "auto" the one that the cluster asks for. Raises UsageError
    when the cluster contradicts itself."""
    if name != AUTO:
        return Chosen(registry.find(name))
    listed = tuple(nodes)
    by_nodes = _by_nodes(registry, listed)
    platform = platform_of(documents)
    if not platform:
        return _of_nodes(registry, by_nodes, listed)
    return _of_platform(registry, platform, by_nodes)


def platform_of(documents: Mapping[str, bytes]) -> str:
    """The platform of the Infrastructure object named cluster, "" without one."""
    for key in ("infrastructures", "infrastructures.config.openshift.io"):
        if key not in documents:
            continue
        try:
            found = msgspec.json.decode(documents[key], type=_Infrastructures)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # the API server's refusal in the list's place
        for each in found.items:
            return each.status.platform_status.type or each.status.platform
    return ""


def _by_nodes(registry: Registry, nodes: tuple[Node, ...]) -> dict[str, list[str]]:
    """Provider names to the nodes they claim; "" to those that nobody does."""
    providers = registry.all()
    found: dict[str, list[str]] = {}
    for node in nodes:
        claiming = [each.name for each in providers if each.claims(node.provider_id)]
        if not claiming and _scheme(node.provider_id) in _NO_CLOUD:
            claiming = [GENERIC]
        found.setdefault(" and ".join(claiming), []).append(node.name)
    return found


def _of_nodes(
    registry: Registry, by_nodes: dict[str, list[str]], nodes: tuple[Node, ...]
) -> Chosen:
    if len(by_nodes) > 1 or any(" and " in name for name in by_nodes):
        raise UsageError(
            "The nodes' provider ids do not agree on a cloud: "
            + "; ".join(f"{name or 'unknown'}: {_some(on)}" for name, on in by_nodes.items())
            + f". Choose one with --provider {'|'.join(registry.names)}."
        )
    for name in by_nodes:
        if name:
            return Chosen(registry.find(name))
        schemes = ", ".join(sorted({f"{_scheme(node.provider_id)}://" for node in nodes}))
        why = f"no provider knows the provider ids {schemes}; the nodes are taken as generic"
        return Chosen(registry.find(GENERIC), (NotChecked(_WHAT, why),))
    return Chosen(registry.find(GENERIC))


def _of_platform(registry: Registry, platform: str, by_nodes: dict[str, list[str]]) -> Chosen:
    serving = [each for each in registry.all() if platform in each.platforms]
    claimed = [name for name in by_nodes if name not in ("", GENERIC)]
    if len(serving) > 1 or any(name != serving[0].name for name in claimed if serving):
        raise UsageError(
            f"The Infrastructure object says {platform}, the nodes' provider ids say "
            f"{', '.join(claimed) or 'nothing else'}. Choose one with --provider "
            f"{'|'.join(registry.names)}."
        )
    if serving:
        return Chosen(serving[0])
    if claimed:
        raise UsageError(
            f"The Infrastructure object says {platform}, which no provider serves, but the nodes' "
            f"provider ids say {', '.join(claimed)}. Choose one with --provider "
            f"{'|'.join(registry.names)}."
        )
    why = f"no provider knows the platform {platform}; the nodes are taken as generic"
    return Chosen(registry.find(GENERIC), (NotChecked(_WHAT, why),))


def _scheme(provider_id: str) -> str:
    return provider_id.partition("://")[0] if "://" in provider_id else provider_id


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
