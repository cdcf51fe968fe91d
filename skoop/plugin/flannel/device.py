"""The tunnel device of a node."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.base import Finding
from skoop.findings.mtu import MtuOverlayOverhead, MtuPodExceedsPath
from skoop.findings.overlay import (
    TunnelDown,
    TunnelLocalIpWrong,
    VniMismatch,
    VtepMissing,
    VxlanPortMismatch,
)
from skoop.findings.sysctl import DisableIpv6Set
from skoop.findings.veth import AddressMissing, MacMismatch
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.disposition import Level
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Address, IpTunnel, Link, Vxlan
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, ipv6_off, link_line, sysctl_line
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.flannel.overlay import Overlay, underlay_link
from skoop.plugin.repair import (
    add_address,
    add_link,
    change_link,
    in_sequence,
    link_up,
    set_sysctls,
)
from skoop.plugin.site import Site, addresses_on, knows


def absent_device(site: Site, overlay: Overlay, own: Lease) -> Expectation:
    """There is no tunnel device."""
    present = ", ".join(link.name for link in site.host.links if link.kind == overlay.kind)
    return expect(
        VtepMissing,
        site.host,
        f"node {site.node} has no {overlay.device}, the device of flannel's {overlay.backend} "
        f"backend",
        Evidence(
            f"ip link on {site.host.id}",
            f"no {overlay.device}" + (f"; {overlay.kind} devices: {present}" if present else ""),
        ),
        Evidence(overlay.source, f"backend {overlay.backend}"),
        repair=_created(site, overlay, own),
    )


def _created(site: Site, overlay: Overlay, own: Lease) -> Repair | None:
    """The device as flannel makes it. A device whose insides skoop does not know is not made up."""
    below = underlay_link(site, own)
    if below is None or (overlay.backend == "vxlan" and not own.mac):
        return None
    link = Link(
        index=0,
        name=overlay.device,
        kind=overlay.kind,
        mac=own.mac,
        mtu=(overlay.mtu or below.mtu) - overlay.overhead,
    )
    if overlay.backend == "vxlan":
        local = (own.family, own.public)
        vxlan = Vxlan(overlay.vni, overlay.port, local, underlay=below.name, learning=False)
        link = replace(link, vxlan=vxlan)
    elif overlay.backend == "ipip":
        link = replace(link, arp=False, tunnel=IpTunnel(own.family, own.public))
    else:
        return None
    return in_sequence((add_link(link), add_address(_vtep_address(overlay.device, own))))


def _vtep_address(device: str, own: Lease) -> Address:
    bits = own.family.bits
    return Address(
        device, own.family, own.subnet.network, Prefix(own.family, own.subnet.network, bits)
    )


def down_device(site: Site, link: Link) -> Expectation:
    """The device is down."""
    return expect(
        TunnelDown,
        site.host,
        f"{link.name}, the tunnel of node {site.node} to the other nodes, is down",
        link_line(site.host, link),
        repair=link_up(link.name),
        fix=f"ip link set dev {link.name} up, then restart flannel on node {site.node}",
    )


def device_settings(site: Site, overlay: Overlay, own: Lease, link: Link) -> Iterator[Expectation]:
    """Parameters of a device that exists."""
    if link.vxlan is not None:
        yield from _numbers(site, overlay, link, link.vxlan)
        yield from _mac(site, own, link)
        yield from _local(site, own, link, link.vxlan.local)
    elif link.tunnel is not None and link.tunnel.local:
        yield from _local(site, own, link, (link.tunnel.family, link.tunnel.local))
    yield from _mtu(site, overlay, own, link)


def _numbers(site: Site, overlay: Overlay, link: Link, vxlan: Vxlan) -> Iterator[Expectation]:
    table: tuple[tuple[type[Finding], str, int, int, Vxlan], ...] = (
        (VniMismatch, "VNI", vxlan.vni, overlay.vni, replace(vxlan, vni=overlay.vni)),
        (VxlanPortMismatch, "port", vxlan.port, overlay.port, replace(vxlan, port=overlay.port)),
    )
    for finding, what, has, wants, right in table:
        if wants and has != wants:
            yield expect(
                finding,
                site.host,
                f"{link.name} on node {site.node} has VXLAN {what} {has}; flannel's is {wants}",
                link_line(site.host, link),
                Evidence(overlay.source, f"{what} {wants}"),
                repair=_with_vxlan(link.name, right),
            )


def _with_vxlan(name: str, vxlan: Vxlan) -> Repair:
    return change_link(name, lambda link: replace(link, vxlan=vxlan))


def _mac(site: Site, own: Lease, link: Link) -> Iterator[Expectation]:
    if own.mac and link.mac != own.mac:
        yield expect(
            MacMismatch,
            site.host,
            f"{link.name} on node {site.node} has MAC {link.mac}; flannel told the other nodes "
            f"{own.mac}",
            link_line(site.host, link),
            own.announced,
            repair=change_link(link.name, lambda old: replace(old, mac=own.mac)),
            fix=f"restart flannel on node {site.node}; it announces the new MAC",
        )


def _local(
    site: Site, own: Lease, link: Link, local: tuple[Family, int] | None
) -> Iterator[Expectation]:
    """The device sends from the card's address; behind a NAT that is not the public one."""
    public = (own.family, own.public)
    if local is None or local == public or not knows(site.host, "addresses"):
        return
    mine = {(each.family, each.value) for each in site.host.addresses}
    if local in mine and (own.overwritten or public not in mine):
        return
    right = (
        public if public in mine else next(iter(site.api.internal_ips if site.api else ()), public)
    )

    def mended(old: Link) -> Link:
        if old.vxlan is not None:
            return replace(old, vxlan=replace(old.vxlan, local=right))
        return replace(old, tunnel=replace(old.tunnel, local=right[1])) if old.tunnel else old

    yield expect(
        TunnelLocalIpWrong,
        site.host,
        f"{link.name} on node {site.node} sends from {format_ip(*local)}; the other nodes know "
        f"it as {own.public_ip}",
        link_line(site.host, link),
        own.announced_ip,
        repair=change_link(link.name, mended),
        level=Level.WARNING if local in mine else None,
    )


