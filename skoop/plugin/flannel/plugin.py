"""The plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from skoop.findings.overlay import EncapModeMismatch
from skoop.findings.veth import IpOutsideCidr
from skoop.model.address import Family, Prefix
from skoop.model.kube import Address
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Link
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.checks.agents import agents
from skoop.plugin.checks.base import as_one, expect, worst_first
from skoop.plugin.checks.tunnels import (
    absent_device,
    address_lost,
    device_settings,
    down_device,
)
from skoop.plugin.checks.vtep import forwarding_entry, vtep_neighbour
from skoop.plugin.flannel.cni import bridge_conf
from skoop.plugin.flannel.interface import wrong_interface
from skoop.plugin.flannel.lease import Lease, lease_of, peers_of
from skoop.plugin.flannel.masquerade import masquerade
from skoop.plugin.flannel.overlay import (
    Overlay,
    direct_device,
    overlay_of,
    tunnel_end,
    tunnel_link,
)
from skoop.plugin.flannel.routes import peer_routes, reverse_paths, shadowing_routes
from skoop.plugin.flannel.wireguard import own_key, peer_settings
from skoop.plugin.linux import linux_expectations, service_addresses
from skoop.plugin.site import Site, addresses_on, knows, plain_fib, site_of
from skoop.plugin.tables import tables_of

_ON_NODES = ("vxlan", "ipip", "host-gw", "udp", "wireguard", "ipsec")
"""Backends by which only the nodes know where pods are; the others use a cloud's route table."""


class FlannelPlugin:
    """flannel, also as the network part of canal."""

    name = "flannel"

    def unroutable(self, view: ClusterView) -> tuple[Prefix, ...]:
        """Pod networks, unless a cloud routes them, and Service addresses."""
        config = view.facts.flannel.value
        pods: tuple[Prefix, ...] = ()
        if config.backend in _ON_NODES:
            networks = (config.network, config.ipv6_network)
            pods = (*view.facts.pod_cidrs.value, *(each for each in networks if each))
        return tuple(dict.fromkeys((*pods, *service_addresses(view))))

    def advertised(self, view: ClusterView) -> Mapping[Prefix, Address]:  # noqa: ARG002
        """None."""
        return {}

    def expectations(self, view: ClusterView, node: str) -> tuple[Expectation, ...]:
        """What flannel should have set up on a node, and what it needs from Linux."""
        site = site_of(view, node, bridge_conf(view))
        return worst_first((*_flannel(site), *linux_expectations(site)))


def _flannel(site: Site) -> Iterator[Expectation]:
    if site.api is None:
        return
    yield from agents(site, "flannel", "flannel")
    yield from _subnets(site)
    if not site.collected or not knows(site.host, "links", "routes"):
        return
    for family in _families(site.view):
        own = lease_of(site.view, site.api, family)
        if own is not None:
            yield from _mode(site, own)
            yield from _interface(site, own)
            yield from _overlay(site, overlay_of(site, own), own)
            unmasked = masquerade(site, own)
            if unmasked is not None:
                yield unmasked


def _families(view: ClusterView) -> tuple[Family, ...]:
    fact = view.facts.flannel
    enabled = {Family.V4: fact.value.enable_ipv4, Family.V6: fact.value.enable_ipv6}
    return tuple(family for family in Family if enabled[family] or not fact.certain)


def _interface(site: Site, own: Lease) -> Iterator[Expectation]:
    link = tunnel_link(site, overlay_of(site, own))
    yield from wrong_interface(site, own, peers_of(site.view, own), link)


def _mode(site: Site, own: Lease) -> Iterator[Expectation]:
    fact = site.view.facts.flannel
    if fact.certain and own.backend != fact.value.backend:
        yield expect(
            EncapModeMismatch,
            site.host,
            f"flannel on node {site.node} uses the backend {own.backend}, its configuration says "
            f"{fact.value.backend}: it was not restarted since",
            Evidence(f"annotation backend-type of node {site.node}", own.backend),
            Evidence(fact.source, fact.value.backend),
            fix=f"restart flannel on node {site.node}",
        )


def _overlay(site: Site, overlay: Overlay, own: Lease) -> Iterator[Expectation]:
    """A device that is missing, is down or has lost its last address takes its routes and
    neighbours with it: they are part of that one fault, and of its repair."""
    peers = peers_of(site.view, own)
    if not overlay.device:
        yield from _between(site, overlay, None, peers)
        return
    link, end = tunnel_link(site, overlay), tunnel_end(site, overlay, own)
    if link is not None and link.up:
        yield from device_settings(site, end, link)
        yield from own_key(site, link, own)
        lost_address = address_lost(site, end, link)
        if lost_address is None:
            yield from _between(site, overlay, link, peers)
            return
        gone = lost_address
    else:
        gone = down_device(site, end, link) if link else absent_device(site, end)
    if gone.repair is None:
        yield gone
        return
    host = gone.repair(site.host)
    fibs = {family: plain_fib(host, family) for family in Family}
    after = replace(site, host=host, fibs=fibs)
    restored = tunnel_link(after, overlay)
    lost = tuple(_between(after, overlay, restored, peers))
    yield as_one((gone, *lost), gone.suspicion.message)


def _between(
    site: Site, overlay: Overlay, link: Link | None, peers: tuple[Lease, ...]
) -> Iterator[Expectation]:
    device = link.name if link else ""
    tables = tables_of(site.host)
    for peer in peers:
        parts = list(peer_routes(site, tables, overlay, device, peer))
        if link is not None and link.vxlan is not None and not direct_device(site, overlay, peer):
            parts += vtep_neighbour(site, tables, link, peer.vtep)
            parts += forwarding_entry(site, tables, link, peer.vtep)
        if link is not None and link.wireguard is not None:
            parts += peer_settings(site, link, peer)
        if len(parts) > 1:
            yield as_one(parts, "; ".join(part.suspicion.message for part in parts))
        else:
            yield from parts
    yield from shadowing_routes(site, overlay, device, peers)
    yield from reverse_paths(site, overlay, device, peers)


def _subnets(site: Site) -> Iterator[Expectation]:
    """Pods and bridge inside the node's podCIDR; other nodes route nothing else here."""
    cidrs = site.api.pod_cidrs if site.api else ()
    text = ", ".join(str(each) for each in cidrs)
    for family in Family:
        own = [each for each in cidrs if each.family is family]
        if not own:
            continue
        for pod in site.pods:
            for each, value in pod.pod.ips:
                if each is family and not any(cidr.contains(value) for cidr in own):
                    yield expect(
                        IpOutsideCidr,
                        pod.namespace,
                        f"pod {pod.name} has an address outside the podCIDR of node {site.node}",
                        Evidence(f"podCIDRs of node {site.node}", text),
                        fix=f"delete pod {pod.name}; its controller makes another",
                    )
        for address in addresses_on(site.host, site.cni.name, family):
            if not any(cidr.contains(address.value) for cidr in own):
                yield expect(
                    IpOutsideCidr,
                    site.host,
                    f"{address_line(address)} on node {site.node} is outside its podCIDR {text}",
                    Evidence(f"ip addr on {site.host.id}", address_line(address)),
                    Evidence(f"podCIDRs of node {site.node}", text),
                )
