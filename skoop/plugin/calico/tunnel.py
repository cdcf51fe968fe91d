"""A node's tunnel devices: tunl0 for IPIP, vxlan.calico for VXLAN."""

from __future__ import annotations

from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.model.trace import Evidence
from skoop.plugin.calico.registered import VXLAN_DEVICES, Registered
from skoop.plugin.calico.way import IPIP_DEVICE, Way
from skoop.plugin.checks.tunnels import TunnelEnd, card_with
from skoop.plugin.site import Site

_OVERHEAD = {Way.IPIP: {4: 20, 6: 40}, Way.VXLAN: {4: 50, 6: 70}}


def end_of(site: Site, config: CalicoConfig, own: Registered, way: Way) -> TunnelEnd:
    """The node's end of a tunnel. tunl0 is the kernel's own device for everything that no other
    tunnel takes: it has no ends, and the route chooses its outer source."""
    felix = config.felix_on(site.node)
    vxlan = way is Way.VXLAN
    internal = site.api.internal_ips if site.api else ()
    return TunnelEnd(
        cni="Calico",
        mode="VXLAN" if vxlan else "IPIP",
        device=VXLAN_DEVICES[own.family] if vxlan else IPIP_DEVICE,
        kind="vxlan" if vxlan else "ipip",
        family=own.family,
        address=own.vxlan if vxlan else own.ipip,
        public=own.address,
        local=own.address if vxlan else 0,
        mac=own.mac if vxlan else "",
        vni=felix.vxlan_vni if vxlan else 0,
        port=felix.vxlan_port if vxlan else 0,
        overhead=_OVERHEAD[way][own.family.value],
        mtu=felix.vxlan_mtu if vxlan else felix.ipip_mtu,
        below=card_with(site, ((own.family, own.address), *internal)),
        source=site.view.facts.calico.source,
        announced_mac=Evidence(f"VXLAN MAC of node {site.node}", own.mac),
        announced_ip=own.line,
    )
