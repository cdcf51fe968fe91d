"""How packets for a block get to its node, by the pool that the block is of.

docs.tigera.io/calico/latest/networking/configuring/vxlan-ipip: CrossSubnet tunnels only between
nodes that are not in one subnet.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.model.kube.calico import IpPool, Tunnelling
from skoop.netstack.fib import FibKind
from skoop.netstack.state import Route
from skoop.plugin.calico.blocks import Block
from skoop.plugin.calico.registered import VXLAN_DEVICES, Registered
from skoop.plugin.repair import make_route
from skoop.plugin.site import Site, lookup

IPIP_DEVICE = "tunl0"


class Way(Enum):
    """How a packet travels between two nodes."""

    DIRECT = "direct"
    IPIP = "ipip"
    VXLAN = "vxlan"


class Hop(Struct, frozen=True):
    """The way to a peer's block: how, by which rule of the pool, and the route that says so (None
    where skoop cannot tell it). `by_routers` means that routers may know the block, so that any way
    towards them will do."""

    way: Way
    pool: IpPool
    route: Route | None
    by_routers: bool = False

    @property
    def by_bgp(self) -> bool:
        """Whether BGP brings the route; Felix writes those of VXLAN itself."""
        return self.way is Way.IPIP or (
            self.way is Way.DIRECT and self.pool.vxlan is Tunnelling.NEVER
        )


def same_subnet(own: Registered, peer: Registered) -> bool:
    """Whether a node takes a peer for one on its own link."""
    return own.subnet.length < own.family.bits and own.subnet.contains(peer.address)


def way_to(pool: IpPool, own: Registered, peer: Registered) -> Way:
    """The way between two nodes for packets of a pool."""
    near = same_subnet(own, peer)
    for mode, way in ((pool.vxlan, Way.VXLAN), (pool.ipip, Way.IPIP)):
        if mode is Tunnelling.ALWAYS or (mode is Tunnelling.CROSS_SUBNET and not near):
            return way
    return Way.DIRECT


def hop_to(
    site: Site, config: CalicoConfig, own: Registered, peer: Registered, block: Block
) -> Hop | None:
    """The way to a peer's block; None for one outside every pool."""
    pool = config.pool_of(block.cidr.family, block.cidr.network)
    if pool is None:
        return None
    way = way_to(pool, own, peer)
    return Hop(way, pool, _route(site, way, own, peer, block))


def _route(site: Site, way: Way, own: Registered, peer: Registered, block: Block) -> Route | None:
    if way is Way.VXLAN:
        device = VXLAN_DEVICES[own.family]
        return make_route(block.cidr, device, peer.vxlan, onlink=True) if peer.vxlan else None
    if way is Way.IPIP:
        return make_route(block.cidr, IPIP_DEVICE, peer.address, onlink=True)
    # BIRD resolves the peer's address by the routes there are: on link, or by a router.
    found = lookup(site.fibs[peer.family], peer.family, peer.address)
    if found.kind is not FibKind.UNICAST or len(found.nexthops) != 1:
        return None
    hop = found.nexthops[0]
    gateway = hop.gateway[1] if hop.gateway and hop.gateway[0] is peer.family else peer.address
    return make_route(block.cidr, hop.device, gateway)
