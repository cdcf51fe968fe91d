"""What a CNI plugin knows: how nodes and pods should look, and what the underlay cannot know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from skoop.cluster.detect.facts import ClusterFacts
from skoop.model.address import Prefix
from skoop.model.diagnosis import Suspicion
from skoop.model.kube import Address, Inventory
from skoop.netstack.state import Namespace

Repair = Callable[[Namespace], Namespace]


class ClusterView(Struct, frozen=True):
    """The cluster as expectations are computed from it. `hosts` are the nodes' own namespaces by
    node name, `pods` those of their pods by id ("pod/NS/NAME"), as far as collected."""

    inventory: Inventory
    facts: ClusterFacts
    hosts: Mapping[str, Namespace]
    pods: Mapping[str, Namespace]


class Expectation(Struct, frozen=True):
    """Something that is not as it should be.

    `namespace` is the id of the namespace it is about. `repair` gives that namespace with just this
    mended; when the traffic then passes, this was the cause. None when it cannot be simulated;
    `isolates` then says that nothing can reach or leave the namespace while it is so.
    """

    suspicion: Suspicion
    namespace: str
    repair: Repair | None = None
    isolates: bool = False


class Plugin(Protocol):
    """One CNI."""

    @property
    def name(self) -> str:
        """Its name in the report."""

    def unroutable(self, view: ClusterView) -> tuple[Prefix, ...]:
        """Networks that routers outside the nodes do not know, so that a packet for them which
        leaves a node untunnelled is lost."""

    def advertised(self, view: ClusterView) -> Mapping[Prefix, Address]:
        """Networks of pods that routers outside the nodes are told of, with the address of the node
        that they send them to."""

    def expectations(self, view: ClusterView, node: str) -> tuple[Expectation, ...]:
        """What is wrong with a node and its pods by this CNI's own rules."""
