"""Pods on one bridge while their node routes to another."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.bridge import WrongBridge
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Address
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, link_line
from skoop.plugin.repair import add_address, in_sequence, without_address
from skoop.plugin.site import Site, addresses_on, knows


def strayed(site: Site) -> Iterator[Expectation]:
    """The gateway's address on another bridge than the one that all pods are on. The mended node
    has it on that of the pods."""
    bridge = actual_bridge(site)
    for address in _elsewhere(site, bridge) if bridge else ():
        moved = replace(address, device=bridge)
        ends = [pod.host_end for pod in site.pods if pod.host_end]
        yield expect(
            WrongBridge,
            site.host,
            f"node {site.node} has {address.prefix} on {address.device}, but its {len(ends)} pods "
            f"with addresses of it are on {bridge}",
            Evidence(f"ip addr on {site.host.id}", address_line(address)),
            link_line(site.host, ends[0]),
            repair=in_sequence((without_address(address), add_address(moved))),
            fix=f"ip addr del {_text(address)} dev {address.device}; "
            f"ip addr add {_text(address)} dev {bridge}",
        )


def has_strayed(site: Site) -> bool:
    """Whether not single pods but all of them are on another bridge than their node routes to."""
    bridge = actual_bridge(site)
    return bool(bridge) and any(True for _ in _elsewhere(site, bridge))


def actual_bridge(site: Site) -> str:
    """The one bridge that all pods are on, "" when they are not on one. A single pod may itself be
    what is wrong, unless the CNI's configuration names its bridge."""
    if not site.collected or not knows(site.host, "links", "addresses"):
        return ""
    ends = [pod.host_end for pod in site.pods if pod.host_end]
    masters = {end.master for end in ends}
    bridges = {link.name for link in site.host.links if link.kind == "bridge"}
    name = min(masters, default="")
    if len(masters) != 1 or name not in bridges:
        return ""
    return name if len(ends) > 1 or site.cni.name == name else ""


def _elsewhere(site: Site, bridge: str) -> Iterator[Address]:
    """Addresses of other bridges in whose subnets the pods are, where the pods' bridge has none."""
    bridges = {link.name for link in site.host.links if link.kind == "bridge"} - {bridge}
    for address in site.host.addresses:
        if address.device not in bridges or address.prefix.length >= address.family.bits:
            continue
        inside = [
            ip
            for pod in site.pods
            for ip in pod.pod.ips
            if ip[0] is address.family and address.prefix.contains(ip[1])
        ]
        own = addresses_on(site.host, bridge, address.family)
        if inside and not any(one.prefix.contains(inside[0][1]) for one in own):
            yield address


def _text(address: Address) -> str:
    return address_line(address).partition(" ")[0]
