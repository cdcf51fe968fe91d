"""A Network answers questions about one cluster; an InfraShim speaks for what is under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from skoop.diagnose.cluster import Cluster
from skoop.diagnose.diagnostor import Case, Diagnostor
from skoop.diagnose.passage import NodeEnd, Passages, Preparation
from skoop.diagnose.underlay import Underlay
from skoop.diagnose.world import Machine, World
from skoop.infra.decide.nat import is_private
from skoop.infra.options import Settings
from skoop.infra.source import Scope
from skoop.infra.store import Answers
from skoop.model.address import Prefix
from skoop.model.diagnosis import Diagnosis, EndpointKind, NotChecked
from skoop.model.kube import Address, Inventory
from skoop.model.packet import Packet
from skoop.model.request import Overrides
from skoop.netstack.walk.events import Crossing
from skoop.plugin.base import Plugin


class Collected(Struct, frozen=True):
    """A snapshot, read: objects and namespaces, before anything is concluded from them."""

    inventory: Inventory
    machines: Mapping[str, Machine]
    world: World
    notes: tuple[NotChecked, ...]


class Context(Struct, frozen=True, kw_only=True):
    """What a provider makes a network from: what was collected, and what the user knows better.

    `settings` are the provider's options, checked. `answers` are what its cloud said when a
    snapshot was made; unless `live`, nothing else is asked. `debug` gets a line per call to the
    cloud, without secrets.
    """

    collected: Collected
    overrides: Overrides = Overrides()
    settings: Settings = Settings()
    answers: Answers = Answers()
    live: bool = False
    debug: Callable[[str], None] | None = None


class InfraShim(Protocol):
    """What carries packets between nodes, and to and from the outside.

    Each question is answered with every way that connections may go, () when nothing is known. The
    questions get the packet as it is on the wire: of a tunnel, the outer one. `crossings`
    are the connections that the cloud's devices already remember in this conversation. A question
    that the cloud cannot answer is a note in the passage's journey.
    """

    def prepare(self, scope: Scope) -> Preparation:
        """Read what a question needs of the cloud."""

    def underlay(
        self, world: World, unroutable: tuple[Prefix, ...], claimed: Mapping[Address, str]
    ) -> Underlay:
        """The underlay of a world. `unroutable` are networks that only the nodes know; `claimed`
        maps the addresses that the API gives collected nodes to their names."""

    def node_to_node(
        self, src: NodeEnd, dst: str, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """A packet that leaves `src` for an address of node `dst` or of a pod on it."""

    def node_to_external(
        self, src: NodeEnd, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """A packet that leaves `src` for an address no node has: elsewhere in the cloud, or
        public."""

    def external_to_node(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Passages:
        """A packet from outside for an address that leads to one node: its own, or a public
        one."""

    def external_to_load_balancer(
        self, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """A packet from outside for a load balancer's address: a way for every backend it may
        choose, () when no load balancer has the address."""

    def recorded(self) -> Mapping[str, bytes]:
        """The answers that were used, as cloud/<provider>.json by provider."""


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
        prepared = self.infra.prepare(scope_of(self.cluster, case))
        found = self._diagnostor.diagnose(case)
        if not prepared.notes and not prepared.assumptions:
            return found
        return replace(
            found,
            not_checked=tuple(dict.fromkeys((*found.not_checked, *prepared.notes))),
            assumptions=tuple(dict.fromkeys((*found.assumptions, *prepared.assumptions))),
        )


def scope_of(cluster: Cluster, case: Case) -> Scope:
    """What a case needs to know of a cloud: both ends' addresses, and the Services with one."""
    ends = (case.ends.source, case.ends.destination)
    addresses = tuple(dict.fromkeys(address for end in ends for address in end.ips))
    services = [end.service for end in ends if end.service is not None]
    services += [each for one in addresses for each in cluster.inventory.services_with_ip(one)]
    return Scope(
        nodes=cluster.inventory.nodes,
        addresses=addresses,
        services=tuple({(each.namespace, each.name): each for each in services}.values()),
        internet=any(end.endpoint.kind is EndpointKind.EXTERNAL for end in ends)
        or not all(is_private(*each) for each in addresses),
    )


NetworkFactory = Callable[[Context], Network]
