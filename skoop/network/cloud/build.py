"""From a cloud's source to a network."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from skoop.infra.capability import Capability
from skoop.infra.dialect import Dialect
from skoop.infra.source import CloudSource
from skoop.model.kube import Node
from skoop.network.base import Context, Network
from skoop.network.build import build_network


class Cloud(Struct, frozen=True, kw_only=True):
    """All that a cloud has to give: where its resources come from, how it differs from others, what
    its provider looks at, and which instance a Kubernetes node is ("" when it is none)."""

    source: CloudSource
    dialect: Dialect
    capabilities: tuple[Capability, ...]
    instance_of: Callable[[Node], str]


def cloud_network(context: Context, cloud: Cloud) -> Network:
    """The network of a cluster whose nodes are instances of a cloud. Raises UsageError for a bad
    override."""
    from skoop.network.cloud.shim import TreeShim

    return build_network(context, TreeShim(cloud, context.collected.inventory))
