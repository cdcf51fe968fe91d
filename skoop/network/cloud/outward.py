"""Out to the internet, and in from it: public addresses and NAT gateways."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.findings.cloud.account import CloudCrossSubscription, CloudPortClosed
from skoop.findings.cloud.nat import (
    CloudNatDnatEntryMissing,
    CloudNatEipUnbound,
    CloudNatGatewayMissing,
    CloudNatNoEips,
    CloudNatNoPublicIp,
    CloudNatPortsExhausted,
    CloudNatSnatEntryMissing,
)
from skoop.infra.capability import Capability
from skoop.infra.decide import nat
from skoop.infra.decide.flow import Flow
from skoop.infra.resources import (
    Eip,
    Interface,
    NatGateway,
    NextHopKind,
    Public,
    Resource,
    Subnet,
)
from skoop.model.address import format_ip
from skoop.model.disposition import Disposition
from skoop.model.kube import Address
from skoop.model.packet import ANY_PORT
from skoop.model.trace import Evidence
from skoop.network.cloud.passing import Fault, Passing, Trouble, Unsure
from skoop.network.cloud.routing import ToInternet
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import evidence

INTERNET = "the internet"


def out(passing: Passing, interface: Interface, to: ToInternet) -> Trouble | None:
    """Give the packet a public source. What stops it, None when it is on the internet."""
    closed = _closed(passing, interface)
    if closed is not None:
        return closed
    view, packet = passing.view, passing.packet
    own = nat.public_of(interface, (packet.family, packet.src))
    by_gateway = to.via is not None and to.via.kind is NextHopKind.NAT_GATEWAY
    if not view.looks(Capability.PUBLIC_ADDRESSES):
        own = None
    if own is not None and (not by_gateway or view.dialect.public_first):
        return _by_public(passing, interface, own)
    trouble: Trouble | None = None
    if to.via is not None and by_gateway:
        trouble = _by_gateway(passing, interface, to.via.id)
    elif view.looks(Capability.NAT) or to.via is not None:
        trouble = _no_way_out(passing, interface, to)
    else:
        return Unsure(f"by which public address {interface.vpc} lets it out was not read")
    if trouble is not None and not view.looks(Capability.PUBLIC_ADDRESSES):
        return Unsure(f"whether {packet.source} has a public address of its own was not asked")
    return trouble


def _closed(passing: Passing, interface: Interface) -> Fault | None:
    packet = passing.packet
    for each in passing.view.dialect.closed_outbound:
        if (each.protocol, each.port) == (packet.proto, packet.dport):
            return Fault(
                finding=CloudPortClosed, resource=interface,
                message=f"Outbound port {each.port} is closed: {each.why}.",
                evidence=(Evidence(passing.view.tree.platform, each.why),),
            )  # fmt: skip
    return None


def _no_way_out(passing: Passing, interface: Interface, to: ToInternet) -> Fault:
    view = passing.view
    gateways = [each for each in view.gateways() if each.vpc == interface.vpc]
    if to.via is None and gateways and to.trouble is not None:
        return to.trouble
    finding = CloudNatNoPublicIp if to.via is not None else CloudNatGatewayMissing
    missing = "no NAT gateway is on its way" if gateways or to.via else "its VPC has no NAT gateway"
    return Fault(
        finding=finding, resource=interface,
        message=f"{passing.packet.source} has no public address, and {missing}.",
        evidence=(
            Evidence(view.gid(interface), f"no public address for {passing.packet.source}"),
            *(to.trouble.evidence if to.trouble is not None else ()),
        ),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def _by_public(passing: Passing, interface: Interface, own: Public) -> Trouble | None:
    view, before = passing.view, passing.packet
    place = _enter_public(passing, interface, own)
    _of_another_account(passing, interface, place)
    passing.turn(
        replace(before, src=own.public[1]),
        f"source {before.source} becomes {format_ip(*own.public)}",
        evidence(view, place, f"{format_ip(*own.public)} for {before.source}"),
    )
    passing.remember(place, before, passing.packet)
    return None


def _enter_public(passing: Passing, interface: Interface, own: Public) -> Resource:
    eip = passing.view.tree.find(Eip, own.eip) if own.eip else None
    if eip is not None:
        passing.enter(eip)
        return eip
    passing.enter_made_up(
        f"{interface.region}/{interface.id}/public", f"public address of {interface.id}"
    )
    return interface


def _by_gateway(passing: Passing, interface: Interface, id_: str) -> Trouble | None:
    view, before = passing.view, passing.packet
    gateway = view.tree.find(NatGateway, id_)
    if not view.looks(Capability.NAT):
        return Unsure(f"what NAT gateway {id_} does with it was not read")
    if gateway is None:
        return Fault(
            finding=CloudNatGatewayMissing, resource=interface,
            message=f"The route leads to NAT gateway {id_}, which does not exist.",
            evidence=(Evidence(view.gid(interface), f"next hop {id_}"),),
            disposition=Disposition.NO_ROUTE,
        )  # fmt: skip
    passing.enter(gateway)
    _of_another_account(passing, interface, gateway)
    if not gateway.active or not gateway.public:
        what = "not active" if not gateway.active else "for private networks only"
        return _gateway_fault(
            passing, gateway, CloudNatGatewayMissing, f"is {what}: {gateway.status or 'intranet'}"
        )
    return _by_entry(passing, interface, gateway, before.source)


def _by_entry(
    passing: Passing, interface: Interface, gateway: NatGateway, source: str
) -> Trouble | None:
    view, before = passing.view, passing.packet
    address = (before.family, before.src)
    entry = nat.snat_entry(gateway, address, interface, _subnets(view))
    if entry is None:
        idle = nat.idle_snat_entry(gateway, address, interface, _subnets(view))
        why = f", and {idle.id} is not in force" if idle else ""
        return _gateway_fault(
            passing, gateway, CloudNatSnatEntryMissing,
            f"has no SNAT entry for {source} ({len(gateway.snat)} entries){why}",
        )  # fmt: skip
    usable = [each for each in entry.addresses if each[0] is before.family]
    if not usable:
        return _gateway_fault(
            passing,
            gateway,
            CloudNatNoEips,
            f"has no public address for entry {entry.id}",
            entry.id,
        )
    text = f"{source} becomes {_texts(usable)}"
    shown = Evidence(view.gid(gateway, entry.id), entry.raw or text)
    if gateway.exhausted:
        passing.doubt(
            Fault(
                finding=CloudNatPortsExhausted, resource=gateway, part=entry.id,
                message=f"NAT gateway {gateway.id} reports that {_texts(usable)} have no free "
                "ports left.",
                evidence=(shown,),
            )
        )  # fmt: skip
    sport = ANY_PORT if before.sport else 0
    passing.turn(
        replace(before, src=usable[0][1], sport=sport),
        f"source {source} becomes {_texts(usable)} by entry {entry.id}",
        shown,
    )
    passing.remember(gateway, before, passing.packet)
    return None


def _texts(addresses: list[Address]) -> str:
    return ", ".join(format_ip(*each) for each in addresses)


def _subnets(view: View) -> nat.Subnets:
    return lambda id_: view.tree.find(Subnet, id_)


def _gateway_fault(
    passing: Passing, gateway: NatGateway, finding: type, what: str, part: str = ""
) -> Fault:
    return Fault(
        finding=finding, resource=gateway, part=part,
        message=f"NAT gateway {gateway.id} {what}.",
        evidence=(evidence(passing.view, gateway, f"NAT gateway {gateway.id} {what}"),),
    )  # fmt: skip


def _of_another_account(passing: Passing, interface: Interface, other: Resource) -> None:
    """What serves an interface should belong to its subscription."""
    if not passing.view.looks(Capability.SUBSCRIPTIONS):
        return
    if not other.owner or not interface.owner or other.owner == interface.owner:
        return
    view = passing.view
    passing.doubt(
        Fault(
            finding=CloudCrossSubscription, resource=other,
            message=f"{other.kind.value} {other.id} belongs to subscription {other.owner}, "
            f"{interface.id} to {interface.owner}.",
            evidence=(
                Evidence(view.gid(other), f"owner {other.owner}"),
                Evidence(view.gid(interface), f"owner {interface.owner}"),
            ),
        )
    )  # fmt: skip


# --- in from the internet --------------------------------------------------------------------


def inward(passing: Passing) -> Interface | Trouble | None:
    """The interface that a packet for a public address reaches, with its private address in the
    packet; what stops it; None when nothing that was read has the address."""
    view, before = passing.view, passing.packet
    address = (before.family, before.dst)
    found = view.public_at(address)
    if found is not None:
        interface, private = found
        public = nat.public_of(interface, private)
        assert public is not None
        place = _enter_public(passing, interface, public)
        _of_another_account(passing, interface, place)
        _turn_inward(passing, place, private[1], before.dport)
        return interface
    for gateway in view.gateways():
        if address in gateway.addresses:
            return _by_dnat(passing, gateway)
    eip = view.eip_at(address)
    if eip is None:
        return None
    passing.enter(eip)
    return Fault(
        finding=CloudNatEipUnbound, resource=eip,
        message=f"EIP {eip.id} ({before.destination}) is bound to "
        f"{eip.bound_to or 'nothing'}" + (", which was not found." if eip.bound_to else "."),
        evidence=(evidence(view, eip, f"bound to {eip.bound_to or 'nothing'}"),),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def _by_dnat(passing: Passing, gateway: NatGateway) -> Interface | Trouble:
    view, before = passing.view, passing.packet
    passing.enter(gateway)
    if not gateway.active:
        return _gateway_fault(passing, gateway, CloudNatGatewayMissing, "is not active")
    entry = nat.dnat_entry(gateway, Flow.of(before))
    if entry is None:
        return _gateway_fault(
            passing, gateway, CloudNatDnatEntryMissing,
            f"has no DNAT entry for {before.destination} port {before.dport}",
        )  # fmt: skip
    target = view.at(entry.internal, gateway.vpc)
    if target is None:
        return _gateway_fault(
            passing, gateway, CloudNatDnatEntryMissing,
            f"leads to {format_ip(*entry.internal)}, which no network interface has", entry.id,
        )  # fmt: skip
    port = nat.inner_port(entry, before.dport)
    _turn_inward(passing, gateway, entry.internal[1], port, entry.id, entry.raw)
    return target


def _turn_inward(
    passing: Passing, place: Resource, address: int, port: int, part: str = "", raw: str = ""
) -> None:
    before = passing.packet
    after = replace(before, dst=address, dport=port)
    text = f"destination {before.destination} becomes {after.destination}"
    if after.dport != before.dport:
        text += f" port {after.dport}"
    passing.turn(after, text, Evidence(passing.view.gid(place, part), raw or text))
    passing.remember(place, before, after)
