"""No cloud: nodes on plain subnets, joined by routers that know the nodes' addresses."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.diagnose.underlay import PlainUnderlay, Underlay
from skoop.diagnose.world import World
from skoop.model.address import Prefix
from skoop.model.kube import Address
from skoop.network.base import Context, Network
from skoop.network.build import build_network


class PlainInfra:
    """The null shim: nothing is known of what lies between the nodes."""

    def underlay(
        self, world: World, unroutable: tuple[Prefix, ...], claimed: Mapping[Address, str]
    ) -> Underlay:
        """Frames go to the node that has the next hop's address."""
        return PlainUnderlay(world, unroutable, claimed)


def generic_network(context: Context) -> Network:
    """The network of a cluster on anything."""
    return build_network(context, PlainInfra())
