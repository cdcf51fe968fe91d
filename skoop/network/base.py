"""A Network answers questions about one cluster; an InfraShim speaks for what is under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from skoop.cluster.detect import Overrides
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.diagnostor import Case, Diagnostor
from skoop.diagnose.underlay import Underlay
from skoop.diagnose.world import Machine, World
from skoop.model.address import Prefix
from skoop.model.diagnosis import Diagnosis, NotChecked
from skoop.model.kube import Address, Inventory
from skoop.plugin.base import Plugin


class Collected(Struct, frozen=True):
    """A snapshot, read: objects and namespaces, before anything is concluded from them."""

    inventory: Inventory
    machines: Mapping[str, Machine]
    world: World
    notes: tuple[NotChecked, ...]


class Context(Struct, frozen=True):
    """What a provider makes a network from: what was collected, and what the user knows better."""

    collected: Collected
    overrides: Overrides = Overrides()


class InfraShim(Protocol):
    """What carries packets between nodes, and to and from the outside."""

    def underlay(
        self, world: World, unroutable: tuple[Prefix, ...], claimed: Mapping[Address, str]
    ) -> Underlay:
        """The underlay of a world. `unroutable` are networks that only the nodes know; `claimed`
        maps the addresses that the API gives collected nodes to their names."""


class Network:
    """Wires a plugin, a diagnostor and an infra shim for one cluster."""

    def __init__(
        self, cluster: Cluster, plugin: Plugin, infra: InfraShim, diagnostor: Diagnostor
    ) -> None:
        self.cluster = cluster
        self.plugin = plugin
        self.infra = infra
        self._diagnostor = diagnostor

    def diagnose(self, case: Case) -> Diagnosis:
        """Walk a case and explain it."""
        return self._diagnostor.diagnose(case)


NetworkFactory = Callable[[Context], Network]
