"""The tunnel device of a node."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
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
from skoop.plugin.repair import (
    add_address,
    add_link,
    change_link,
    in_sequence,
    link_up,
    set_sysctls,
)
from skoop.plugin.site import Site, addresses_on, knows, link_named


class TunnelEnd(Struct, frozen=True, kw_only=True):
    """A node's end of a tunnel as its CNI should have made it.

    `mode` is the CNI's word for it. `address` is the device's own, 0 when not known, and `public`
    the node's that the others know; behind a NAT (`translated`) the node may not have that one.
    `mtu` is what the configuration asks for, 0 for what the card leaves; `overhead` the bytes that
    the tunnel adds. `below` is the card, None when not found. An outer address of 0 in `local`
    means that the device leaves it to the route. `source` is where the settings are written.
    """

    cni: str
    mode: str
    device: str
    kind: str
    family: Family
    address: int
    public: int
    local: int
    mac: str
    vni: int
    port: int
    overhead: int
    mtu: int
    below: Link | None
    source: str
    announced_mac: Evidence
    announced_ip: Evidence
    translated: bool = False

    @property
    def own(self) -> Address:
        """The device's address."""
        host = Prefix(self.family, self.address, self.family.bits)
        return Address(self.device, self.family, self.address, host)


def absent_device(site: Site, end: TunnelEnd) -> Expectation:
    """There is no tunnel device."""
    present = ", ".join(link.name for link in site.host.links if link.kind == end.kind)
    return expect(
        VtepMissing,
        site.host,
        f"node {site.node} has no {end.device}, the device of {end.cni}'s {end.mode}",
        Evidence(
            f"ip link on {site.host.id}",
            f"no {end.device}" + (f"; {end.kind} devices: {present}" if present else ""),
        ),
        Evidence(end.source, end.mode),
        repair=_created(end),
    )


def _created(end: TunnelEnd) -> Repair | None:
    """The device as the CNI makes it. A device whose insides skoop does not know is not made up."""
    below = end.below
    if below is None or (end.kind == "vxlan" and not end.mac):
        return None
    mtu = min(end.mtu or below.mtu, below.mtu - end.overhead)
    link = Link(index=0, name=end.device, kind=end.kind, mac=end.mac, mtu=mtu)
    if end.kind == "vxlan":
        local = (end.family, end.local)
        vxlan = Vxlan(end.vni, end.port, local, underlay=below.name, learning=False)
        link = replace(link, vxlan=vxlan)
    elif end.kind == "ipip":
        link = replace(link, arp=False, tunnel=IpTunnel(end.family, end.local))
    else:
        return None
    steps = [add_link(link)]
    steps += [add_address(end.own)] if end.address else []
    return in_sequence(steps)


def down_device(site: Site, end: TunnelEnd, link: Link) -> Expectation:
    """The device is down."""
    return expect(
        TunnelDown,
        site.host,
        f"{link.name}, the tunnel of node {site.node} to the other nodes, is down",
        link_line(site.host, link),
        repair=link_up(link.name),
        fix=f"ip link set dev {link.name} up, then restart {end.cni} on node {site.node}",
    )


def device_settings(site: Site, end: TunnelEnd, link: Link) -> Iterator[Expectation]:
    """Parameters of a device that exists."""
    if link.vxlan is not None:
        yield from _numbers(site, end, link, link.vxlan)
        yield from _mac(site, end, link)
        yield from _local(site, end, link, link.vxlan.local)
    elif link.tunnel is not None and link.tunnel.local:
        yield from _local(site, end, link, (link.tunnel.family, link.tunnel.local))
    yield from _mtu(site, end, link)


def _numbers(site: Site, end: TunnelEnd, link: Link, vxlan: Vxlan) -> Iterator[Expectation]:
    table: tuple[tuple[type[Finding], str, int, int, Vxlan], ...] = (
        (VniMismatch, "VNI", vxlan.vni, end.vni, replace(vxlan, vni=end.vni)),
        (VxlanPortMismatch, "port", vxlan.port, end.port, replace(vxlan, port=end.port)),
    )
    for finding, what, has, wants, right in table:
        if wants and has != wants:
            yield expect(
                finding,
                site.host,
                f"{link.name} on node {site.node} has VXLAN {what} {has}; {end.cni}'s is {wants}",
                link_line(site.host, link),
                Evidence(end.source, f"{what} {wants}"),
                repair=_with_vxlan(link.name, right),
            )


def _with_vxlan(name: str, vxlan: Vxlan) -> Repair:
    return change_link(name, lambda link: replace(link, vxlan=vxlan))


def _mac(site: Site, end: TunnelEnd, link: Link) -> Iterator[Expectation]:
    if end.mac and link.mac != end.mac:
        yield expect(
            MacMismatch,
            site.host,
            f"{link.name} on node {site.node} has MAC {link.mac}; {end.cni} told the other nodes "
            f"{end.mac}",
            link_line(site.host, link),
            end.announced_mac,
            repair=change_link(link.name, lambda old: replace(old, mac=end.mac)),
            fix=f"restart {end.cni} on node {site.node}; it announces the new MAC",
        )


def _local(
    site: Site, end: TunnelEnd, link: Link, local: tuple[Family, int] | None
) -> Iterator[Expectation]:
    """The device sends from the card's address; behind a NAT that is not the public one."""
    public = (end.family, end.public)
    if local is None or local == public or not knows(site.host, "addresses"):
        return
    mine = {(each.family, each.value) for each in site.host.addresses}
    if local in mine and (end.translated or public not in mine):
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
        f"it as {format_ip(*public)}",
        link_line(site.host, link),
        end.announced_ip,
        repair=change_link(link.name, mended),
        level=Level.WARNING if local in mine else None,
    )


def address_lost(site: Site, end: TunnelEnd, link: Link) -> Expectation | None:
    """The node's own packets to remote pods leave from the device's address."""
    if end.kind not in ("vxlan", "ipip") or not end.address or not knows(site.host, "addresses"):
        return None
    right = replace(end.own, device=link.name)
    present = addresses_on(site.host, link.name, end.family)
    if any(each.value == right.value for each in present):
        return None
    off = ipv6_off(site.host, link.name) if end.family is Family.V6 else ()
    if off:
        return expect(
            DisableIpv6Set,
            site.host,
            f"IPv6 is switched off on {link.name} of node {site.node}",
            sysctl_line(site.host, *off),
            repair=in_sequence((set_sysctls(dict.fromkeys(off, "0")), add_address(right))),
            fix=f"sysctl -w {off[0]}=0, then restart {end.cni} on node {site.node}",
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


def _mtu(site: Site, end: TunnelEnd, link: Link) -> Iterator[Expectation]:
    below = end.below
    if below is None:
        return
    room = below.mtu - end.overhead
    wanted = min(room, end.mtu or room)
    if link.mtu > room:
        yield expect(
            MtuOverlayOverhead,
            site.host,
            f"{link.name} on node {site.node} has MTU {link.mtu}; {below.name} below it carries "
            f"{below.mtu}, which leaves {room} after {end.overhead} bytes of {end.mode}",
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


def card_with(site: Site, addresses: tuple[tuple[Family, int], ...]) -> Link | None:
    """The device with the first of some addresses that the node has."""
    for ip in addresses:
        for address in site.host.addresses:
            if (address.family, address.value) == ip:
                return link_named(site.host, address.device)
    return None
