"""The bridges that pods are on."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.bridge import (
    BridgeAddressMissing,
    BridgeDown,
    BridgeMissing,
    BrNetfilterAbsent,
)
from skoop.findings.mtu import MtuPodExceedsPath
from skoop.findings.sysctl import BridgeNfCallOff, DisableIpv6Set
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Address, BridgePort, BridgeSettings, Link
from skoop.netstack.sysctl import Sysctls
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, ipv6_off, link_line, sysctl_line
from skoop.plugin.repair import (
    add_address,
    add_link,
    attach,
    change_link,
    in_sequence,
    link_up,
    set_sysctls,
)
from skoop.plugin.site import (
    PodSite,
    Site,
    addresses_on,
    gateway_of,
    knows,
    link_named,
)
from skoop.service.config import ProxyMode

_MODES = (ProxyMode.IPTABLES, ProxyMode.NFTABLES, ProxyMode.IPVS)
_CALLS = {
    Family.V4: "net.bridge.bridge-nf-call-iptables",
    Family.V6: "net.bridge.bridge-nf-call-ip6tables",
}


def bridges(site: Site) -> Iterator[Expectation]:
    """Every bridge with pods: up, with the gateway's address, seen by netfilter, wide enough."""
    if not site.collected or not knows(site.host, "links"):
        return
    if site.cni.name and link_named(site.host, site.cni.name) is None and _bridged(site):
        yield _missing(site)
        return
    for name in site.bridges:
        bridge = link_named(site.host, name)
        if bridge is not None:
            yield from _one(site, bridge)


def _bridged(site: Site) -> list[PodSite]:
    """Pods with a veth whose other end lies on the node and in no other bridge."""
    return [pod for pod in site.pods if pod.host_end and not pod.host_end.master]


def _missing(site: Site) -> Expectation:
    """The repaired bridge has all pods, and the gateway's address where the podCIDR tells it."""
    pods = _bridged(site)
    ends = [pod.host_end for pod in pods if pod.host_end]
    bridge = Link(
        index=0,
        name=site.cni.name,
        kind="bridge",
        mac=ends[0].mac,
        mtu=min(end.mtu for end in ends),
        bridge=BridgeSettings(),
    )
    port = BridgePort(hairpin=site.cni.hairpin)
    steps = [add_link(bridge)]
    steps += [attach(end.name, site.cni.name, port) for end in ends]
    for subnet in site.api.pod_cidrs if site.api else ():
        first = subnet.network + 1
        steps.append(add_address(Address(site.cni.name, subnet.family, first, subnet)))
    names = ", ".join(link.name for link in site.host.links if link.kind == "bridge")
    return expect(
        BridgeMissing,
        site.host,
        f"node {site.node} has no bridge {site.cni.name} for its {len(pods)} pods",
        Evidence(f"ip link on {site.host.id}", f"bridges: {names}" if names else "no bridge"),
        repair=in_sequence(steps),
    )


def _one(site: Site, bridge: Link) -> Iterator[Expectation]:
    if not bridge.up:
        yield expect(
            BridgeDown,
            site.host,
            f"the bridge {bridge.name} of node {site.node} is down",
            link_line(site.host, bridge),
            repair=in_sequence((link_up(bridge.name), *_ports_up(site, bridge))),
            fix=f"ip link set dev {bridge.name} up",
        )
    members = site.on_bridge(bridge.name)
    families = dict.fromkeys(family for pod in members for family, _ in pod.pod.ips)
    for family in families:
        yield from _address(site, bridge, members, family)
        if knows(site.host, "sysctls"):
            yield from _netfilter(site, bridge, family)
    yield from _mtu(site, bridge, members)


def _ports_up(site: Site, bridge: Link) -> Iterator[Repair]:
    """Ports of a bridge that is down are disabled; they come back with it."""
    for link in site.host.links:
        if link.master == bridge.name and link.up and link.carrier and link.port is not None:
            yield attach(link.name, bridge.name, replace(link.port, state="forwarding"))


