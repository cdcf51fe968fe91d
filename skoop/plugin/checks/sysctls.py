"""Forwarding."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.sysctl import (
    IpForwardOff,
    PerInterfaceForwardingOff,
    RouteLocalnetOff,
    V6ForwardingOff,
)
from skoop.model.address import Family
from skoop.model.disposition import Level
from skoop.netstack.sysctl import Sysctls
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, sysctl_line
from skoop.plugin.repair import set_sysctls
from skoop.plugin.site import Site, knows
from skoop.service.nodeports import serves_localhost

_TUNNELS = ("vxlan", "ipip", "sit", "geneve", "wireguard", "tun", "ip6tnl")
_GLOBAL = "net.ipv4.ip_forward"


def forwarding(site: Site) -> Iterator[Expectation]:
    """A node with pods is a router on every interface that pod traffic comes in by."""
    if not site.collected or not site.pods or not knows(site.host, "sysctls", "links"):
        return
    families = dict.fromkeys(family for pod in site.pods for family, _ in pod.pod.ips)
    if Family.V4 in families:
        yield from _v4(site)
    if Family.V6 in families:
        yield from _v6(site)


def localnet(site: Site) -> Iterator[Expectation]:
    """kube-proxy's iptables mode lets NodePorts answer on 127.0.0.1 by route_localnet."""
    proxy = site.view.facts.proxy.value
    name = "net.ipv4.conf.all.route_localnet"
    has_node_ports = any(
        port.node_port for service in site.view.inventory.services for port in service.ports
    )
    if not has_node_ports or not serves_localhost(proxy, site.view.inventory.node(site.node)):
        return
    if site.collected and knows(site.host, "sysctls") and site.host.sysctls.get(name) == "0":
        yield expect(
            RouteLocalnetOff,
            site.host,
            f"NodePorts do not answer on 127.0.0.1 of node {site.node}",
            sysctl_line(site.host, name),
            repair=set_sysctls({name: "1"}),
            level=Level.WARNING,
            fix=f"sysctl -w {name}=1",
        )


def _v4(site: Site) -> Iterator[Expectation]:
    settings = Sysctls(site.host.sysctls)
    off = [device for device in _entrances(site) if settings.forwarding(Family.V4, device) is False]
    if off and settings.number(_GLOBAL, 1) == 0:
        yield expect(
            IpForwardOff,
            site.host,
            f"node {site.node} does not forward IPv4 packets",
            sysctl_line(site.host, _GLOBAL),
            repair=_all_on(site),
            fix=f"sysctl -w {_GLOBAL}=1",
        )
        return
    for device in off:
        name = f"net.ipv4.conf.{device.replace('.', '/')}.forwarding"
        yield expect(
            PerInterfaceForwardingOff,
            site.host,
            f"node {site.node} does not forward what comes in by {device}",
            sysctl_line(site.host, name),
            repair=set_sysctls({name: "1"}),
            fix=f"sysctl -w {name}=1",
        )


def _all_on(site: Site) -> Repair:
    """inet_forward_change(): writing ip_forward sets every device."""
    names = [
        name
        for name in site.host.sysctls
        if name.startswith("net.ipv4.conf.") and name.endswith(".forwarding")
    ]
    return set_sysctls(dict.fromkeys((_GLOBAL, *names), "1"))


def _v6(site: Site) -> Iterator[Expectation]:
    """The switch is one for all devices; a device may still be made to forward."""
    name = "net.ipv6.conf.all.forwarding"
    settings, entrances = Sysctls(site.host.sysctls), _entrances(site)
    off = [device for device in entrances if settings.forwarding(Family.V6, device) is False]
    if off:
        where = "" if off == entrances else f" that come in by {', '.join(off)}"
        yield expect(
            V6ForwardingOff,
            site.host,
            f"node {site.node} does not forward IPv6 packets{where}",
            sysctl_line(site.host, name),
            repair=set_sysctls({name: "1"}),
            fix=f"sysctl -w {name}=1",
        )


def _entrances(site: Site) -> list[str]:
    """Bridges with pods, veths that are in no bridge, tunnels, and devices with the node's own
    addresses."""
    devices = set(site.bridges) or {
        pod.host_end.name for pod in site.pods if pod.host_end and not pod.host_end.master
    }
    devices |= {link.name for link in site.host.links if link.kind in _TUNNELS and link.up}
    ips = site.api.ips if site.api else ()
    devices |= {each.device for each in site.host.addresses if (each.family, each.value) in ips}
    present = [link.name for link in site.host.links]
    return [name for name in present if name in devices]
