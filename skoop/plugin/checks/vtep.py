"""What a CNI writes for each peer of a VXLAN network besides the route: the neighbour entry of the
other end of the tunnel, and its forwarding entry. Nobody asks for either."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from skoop.findings.neighbour import NeighbourMissing, NeighbourWrongMac
from skoop.findings.overlay import FdbMissing, TunnelRemoteWrong, VniMismatch, VxlanPortMismatch
from skoop.model.address import Family, format_ip
from skoop.model.disposition import Level
from skoop.model.trace import Evidence
from skoop.netstack.state import FdbEntry, Link, Neighbour
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect, fdb_line, neighbour_line
from skoop.plugin.repair import set_fdb, set_neighbour
from skoop.plugin.site import Site, knows
from skoop.plugin.tables import Tables


class Vtep(Struct, frozen=True, kw_only=True):
    """The other end: its own address and MAC, and the node's address that tunnel packets go to
    (`public`). `cni` is who writes the entries; the two lines are where it told MAC and address."""

    cni: str
    node: str
    family: Family
    address: int
    mac: str
    public: int
    announced_mac: Evidence
    announced_ip: Evidence


def vtep_neighbour(site: Site, tables: Tables, link: Link, peer: Vtep) -> Iterator[Expectation]:
    """The MAC of the peer's end is written, never asked."""
    if not peer.mac or not knows(site.host, "neighbours"):
        return
    ip = format_ip(peer.family, peer.address)
    right = Neighbour(link.name, peer.family, peer.address, peer.mac, "PERMANENT")
    entry = tables.neighbours.get((link.name, peer.family, peer.address))
    fix = f"ip neigh replace {ip} lladdr {peer.mac} dev {link.name} nud permanent"
    if entry is None or not entry.mac:
        line = (
            neighbour_line(site.host, entry)
            if entry
            else Evidence(f"ip neigh on {site.host.id}", f"no entry for {ip} dev {link.name}")
        )
        yield expect(
            NeighbourMissing,
            site.host,
            f"{peer.cni} never wrote the neighbour entry for the tunnel end of node {peer.node} "
            f"({ip}, {peer.mac}) on node {site.node}",
            line,
            repair=set_neighbour(right),
            fix=fix,
        )
    elif entry.mac != peer.mac:
        yield expect(
            NeighbourWrongMac,
            site.host,
            f"node {site.node} takes {entry.mac} for the tunnel end of node {peer.node} ({ip}); "
            f"it is {peer.mac}",
            neighbour_line(site.host, entry),
            peer.announced_mac,
            repair=set_neighbour(right),
            fix=fix,
        )
    elif not entry.is_fixed:
        yield expect(
            NeighbourMissing,
            site.host,
            f"the neighbour entry of node {site.node} for the tunnel end of node {peer.node} "
            f"({ip}) is not permanent; when it ages out, nobody answers for it",
            neighbour_line(site.host, entry),
            repair=set_neighbour(right),
            level=Level.WARNING,
            fix=fix,
        )


def forwarding_entry(site: Site, tables: Tables, link: Link, peer: Vtep) -> Iterator[Expectation]:
    """The MAC of the peer's end leads to the peer's public address."""
    if not peer.mac or not knows(site.host, "fdb"):
        return
    remote = (peer.family, peer.public)
    public = format_ip(*remote)
    right = FdbEntry(link.name, peer.mac, self_=True, remote=remote, permanent=True)
    entries = tables.fdb.get((link.name, peer.mac), ())
    fix = f"bridge fdb replace {peer.mac} dev {link.name} dst {public} self permanent"
    if not entries:
        yield expect(
            FdbMissing,
            site.host,
            f"{peer.cni} never wrote the forwarding entry for node {peer.node} (VTEP {peer.mac}, "
            f"{public}) on node {site.node}",
            Evidence(f"fdb of {link.name} on {site.host.id}", f"no entry for {peer.mac}"),
            peer.announced_mac,
            repair=set_fdb(right),
            fix=fix,
        )
        return
    entry = entries[0]
    line = fdb_line(site.host, entry)
    if entry.remote != remote:
        yield expect(
            TunnelRemoteWrong,
            site.host,
            f"node {site.node} sends tunnel packets for node {peer.node} to "
            f"{format_ip(*(entry.remote or remote))}; it is {public}",
            line,
            peer.announced_ip,
            repair=set_fdb(right),
            fix=fix,
        )
    yield from _own_parameters(site, link, peer, entry, line)


def _own_parameters(
    site: Site, link: Link, peer: Vtep, entry: FdbEntry, line: Evidence
) -> Iterator[Expectation]:
    """An entry may carry a VNI and a port of its own; a CNI's never do."""
    device = link.vxlan
    if device is None:
        return
    for finding, own, default, what in (
        (VniMismatch, entry.vni, device.vni, "VNI"),
        (VxlanPortMismatch, entry.port, device.port, "port"),
    ):
        if own not in (-1, default):
            yield expect(
                finding,
                site.host,
                f"the forwarding entry of node {site.node} for node {peer.node} has {what} {own}, "
                f"{link.name} has {default}",
                line,
                repair=set_fdb(replace(entry, vni=-1, port=-1, raw="")),
            )
