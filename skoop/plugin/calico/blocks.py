"""Which node has which addresses: Calico's IPAM gives every node blocks of its pools."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.model.address import Family, Prefix, format_ip
from skoop.model.kube import Pod
from skoop.model.trace import Evidence
from skoop.netstack.state import Route, RouteType
from skoop.plugin.base import ClusterView
from skoop.plugin.repair import in_main

_WRITERS = ("bird", "80", "boot", "")
"""Protocols of the routes that BIRD and Felix write; a dump without them has none."""


class Block(Struct, frozen=True):
    """Addresses that other nodes send to `node`; one address when a pod of the node borrowed it
    from another node's block."""

    cidr: Prefix
    node: str
    line: Evidence
    borrowed: bool = False


def blocks_of(view: ClusterView, family: Family) -> tuple[Block, ...]:
    """All blocks of a family, as far as something tells them, and borrowed addresses."""
    blocks = tuple(each for each in _blocks(view) if each.cidr.family is family)
    return (*blocks, *_borrowed(view, family, blocks))


def _blocks(view: ClusterView) -> Iterator[Block]:
    calico, config = view.inventory.calico, view.facts.calico.value
    if config.host_local:
        for node in view.inventory.nodes:
            for cidr in node.pod_cidrs:
                yield Block(cidr, node.name, Evidence(f"podCIDRs of node {node.name}", str(cidr)))
    elif "blockaffinities" in calico.known:
        for each in calico.affinities:
            if each.state == "confirmed":
                line = Evidence(f"BlockAffinity of node {each.node}", str(each.cidr))
                yield Block(each.cidr, each.node, line)
    elif "ipamblocks" in calico.known:
        for block in calico.blocks:
            if block.node:
                line = Evidence("IPAMBlock", f"{block.cidr} host:{block.node}")
                yield Block(block.cidr, block.node, line)
    else:
        yield from _by_blackholes(view)


def _by_blackholes(view: ClusterView) -> Iterator[Block]:
    """Every node has a blackhole route for each of its own blocks."""
    for name, host in view.hosts.items():
        for route in host.routes:
            if is_own_block(view, route):
                yield Block(
                    route.destination,
                    name,
                    Evidence(f"route on {host.id}", route.raw or f"blackhole {route.destination}"),
                )


def is_own_block(view: ClusterView, route: Route) -> bool:
    """Whether a route looks like the blackhole that a node has for a block of its own."""
    pool = view.facts.calico.value.pool_of(route.destination.family, route.destination.network)
    return (
        route.type is RouteType.BLACKHOLE
        and in_main(route)
        and route.protocol in _WRITERS
        and pool is not None
        and route.destination.length == pool.block_size
    )


def _borrowed(view: ClusterView, family: Family, blocks: tuple[Block, ...]) -> Iterator[Block]:
    """A node with no room left takes single addresses of other nodes' blocks."""
    owners: dict[Prefix, str] = {block.cidr: block.node for block in blocks}
    lengths = sorted({cidr.length for cidr in owners}, reverse=True)
    for pod in view.inventory.pods:
        for value in _addresses(pod, family):
            owner = _owner(owners, lengths, family, value)
            if owner and owner != pod.node:
                ip = format_ip(family, value)
                line = Evidence(f"pod {pod.namespace}/{pod.name}", f"{ip} on node {pod.node}")
                yield Block(Prefix(family, value, family.bits), pod.node, line, borrowed=True)


def _addresses(pod: Pod, family: Family) -> Iterator[int]:
    if not pod.host_network and not pod.finished and pod.node:
        yield from (value for each, value in pod.ips if each is family)


def _owner(owners: dict[Prefix, str], lengths: list[int], family: Family, value: int) -> str:
    for length in lengths:
        shift = family.bits - length
        found = owners.get(Prefix(family, value >> shift << shift, length))
        if found is not None:
            return found
    return ""
