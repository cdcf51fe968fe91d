"""The wire between a pod and its node."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.bridge import (
    BridgePortIsolated,
    BridgePortUnattached,
    HairpinOff,
    StpBlocking,
)
from skoop.findings.mtu import MtuNodeMismatch
from skoop.findings.neighbour import ArpSuppressed
from skoop.findings.veth import (
    LinkDown,
    LoopbackDown,
    VethMissing,
    VethPeerDown,
    VethPeerMissing,
    VethWrongMaster,
)
from skoop.model.trace import Evidence
from skoop.netstack.state import BridgePort, Link, Namespace
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, link_line
from skoop.plugin.checks.pod_routes import lost_routes
from skoop.plugin.checks.strayed import has_strayed
from skoop.plugin.repair import attach, change_link, in_sequence, link_up
from skoop.plugin.site import PodSite, Site, bridge_of, knows, link_named


def pod_links(site: Site) -> Iterator[Expectation]:
    """Interfaces of pods, both ends."""
    for pod in site.pods:
        if not knows(pod.namespace, "links"):
            continue
        yield from _loopback(pod)
        if pod.device is None:
            yield _missing(pod)
            continue
        yield from _pod_end(site, pod, pod.device)
        if site.collected and knows(site.host, "links") and pod.device.kind == "veth":
            yield from _host_end(site, pod, pod.device)


def _loopback(pod: PodSite) -> Iterator[Expectation]:
    for link in pod.namespace.links:
        if link.kind == "loopback" and not link.up:
            yield expect(
                LoopbackDown,
                pod.namespace,
                f"the loopback interface of pod {pod.name} is down",
                link_line(pod.namespace, link),
                repair=link_up(link.name),
            )


def _missing(pod: PodSite) -> Expectation:
    present = ", ".join(link.name for link in pod.namespace.links) or "no interface at all"
    return expect(
        VethMissing,
        pod.namespace,
        f"pod {pod.name} has no network interface besides lo",
        Evidence(f"ip link on {pod.namespace.id}", present),
        isolates=True,
    )


def _pod_end(site: Site, pod: PodSite, device: Link) -> Iterator[Expectation]:
    if device.up:
        if not device.arp and bridge_of(site, pod):
            yield expect(
                ArpSuppressed,
                pod.namespace,
                f"{device.name} of pod {pod.name} has ARP switched off: it asks for nobody's MAC "
                f"and answers nobody",
                link_line(pod.namespace, device),
                repair=change_link(device.name, lambda old: replace(old, arp=True)),
            )
        return
    up = link_up(device.name)
    routes = lost_routes(site, replace(pod, namespace=up(pod.namespace)))
    yield expect(
        LinkDown,
        pod.namespace,
        f"{device.name} of pod {pod.name} is down",
        link_line(pod.namespace, device),
        repair=in_sequence((up, *routes)),
    )


def _host_end(site: Site, pod: PodSite, device: Link) -> Iterator[Expectation]:
    end = pod.host_end
    if end is None:
        yield expect(
            VethPeerMissing,
            pod.namespace,
            f"the other end of {device.name} of pod {pod.name} is not on node {site.node}",
            link_line(pod.namespace, device),
            isolates=True,
        )
        return
    if not end.up:
        yield expect(
            VethPeerDown,
            site.host,
            f"{end.name}, the end of pod {pod.name} on node {site.node}, is down",
            link_line(site.host, end),
            repair=link_up(end.name),
        )
    yield from _bridging(site, pod, end)
    yield from _mtu(site, pod, device, end)


def _bridging(site: Site, pod: PodSite, end: Link) -> Iterator[Expectation]:
    bridge = bridge_of(site, pod)
    if not bridge:
        return
    if end.master != bridge and has_strayed(site):
        return
    if end.master != bridge:
        finding = VethWrongMaster if end.master else BridgePortUnattached
        other = end.master or "no bridge"
        yield expect(
            finding,
            site.host,
            f"{end.name} of pod {pod.name} on node {site.node} is attached to {other} instead of "
            f"{bridge}",
            link_line(site.host, end),
            repair=_attached(site, end, bridge),
            fix=f"ip link set dev {end.name} master {bridge}",
        )
    elif end.port is not None and end.up:
        yield from _port(site, pod, end, end.port)


def _port(site: Site, pod: PodSite, end: Link, port: BridgePort) -> Iterator[Expectation]:
    bridge = link_named(site.host, end.master)
    if port.state != "forwarding" and bridge is not None and bridge.up:
        no_carrier = not end.carrier
        yield expect(
            LinkDown if no_carrier else StpBlocking,
            site.host,
            f"{end.name} of pod {pod.name} has no carrier: its other end is down"
            if no_carrier
            else f"the port {end.name} of pod {pod.name} on {end.master} is {port.state}",
            link_line(site.host, end),
            repair=in_sequence(
                (
                    change_link(end.name, lambda old: replace(old, carrier=True, operstate="UP")),
                    attach(end.name, end.master, replace(port, state="forwarding")),
                )
            ),
        )
    if site.cni.hairpin and not port.hairpin:
        yield expect(
            HairpinOff,
            site.host,
            f"the port {end.name} of pod {pod.name} on {end.master} does not send back what the "
            f"pod sends to itself through a Service; the CNI's configuration asks for it",
            link_line(site.host, end),
            repair=attach(end.name, end.master, replace(port, hairpin=True)),
            fix=f"bridge link set dev {end.name} hairpin on",
        )
    if port.isolated and not site.cni.isolation and _isolated(site, end.master) > 1:
        yield expect(
            BridgePortIsolated,
            site.host,
            f"the port {end.name} of pod {pod.name} on {end.master} is isolated from the other "
            f"isolated ones",
            link_line(site.host, end),
            repair=attach(end.name, end.master, replace(port, isolated=False)),
            fix=f"bridge link set dev {end.name} isolated off",
        )


def _isolated(site: Site, bridge: str) -> int:
    return sum(
        1 for link in site.host.links if link.master == bridge and link.port and link.port.isolated
    )


def _attached(site: Site, end: Link, bridge: str) -> Repair:
    """Attached with the settings the other pods' ports have."""
    others = (
        each.host_end.port
        for each in site.pods
        if each.host_end and each.host_end.master == bridge and each.host_end.name != end.name
    )
    port = next((each for each in others if each is not None), BridgePort(hairpin=site.cni.hairpin))
    return attach(end.name, bridge, replace(port, state="forwarding"))


def _mtu(site: Site, pod: PodSite, device: Link, end: Link) -> Iterator[Expectation]:
    """veth_forward_skb(): what is longer than the receiving end's MTU is dropped silently."""
    if device.mtu == end.mtu:
        return
    smaller: tuple[Namespace, Link] = (site.host, end)
    if device.mtu < end.mtu:
        smaller = (pod.namespace, device)
    namespace, link = smaller
    larger = max(device.mtu, end.mtu)
    yield expect(
        MtuNodeMismatch,
        namespace,
        f"the two ends of pod {pod.name}'s veth have different MTUs: {device.name} {device.mtu}, "
        f"{end.name} on node {site.node} {end.mtu}",
        link_line(pod.namespace, device),
        link_line(site.host, end),
        repair=change_link(link.name, lambda old: replace(old, mtu=larger)),
    )
