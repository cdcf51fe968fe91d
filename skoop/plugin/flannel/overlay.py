"""How flannel carries pods' packets between nodes, from its configuration.

https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Family
from skoop.netstack.fib import FibKind
from skoop.netstack.state import Link, Route
from skoop.plugin.base import ClusterView
from skoop.plugin.checks.tunnels import TunnelEnd, card_with
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.repair import make_route
from skoop.plugin.site import Site, link_named, lookup

HOST_GW = "host-gw"
_OVERHEAD: Mapping[str, Mapping[Family, int]] = {
    "vxlan": {Family.V4: 50, Family.V6: 70},
    "ipip": {Family.V4: 20, Family.V6: 40},
    "wireguard": {Family.V4: 80, Family.V6: 80},
    "udp": {Family.V4: 28, Family.V6: 48},
}
"""Bytes that each tunnel adds; its backends leave as much room below the card's MTU."""

_KINDS = {"vxlan": "vxlan", "ipip": "ipip", "wireguard": "wireguard", "udp": "tun"}


class Overlay(Struct, frozen=True, kw_only=True):
    """One family's way between nodes.

    `device` is the tunnel's name, "" for host-gw and for backends that leave routing to a cloud.
    `port` is 0 where it does not apply or is not known. `mtu` is what the configuration asks for
    outside the tunnel, 0 for the card's. `source` says where this is written.
    """

    family: Family
    backend: str
    device: str
    kind: str
    vni: int
    port: int
    direct_routing: bool
    mtu: int
    source: str

    @property
    def overhead(self) -> int:
        """Bytes added to every packet, 0 without a tunnel."""
        return _OVERHEAD.get(self.backend, {}).get(self.family, 0)

    @property
    def per_node(self) -> bool:
        """Whether flannel writes a route per node; else one for the whole network will do."""
        return self.backend in ("vxlan", "ipip", HOST_GW)


def overlay_of(site: Site, own: Lease) -> Overlay:
    """The overlay a node should have."""
    fact = site.view.facts.flannel
    config = fact.value
    vni = config.vni if fact.certain or own.vni < 0 else own.vni
    port = config.port if fact.certain else _usual_port(site.view)
    return Overlay(
        family=own.family,
        backend=own.backend,
        device=_device(site, own, vni),
        kind=_KINDS.get(own.backend, ""),
        vni=vni,
        port=port if own.backend == "vxlan" else 0,
        direct_routing=config.direct_routing,
        mtu=config.mtu,
        source=fact.source,
    )


def _usual_port(view: ClusterView) -> int:
    """The port of most nodes, where no configuration names it; 0 if they are undecided."""
    ports = Counter(
        link.vxlan.port
        for host in view.hosts.values()
        for link in host.links
        if link.vxlan and link.name.startswith("flannel")
    )
    common = ports.most_common(2)
    if not common or (len(common) > 1 and common[0][1] == common[1][1]):
        return 0
    return common[0][0]


def _device(site: Site, own: Lease, vni: int) -> str:
    v4 = own.family is Family.V4
    if own.backend == "vxlan":
        return f"flannel.{vni}" if v4 else f"flannel-v6.{vni}"
    if own.backend == "wireguard":
        separate = link_named(site.host, "flannel-wg-v6") is not None
        return "flannel-wg-v6" if separate and not v4 else "flannel-wg"
    return {"ipip": "flannel.ipip", "udp": "flannel0"}.get(own.backend, "")


def tunnel_link(site: Site, overlay: Overlay) -> Link | None:
    """The tunnel device: by name, else one of flannel's with another VNI."""
    named = link_named(site.host, overlay.device)
    if named is not None or overlay.backend != "vxlan":
        return named
    start = overlay.device.partition(".")[0] + "."
    others = [
        link for link in site.host.links if link.kind == "vxlan" and link.name.startswith(start)
    ]
    return others[0] if len(others) == 1 else None


def underlay_link(site: Site, own: Lease) -> Link | None:
    """The card with the node's public address, or with its internal one behind a NAT."""
    internal = site.api.internal_ips if site.api else ()
    return card_with(site, ((own.family, own.public), *internal))


def tunnel_end(site: Site, overlay: Overlay, own: Lease) -> TunnelEnd:
    """The node's end of the tunnel as flannel makes it. Its address is the subnet's first."""
    return TunnelEnd(
        cni="flannel",
        mode=f"{overlay.backend} backend",
        device=overlay.device,
        kind=overlay.kind,
        family=own.family,
        address=own.subnet.network,
        public=own.public,
        local=own.public,
        mac=own.mac,
        vni=overlay.vni,
        port=overlay.port,
        overhead=overlay.overhead,
        mtu=overlay.mtu and overlay.mtu - overlay.overhead,
        below=underlay_link(site, own),
        source=overlay.source,
        announced_mac=own.announced,
        announced_ip=own.announced_ip,
        translated=own.overwritten,
    )


def direct_device(site: Site, overlay: Overlay, peer: Lease) -> str:
    """The card on whose link the peer is, when flannel routes to it without a tunnel; else ""
    (pkg/ip DirectRouting: a route to the peer without a gateway)."""
    if overlay.backend != HOST_GW and not overlay.direct_routing:
        return ""
    found = lookup(site.fibs[peer.family], peer.family, peer.public)
    if found.kind is not FibKind.UNICAST or not found.nexthops or found.nexthops[0].gateway:
        return ""
    return found.nexthops[0].device


def peer_route(site: Site, overlay: Overlay, device: str, peer: Lease) -> Route | None:
    """The route flannel writes for a peer's subnet; None when it cannot (host-gw across routers),
    or leaves it to a cloud."""
    direct = direct_device(site, overlay, peer)
    if direct:
        return make_route(peer.subnet, direct, peer.public, onlink=overlay.backend == "ipip")
    if overlay.backend == "vxlan":
        return make_route(peer.subnet, device, peer.subnet.network, onlink=True)
    if overlay.backend == "ipip":
        return make_route(peer.subnet, device, peer.public, onlink=True)
    return make_route(peer.subnet, device) if device else None