def _address(
    site: Site, bridge: Link, members: tuple[PodSite, ...], family: Family
) -> Iterator[Expectation]:
    """A bridge with a port that leads out of the node may leave routing to a router there."""
    wired = {pod.host_end.name for pod in site.pods if pod.host_end}
    leads_out = any(
        link.master == bridge.name and link.kind != "veth" and link.name not in wired
        for link in site.host.links
    )
    gateway = gateway_of(site, bridge.name, family)
    if leads_out or gateway is None or not knows(site.host, "addresses"):
        return
    if any((each.family, each.value) == (family, gateway) for each in site.host.addresses):
        return
    lengths = sorted(
        address.prefix.length
        for pod in members
        for address in pod.namespace.addresses
        if (address.family, address.value) in pod.pod.ips and address.family is family
    )
    subnets = [
        each.length for each in (site.api.pod_cidrs if site.api else ()) if each.family is family
    ]
    length = (lengths[len(lengths) // 2 :] or subnets or [family.bits])[0]
    shift = family.bits - length
    address = Address(
        bridge.name, family, gateway, Prefix(family, gateway >> shift << shift, length)
    )
    off = ipv6_off(site.host, bridge.name) if family is Family.V6 else ()
    has = ", ".join(address_line(each) for each in addresses_on(site.host, bridge.name, family))
    line = Evidence(
        f"ip addr on {site.host.id}", has or f"no IPv{family.value} address on {bridge.name}"
    )
    steps = [set_sysctls(dict.fromkeys(off, "0"))] if off else []
    yield expect(
        DisableIpv6Set if off else BridgeAddressMissing,
        site.host,
        f"IPv6 is switched off on {bridge.name} of node {site.node}"
        if off
        else f"{bridge.name} on node {site.node} lacks {format_ip(family, gateway)}, the gateway "
        f"of its pods",
        sysctl_line(site.host, *off) if off else line,
        repair=in_sequence((*steps, add_address(address))),
        fix=f"sysctl -w {off[0]}=0" if off else f"ip addr add {address_line(address)}",
    )


def _netfilter(site: Site, bridge: Link, family: Family) -> Iterator[Expectation]:
    """Without it the reply of a pod to one on the same bridge is not translated back."""
    fact = site.view.facts.proxy_mode
    settings = bridge.bridge or BridgeSettings()
    own = settings.nf_call_iptables if family is Family.V4 else settings.nf_call_ip6tables
    if fact.value not in _MODES or own or Sysctls(site.host.sysctls).bridge_calls(family):
        return
    name = _CALLS[family]
    loaded = any(each.startswith("net.bridge.") for each in site.host.sysctls)
    line = sysctl_line(site.host, name)
    if not loaded:
        if not site.host.sysctls:
            return
        line = Evidence(f"sysctl on {site.host.id}", f"no {name}")
    yield expect(
        BridgeNfCallOff if loaded else BrNetfilterAbsent,
        site.host,
        f"bridge {bridge.name} of node {site.node} passes frames by iptables: a pod that reaches "
        f"another pod of this node through a Service gets answers from the wrong address",
        line,
        repair=set_sysctls({name: "1"}),
        fix=f"sysctl -w {name}=1",
    )


def _mtu(site: Site, bridge: Link, members: tuple[PodSite, ...]) -> Iterator[Expectation]:
    largest = max((pod.device.mtu for pod in members if pod.device), default=0)
    if bridge.mtu < largest:
        yield expect(
            MtuPodExceedsPath,
            site.host,
            f"bridge {bridge.name} of node {site.node} has MTU {bridge.mtu}, its pods up to "
            f"{largest}",
            link_line(site.host, bridge),
            repair=change_link(bridge.name, lambda link: replace(link, mtu=largest)),
        )
