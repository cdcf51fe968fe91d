"""A node's routes to the blocks of the other nodes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.findings.route import BgpRouteNotPresent, RouteMissing
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.disposition import Level
from skoop.model.kube import Address
from skoop.model.kube.calico import IpPool, Tunnelling
from skoop.netstack.fib import FibKind
from skoop.plugin.base import ClusterView
from skoop.plugin.calico.blocks import Block, blocks_of
from skoop.plugin.calico.registered import Registered, registered
from skoop.plugin.calico.way import Hop, Way, hop_to, same_subnet
from skoop.plugin.checks.ways import BIRD, Wanted
from skoop.plugin.site import Site, lookup


def ways_to(
    site: Site,
    config: CalicoConfig,
    own: Registered,
    peer: Registered,
    blocks: tuple[Block, ...],
) -> Mapping[Prefix, tuple[Hop, Wanted]]:
    """The routes a node should have to a peer's blocks."""
    found = {}
    for block in blocks:
        hop = hop_to(site, config, own, peer, block) if block.node == peer.node else None
        route = hop.route if hop else None
        if hop is None or route is None:
            continue
        hop = replace(hop, by_routers=_left_to_routers(site, config, own, peer, hop))
        wanted = Wanted(
            cidr=block.cidr,
            node=peer.node,
            route=route,
            by=BIRD if hop.by_bgp else "Felix",
            missing=BgpRouteNotPresent if hop.by_bgp else RouteMissing,
            level=Level.WARNING if block.borrowed else None,
        )
        found[block.cidr] = hop, wanted
    return found


def _left_to_routers(
    site: Site, config: CalicoConfig, own: Registered, peer: Registered, hop: Hop
) -> bool:
    """Without the mesh, or to another subnet, routers that take part in BGP may know the block, and
    whatever way the node has towards them will do."""
    if hop.way is not Way.DIRECT or (config.mesh and same_subnet(own, peer)):
        return False
    return bool(site.view.inventory.calico.peers) or not config.mesh


def entrance(site: Site, hop: Hop, peer: Registered) -> str:
    """The device by which the peer's packets come in: for tunnels the tunnel's."""
    if hop.way is not Way.DIRECT:
        return hop.route.nexthops[0].device if hop.route else ""
    found = lookup(site.fibs[peer.family], peer.family, peer.address)
    return found.nexthops[0].device if found.kind is FibKind.UNICAST and found.nexthops else ""


def by_node(blocks: tuple[Block, ...]) -> Mapping[str, tuple[Block, ...]]:
    """Blocks by the node they are on."""
    found: dict[str, tuple[Block, ...]] = {}
    for block in blocks:
        found[block.node] = (*found.get(block.node, ()), block)
    return found


def told_to_routers(view: ClusterView) -> Mapping[Prefix, Address]:
    """Blocks that routers outside the nodes know, with the address of their node."""
    config = view.facts.calico.value
    nodes = {format_ip(*ip) for node in view.inventory.nodes for ip in node.ips}
    if all(peer.peer_ip in ("", *nodes) for peer in view.inventory.calico.peers):
        return {}
    found: dict[Prefix, Address] = {}
    for family in Family:
        known = {
            node.name: (family, each.address)
            for node in view.inventory.nodes
            if (each := registered(view, node, family)) is not None
        }
        for block in blocks_of(view, family):
            pool = config.pool_of(family, block.cidr.network)
            if pool is not None and _told(pool) and block.node in known:
                found[block.cidr] = known[block.node]
    return found


def _told(pool: IpPool) -> bool:
    tunnelled = {pool.ipip, pool.vxlan} != {Tunnelling.NEVER}
    return pool.bgp_export and not tunnelled
