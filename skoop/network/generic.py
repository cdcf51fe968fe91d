"""No cloud: nodes on plain subnets, joined by routers that know the nodes' addresses."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.diagnose.passage import NodeEnd, Passages, Preparation
from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.underlay import Underlay
from skoop.diagnose.world import World
from skoop.infra.source import Scope
from skoop.model.address import Prefix
from skoop.model.kube import Address
from skoop.model.packet import Packet
from skoop.netstack.walk.events import Crossing
from skoop.network.base import Context, Network
from skoop.network.build import build_network


class PlainInfra:
    """The null shim: nothing is known of what lies between the nodes."""

    def prepare(self, scope: Scope) -> Preparation:
        """Nothing to read."""
        del scope
        return Preparation()

    def underlay(
        self, world: World, unroutable: tuple[Prefix, ...], claimed: Mapping[Address, str]
    ) -> Underlay:
        """Frames go to the node that has the next hop's address."""
        return PlainUnderlay(world, unroutable, claimed)

    def node_to_node(
        self, src: NodeEnd, dst: str, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """Nothing is known."""
        del src, dst, packet, crossings
        return ()

    def node_to_external(
        self, src: NodeEnd, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """Nothing is known."""
        del src, packet, crossings
        return ()

    def external_to_node(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Passages:
        """Nothing is known."""
        del packet, crossings
        return ()

    def external_to_load_balancer(
        self, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """None is known."""
        del packet, crossings
        return ()

    def recorded(self) -> Mapping[str, bytes]:
        """Nothing was asked."""
        return {}


def generic_network(context: Context) -> Network:
    """The network of a cluster on anything."""
    return build_network(context, PlainInfra())
