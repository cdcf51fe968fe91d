"""The network card that flannel chose on a node, by the address it announces."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.node import WrongHostInterface
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import FdbEntry, Link, Vxlan
from skoop.plugin.base import ClusterView, Expectation, Repair
from skoop.plugin.checks.base import expect
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.repair import change_link, in_sequence, set_fdb
from skoop.plugin.site import Site


def wrong_interface(
    site: Site, own: Lease, peers: tuple[Lease, ...], link: Link | None
) -> Iterator[Expectation]:
    """Two nodes announce one address: it is that of a card with the same address everywhere, such
    as the NAT of a virtual machine. An address that was set by hand may be a NAT's."""
    twins = [peer for peer in peers if peer.public == own.public and not peer.overwritten]
    if not twins or own.overwritten:
        return
    names = ", ".join(twin.node for twin in twins)
    held = (each for each in site.host.addresses if each.value == own.public)
    card = next((each for each in held if each.family is own.family), None)
    on_card = (Evidence(f"ip addr on {site.host.id}", address_line(card)),) if card else ()
    yield expect(
        WrongHostInterface,
        site.host,
        f"flannel announces {own.public_ip} for node {site.node}, and for {names} too: it took a "
        "network card that has the same address on each of them",
        own.announced_ip,
        twins[0].announced_ip,
        *on_card,
        repair=_by_internal(site, own, twins, link),
        fix="name the card with --iface in flannel's arguments: "
        "kubectl -n kube-flannel edit daemonset kube-flannel-ds",
    )


def _by_internal(site: Site, own: Lease, twins: list[Lease], link: Link | None) -> Repair | None:
    """The tunnel from and to the nodes' InternalIPs, where the API knows one for each."""
    mine = _internal(site.view, own)
    others = [(twin, ip) for twin in twins if (ip := _internal(site.view, twin)) is not None]
    if link is None or link.vxlan is None or mine is None or len(others) < len(twins):
        return None
    cards = [each.device for each in site.host.addresses if each.value == mine]
    vxlan = replace(link.vxlan, local=(own.family, mine))

    def moved(each: Link) -> Link:
        settings: Vxlan = replace(vxlan, underlay=cards[0]) if cards else vxlan
        return replace(each, vxlan=settings)

    entries = [
        FdbEntry(link.name, twin.mac, self_=True, remote=(own.family, ip), permanent=True)
        for twin, ip in others
        if twin.mac
    ]
    return in_sequence([change_link(link.name, moved), *map(set_fdb, entries)])


def _internal(view: ClusterView, lease: Lease) -> int | None:
    """A node's InternalIP other than the announced address."""
    node = next((each for each in view.inventory.nodes if each.name == lease.node), None)
    listed = node.internal_ips if node else ()
    fitting = (value for family, value in listed if family is lease.family)
    return next((value for value in fitting if value != lease.public), None)
