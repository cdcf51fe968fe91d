"""What flannel's WireGuard backend writes for each node (pkg/backend/wireguard in flannel).

A peer for every other node, known by the key that the node announces, with the node's subnet as
its allowed addresses; the endpoint is the node's public address with the port of the own device.
Where a peer is the kernel learns anew from every packet it sends, so any address of its node is
right.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.overlay import (
    WireguardEndpointWrong,
    WireguardKeyMismatch,
    WireguardPeerMissing,
)
from skoop.model.address import Family, Prefix, format_ip, with_port
from skoop.model.trace import Evidence
from skoop.netstack.lines import wireguard_line
from skoop.netstack.state import Link, Wireguard, WireguardPeer
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.repair import change_link, set_peer
from skoop.plugin.site import Site, link_named

_AUTO = "flannel-wg"
"""The device of IPv4, and of both IP versions in the modes that have one."""


def own_key(site: Site, link: Link, own: Lease) -> Iterator[Expectation]:
    """The key that the node announces is its device's."""
    device = link.wireguard
    if device is None or not own.key or device.key == own.key:
        return
    yield expect(
        WireguardKeyMismatch,
        site.host,
        f"{link.name} on node {site.node} has another key than the node announces, so the other "
        "nodes send to it what it cannot read",
        Evidence(f"wg show {link.name} on {site.host.id}", f"public key {device.key or '(none)'}"),
        own.announced_key,
        repair=change_link(link.name, lambda old: replace(old, wireguard=_with_key(old, own.key))),
        fix=f"restart flannel on node {site.node}",
    )


def _with_key(link: Link, key: str) -> Wireguard | None:
    return link.wireguard and replace(link.wireguard, key=key)


def peer_settings(site: Site, link: Link, lease: Lease) -> Iterator[Expectation]:
    """A node's peer: there, with its subnet, and where the node is."""
    device = link.wireguard
    if device is None or not lease.key:
        return
    right = (lease.family, lease.public, _port(site, link, lease))
    peer = next((each for each in device.peers if each.key == lease.key), None)
    if peer is None:
        yield _missing(site, link, device, lease, right)
        return
    if not any(_covers(each, lease.subnet) for each in peer.allowed):
        allowed = (*peer.allowed, lease.subnet)
        yield expect(
            WireguardPeerMissing,
            site.host,
            f"{link.name} on node {site.node} does not allow its peer, node {lease.node}, the "
            f"addresses of its pods, {lease.subnet}",
            _line(site, link, peer),
            repair=set_peer(link.name, replace(peer, allowed=allowed)),
            fix=f"wg set {link.name} peer {peer.key} allowed-ips {','.join(map(str, allowed))}",
        )
    if _is_its_address(link, lease, peer) and not _is_at(site, lease, peer, right[2]):
        end = with_port(format_ip(*right[:2]), right[2])
        yield expect(
            WireguardEndpointWrong,
            site.host,
            f"{link.name} on node {site.node} looks for its peer, node {lease.node}, elsewhere "
            f"than at {end}",
            _line(site, link, peer),
            lease.announced_ip,
            repair=set_peer(link.name, replace(peer, endpoint=right)),
            fix=f"wg set {link.name} peer {peer.key} endpoint {end}",
        )


def _missing(
    site: Site, link: Link, device: Wireguard, lease: Lease, right: tuple[Family, int, int]
) -> Expectation:
    added = WireguardPeer(lease.key, right, (lease.subnet,), met=True)
    known = "; ".join(f"peer {each.key}" for each in device.peers) or "no peer"
    end = with_port(format_ip(*right[:2]), right[2])
    return expect(
        WireguardPeerMissing,
        site.host,
        f"{link.name} on node {site.node} has no peer with the key of node {lease.node}",
        Evidence(f"wg show {link.name} on {site.host.id}", known),
        lease.announced_key,
        repair=set_peer(link.name, added),
        fix=f"wg set {link.name} peer {lease.key} endpoint {end} allowed-ips {lease.subnet}",
    )


def _covers(wide: Prefix, narrow: Prefix) -> bool:
    fits = wide.family is narrow.family and wide.length <= narrow.length
    return fits and wide.contains(narrow.network)


def _line(site: Site, link: Link, peer: WireguardPeer) -> Evidence:
    return Evidence(f"wg show {link.name} on {site.host.id}", wireguard_line(peer))


def _is_its_address(link: Link, lease: Lease, peer: WireguardPeer) -> bool:
    """Whether the lease tells where the peer should be: a device of both IP versions has one
    endpoint, whose version is a matter of its mode; and a NAT's address may be anything."""
    if lease.overwritten or (link.name == _AUTO and lease.family is Family.V6):
        return False
    return peer.endpoint is None or peer.endpoint[0] is lease.family


def _is_at(site: Site, lease: Lease, peer: WireguardPeer, port: int) -> bool:
    """Whether the endpoint is an address of its node, and the port that it listens at."""
    if peer.endpoint is None:
        return False
    family, address, at = peer.endpoint
    node = site.view.inventory.node(lease.node)
    host = site.view.hosts.get(lease.node)
    known = {(lease.family, lease.public), *(node.internal_ips if node else ())}
    known |= {(each.family, each.value) for each in (host.addresses if host else ())}
    return (family, address) in known and at == port


def _port(site: Site, link: Link, lease: Lease) -> int:
    """Where the peer listens: as its own device says, else as flannel has it, like this one."""
    host = site.view.hosts.get(lease.node)
    other = link_named(host, link.name) if host is not None else None
    devices = (each.wireguard for each in (other, link) if each is not None)
    return next((each.port for each in devices if each is not None), 0)