def address_lost(site: Site, overlay: Overlay, own: Lease, link: Link) -> Expectation | None:
    """The node's own packets to remote pods leave from the device's address."""
    if overlay.backend not in ("vxlan", "ipip") or not knows(site.host, "addresses"):
        return None
    right = _vtep_address(link.name, own)
    present = addresses_on(site.host, link.name, own.family)
    if any(each.value == right.value for each in present):
        return None
    off = ipv6_off(site.host, link.name) if own.family is Family.V6 else ()
    if off:
        return expect(
            DisableIpv6Set,
            site.host,
            f"IPv6 is switched off on {link.name} of node {site.node}",
            sysctl_line(site.host, *off),
            repair=in_sequence((set_sysctls(dict.fromkeys(off, "0")), add_address(right))),
            fix=f"sysctl -w {off[0]}=0, then restart flannel on node {site.node}",
        )
    has = ", ".join(address_line(each) for each in present)
    return expect(
        AddressMissing,
        site.host,
        f"{link.name} on node {site.node} lacks its address {address_line(right)}",
        Evidence(f"ip addr on {site.host.id}", has or f"no address on {link.name}"),
        repair=add_address(right),
        fix=f"ip addr add {address_line(right)}",
    )


def _mtu(site: Site, overlay: Overlay, own: Lease, link: Link) -> Iterator[Expectation]:
    below = underlay_link(site, own)
    if below is None:
        return
    room = below.mtu - overlay.overhead
    wanted = min(room, (overlay.mtu or below.mtu) - overlay.overhead)
    if link.mtu > room:
        yield expect(
            MtuOverlayOverhead,
            site.host,
            f"{link.name} on node {site.node} has MTU {link.mtu}; {below.name} below it carries "
            f"{below.mtu}, which leaves {room} after {overlay.overhead} bytes of {overlay.backend}",
            link_line(site.host, link),
            link_line(site.host, below),
            repair=change_link(link.name, lambda old: replace(old, mtu=room)),
        )
    widest = max((pod.device.mtu for pod in site.pods if pod.device), default=0)
    if link.mtu < min(wanted, widest):
        yield expect(
            MtuPodExceedsPath,
            site.host,
            f"{link.name} on node {site.node} has MTU {link.mtu}, its pods up to {widest}; it "
            f"could carry {wanted}",
            link_line(site.host, link),
            repair=change_link(link.name, lambda old: replace(old, mtu=wanted)),
        )
    yield from _pod_mtus(site, link, max(wanted, link.mtu))


def _pod_mtus(site: Site, link: Link, limit: int) -> Iterator[Expectation]:
    for pod in site.pods:
        device = pod.device
        if device is not None and device.mtu > limit:
            yield expect(
                MtuPodExceedsPath,
                pod.namespace,
                f"{device.name} of pod {pod.name} has MTU {device.mtu}, but {link.name} on "
                f"node {site.node} carries only {limit}",
                link_line(pod.namespace, device),
                link_line(site.host, link),
                repair=change_link(device.name, lambda old: replace(old, mtu=limit)),
            )
