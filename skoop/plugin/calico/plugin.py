"""The plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.findings.veth import IpOutsideCidr
from skoop.model.address import Family, Prefix
from skoop.model.kube import Address
from skoop.model.kube.calico import Tunnelling
from skoop.model.trace import Evidence
from skoop.plugin.base import ClusterView, Expectation, Repair
from skoop.plugin.calico.blocks import blocks_of
from skoop.plugin.calico.link_local import GATEWAY6
from skoop.plugin.calico.outgoing import nat_outgoing
from skoop.plugin.calico.policies import programmed_policies
from skoop.plugin.calico.registered import Registered, peers_of, registered
from skoop.plugin.calico.routes import by_node, entrance, told_to_routers, ways_to
from skoop.plugin.calico.tunnel import end_of
from skoop.plugin.calico.way import Hop, Way
from skoop.plugin.calico.workload import GATEWAY, workloads
from skoop.plugin.checks.agents import agents
from skoop.plugin.checks.base import as_one, expect, worst_first
from skoop.plugin.checks.tunnels import (
    TunnelEnd,
    absent_device,
    address_lost,
    card_with,
    device_settings,
    down_device,
)
from skoop.plugin.checks.vtep import forwarding_entry, vtep_neighbour
from skoop.plugin.checks.ways import Wanted, reverse_path, shadowing, way_to
from skoop.plugin.linux import linux_expectations, service_addresses
from skoop.plugin.site import BridgeConf, Site, knows, link_named, plain_fib, site_of
from skoop.plugin.tables import Tables, tables_of

_Ways = Mapping[Registered, Mapping[Prefix, tuple[Hop, Wanted]]]


class CalicoPlugin:
    """Calico with its own routing."""

    name = "calico"

    def unroutable(self, view: ClusterView) -> tuple[Prefix, ...]:
        """Pools that are tunnelled, and Service addresses. What is not tunnelled may be known to
        routers that take part in BGP; without any, the nodes know it alone."""
        calico, config = view.inventory.calico, view.facts.calico.value
        alone = "bgppeers" in calico.known and not calico.peers and config.mesh
        pools = tuple(
            pool.cidr
            for pool in config.pools
            if alone or pool.ipip is not Tunnelling.NEVER or pool.vxlan is not Tunnelling.NEVER
        )
        return tuple(dict.fromkeys((*pools, *service_addresses(view))))

    def advertised(self, view: ClusterView) -> Mapping[Prefix, Address]:
        """Blocks of pools without tunnels, where routers take part in BGP: those BGPPeers that are
        not nodes."""
        return told_to_routers(view)

    def expectations(self, view: ClusterView, node: str) -> tuple[Expectation, ...]:
        """What Calico should have set up on a node, and what it needs from Linux."""
        site = site_of(view, node, BridgeConf(gateways=(GATEWAY, GATEWAY6)))
        return worst_first((*_calico(site), *linux_expectations(site)))


def _calico(site: Site) -> Iterator[Expectation]:
    if site.api is None:
        return
    config = site.view.facts.calico.value
    yield from agents(site, "calico-node", "Calico")
    yield from _strangers(site, config)
    yield from workloads(site)
    if not site.collected or not knows(site.host, "links", "routes"):
        return
    for family in Family:
        own = registered(site.view, site.api, family)
        if own is not None:
            yield from _between(site, config, own)
            if not config.ebpf_on(site.node):
                yield from nat_outgoing(site, config, own)
                yield from _policies(site, own)


def _policies(site: Site, own: Registered) -> Iterator[Expectation]:
    card = card_with(site, ((own.family, own.address),))
    if card is not None:
        yield from programmed_policies(site, own.family, card.name)


def _between(site: Site, config: CalicoConfig, own: Registered) -> Iterator[Expectation]:
    """The ways to the other nodes, tunnel by tunnel: a device that is missing, is down or has lost
    its address takes its routes and neighbours with it, which is one fault with one repair."""
    blocks = by_node(blocks_of(site.view, own.family))
    ways: _Ways = {
        peer: ways_to(site, config, own, peer, blocks.get(peer.node, ()))
        for peer in peers_of(site.view, own)
    }
    yield from _direct(site, ways)
    for way in (Way.IPIP, Way.VXLAN):
        chosen = {
            peer: {cidr: pair for cidr, pair in each.items() if pair[0].way is way}
            for peer, each in ways.items()
        }
        if any(chosen.values()):
            yield from _tunnelled(site, end_of(site, config, own, way), chosen)
    wanted = {cidr: each for ways_of in ways.values() for cidr, (_, each) in ways_of.items()}
    yield from shadowing(site, wanted)


def _direct(site: Site, ways: _Ways) -> Iterator[Expectation]:
    tables = tables_of(site.host)
    for peer, each in ways.items():
        for cidr, (hop, wanted) in each.items():
            if hop.way is Way.DIRECT and not hop.by_routers:
                yield from way_to(site, tables, wanted)
                yield from reverse_path(site, cidr, entrance(site, hop, peer), peer.node)


def _tunnelled(site: Site, end: TunnelEnd, ways: _Ways) -> Iterator[Expectation]:
    link = link_named(site.host, end.device)
    if link is not None and link.up:
        yield from device_settings(site, end, link)
        gone = address_lost(site, end, link)
        if gone is None:
            yield from _peers(site, end, ways, tables_of(site.host))
            return
    else:
        gone = down_device(site, end, link) if link else absent_device(site, end)
    if gone.repair is None:
        yield gone
        return
    parts, after = [gone], _mended(site, gone.repair)
    link = link_named(after.host, end.device)
    if link is not None and (lost := address_lost(after, end, link)) and lost.repair:
        # A device that goes down loses its addresses of IPv6.
        parts.append(lost)
        after = _mended(after, lost.repair)
    parts += _peers(after, end, ways, tables_of(after.host))
    yield as_one(parts, gone.suspicion.message)


def _mended(site: Site, repair: Repair) -> Site:
    host = repair(site.host)
    return replace(site, host=host, fibs={family: plain_fib(host, family) for family in Family})


def _peers(site: Site, end: TunnelEnd, ways: _Ways, tables: Tables) -> Iterator[Expectation]:
    link = link_named(site.host, end.device)
    for peer, each in ways.items():
        entries: list[Expectation] = []
        if each and link is not None and link.vxlan is not None:
            entries += vtep_neighbour(site, tables, link, peer.vtep)
            entries += forwarding_entry(site, tables, link, peer.vtep)
        parts = [part for _, wanted in each.values() for part in way_to(site, tables, wanted)]
        parts += entries
        if len(parts) > 1 and entries:
            yield as_one(parts, "; ".join(part.suspicion.message for part in parts))
        else:
            yield from parts
        for cidr in each:
            yield from reverse_path(site, cidr, end.device, peer.node)


def _strangers(site: Site, config: CalicoConfig) -> Iterator[Expectation]:
    """Addresses of pods outside every pool: no node routes them, no rule knows them."""
    fact = site.view.facts.calico
    if not fact.certain or config.host_local:
        return
    ranges = ", ".join(str(pool.cidr) for pool in config.pools)
    for pod in site.pods:
        for family, value in pod.pod.ips:
            known = any(pool.cidr.family is family for pool in config.pools)
            if known and config.pool_of(family, value) is None:
                yield expect(
                    IpOutsideCidr,
                    pod.namespace,
                    f"pod {pod.name} has an address outside all of Calico's IP pools",
                    Evidence("IPPools", ranges),
                    fix=f"delete pod {pod.name}; its controller makes another",
                )
