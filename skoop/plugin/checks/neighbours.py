"""Who has which MAC: fixed entries that nobody corrects, and hosts that do not answer."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.neighbour import FdbStale, NeighbourWrongMac
from skoop.findings.sysctl import ArpIgnoreSet
from skoop.model.address import format_ip
from skoop.model.disposition import Level
from skoop.model.trace import Evidence
from skoop.netstack import lines
from skoop.netstack.state import Namespace
from skoop.netstack.sysctl import Sysctls
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import (
    expect,
    link_line,
    neighbour_line,
    place,
    sysctl_line,
)
from skoop.plugin.repair import set_neighbour, set_sysctls, without_fdb
from skoop.plugin.site import PodSite, Site, knows

"""States in which the kernel never asks again."""

_IGNORES_ALL = 8
"""arp_ignore: "do not reply for all local addresses" (Documentation/networking/ip-sysctl)."""


def neighbours(site: Site) -> Iterator[Expectation]:
    """Neighbour and forwarding entries of the node, and whether it and its pods answer ARP."""
    if site.collected and knows(site.host, "neighbours"):
        yield from _pod_macs(site)
        yield from _node_macs(site)
    if site.collected and knows(site.host, "fdb"):
        yield from _bridge_entries(site)
    for bridge in site.bridges if site.collected else ():
        yield from _silent(site.host, bridge)
    for pod in site.pods:
        if pod.device is not None and site.bridge_names[pod.name]:
            yield from _silent(pod.namespace, pod.device.name)


def _pod_macs(site: Site) -> Iterator[Expectation]:
    """The node's fixed neighbour entries for its pods."""
    owners = {(site.bridge_names[pod.name], *ip): pod for pod in site.pods for ip in pod.pod.ips}
    for entry in site.host.neighbours:
        pod = owners.get((entry.device, entry.family, entry.address))
        if pod is None or pod.device is None or not pod.device.mac:
            continue
        if not entry.is_fixed or entry.mac in ("", pod.device.mac):
            continue
        yield expect(
            NeighbourWrongMac,
            site.host,
            f"node {site.node} holds a fixed neighbour entry for pod {pod.name} with "
            f"{entry.mac}; the pod has {pod.device.mac}",
            neighbour_line(site.host, entry),
            link_line(pod.namespace, pod.device),
            repair=set_neighbour(replace(entry, mac=pod.device.mac, raw="")),
            fix=f"ip neigh del {format_ip(entry.family, entry.address)} dev {entry.device}",
        )


def _node_macs(site: Site) -> Iterator[Expectation]:
    """Fixed entries for other nodes, where those were collected. A MAC of any of a node's devices
    may be meant."""
    inventory = site.view.inventory
    for entry in site.host.neighbours:
        if entry.state != "PERMANENT" or not entry.mac:
            continue
        node = inventory.node_with_ip((entry.family, entry.address))
        other = site.view.hosts.get(node.name) if node and node.name != site.node else None
        if node is None or other is None or any(entry.mac == link.mac for link in other.links):
            continue
        devices = [
            each.device
            for each in other.addresses
            if (each.family, each.value) == (entry.family, entry.address)
        ]
        owner = next((link for link in other.links if link.name in devices), None)
        if owner is not None and owner.mac:
            yield expect(
                NeighbourWrongMac,
                site.host,
                f"node {site.node} holds a fixed neighbour entry for node {node.name} with "
                f"{entry.mac}; {owner.name} there has {owner.mac}",
                neighbour_line(site.host, entry),
                link_line(other, owner),
                repair=set_neighbour(replace(entry, mac=owner.mac, raw="")),
                fix=f"ip neigh del {format_ip(entry.family, entry.address)} dev {entry.device}",
            )


def _bridge_entries(site: Site) -> Iterator[Expectation]:
    """A bridge's entries that lead a pod's MAC to another port. One that was learned moves when the
    pod next sends; a static one stays."""
    owners: dict[tuple[str, str], PodSite] = {
        (site.bridge_names[pod.name], pod.device.mac): pod
        for pod in site.pods
        if pod.device and pod.device.mac and pod.host_end
    }
    for entry in site.host.fdb:
        pod = owners.get((entry.master, entry.mac))
        if pod is None or pod.host_end is None or entry.device == pod.host_end.name:
            continue
        text = entry.raw or lines.fdb_line(entry)
        yield expect(
            FdbStale,
            site.host,
            f"{entry.master} on node {site.node} sends frames for pod {pod.name} to {entry.device} "
            f"instead of {pod.host_end.name}",
            Evidence(f"bridge {entry.master} on {site.host.id}", text),
            repair=without_fdb(entry),
            level=None if entry.permanent else Level.WARNING,
            fix=f"bridge fdb del {entry.mac} dev {entry.device} master",
        )


def _silent(namespace: Namespace, device: str) -> Iterator[Expectation]:
    settings = Sysctls(namespace.sysctls)
    if not knows(namespace, "sysctls") or settings.highest(device, "arp_ignore") != _IGNORES_ALL:
        return
    names = [f"net.ipv4.conf.{each}.arp_ignore" for each in ("all", device.replace(".", "/"))]
    wrong = [name for name in names if settings.number(name, 0) == _IGNORES_ALL]
    yield expect(
        ArpIgnoreSet,
        namespace,
        f"{place(namespace)} answers no ARP request on {device}",
        sysctl_line(namespace, *wrong),
        repair=set_sysctls(dict.fromkeys(wrong, "0")),
        fix=f"sysctl -w {wrong[0]}=0",
    )
