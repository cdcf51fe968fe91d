"""The wire between a pod and its node."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.bridge import BridgePortUnattached, StpBlocking
from skoop.findings.mtu import MtuNodeMismatch
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
from skoop.plugin.repair import attach, change_link, in_sequence, link_up
from skoop.plugin.site import PodSite, Site, bridge_of, knows


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
    )


def _pod_end(site: Site, pod: PodSite, device: Link) -> Iterator[Expectation]:
    if device.up:
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
    elif end.port is not None and end.up and end.port.state != "forwarding":
        port = replace(end.port, state="forwarding")
        yield expect(
            StpBlocking,
            site.host,
            f"the port {end.name} of pod {pod.name} on bridge {bridge} is {end.port.state}",
            link_line(site.host, end),
            repair=attach(end.name, bridge, port),
        )


def _attached(site: Site, end: Link, bridge: str) -> Repair:
    """Attached with the settings the other pods' ports have."""
    others = (
        each.host_end.port
        for each in site.pods
        if each.host_end and each.host_end.master == bridge and each.host_end.name != end.name
    )
    port = next((each for each in others if each is not None), BridgePort())
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
