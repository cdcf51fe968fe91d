"""Which translation a packet gets on its way to or from the internet."""

from __future__ import annotations

from collections.abc import Callable

from skoop.infra.decide.flow import Flow, address_in, port_in, protocol_is
from skoop.infra.resources import DnatEntry, Interface, NatGateway, Public, SnatEntry, Subnet
from skoop.model.address import Family
from skoop.model.kube import Address

Subnets = Callable[[str], Subnet | None]


def public_of(interface: Interface, address: Address) -> Public | None:
    """The public address that stands for a private one."""
    return next((each for each in interface.publics if each.private == address), None)


def snat_entry(
    gateway: NatGateway, source: Address, interface: Interface, subnets: Subnets
) -> SnatEntry | None:
    """The entry for packets of a source that leave by an interface: the most specific network, a
    single instance's being one address. Entries not in force are left out."""
    best: tuple[int, SnatEntry] | None = None
    for each in gateway.snat:
        length = _length(each, source, interface, subnets) if each.active else -1
        if length >= 0 and (best is None or length > best[0]):
            best = (length, each)
    return best[1] if best else None


def idle_snat_entry(
    gateway: NatGateway, source: Address, interface: Interface, subnets: Subnets
) -> SnatEntry | None:
    """An entry that covers the source but is not in force."""
    for each in gateway.snat:
        if not each.active and _length(each, source, interface, subnets) >= 0:
            return each
    return None


def _length(
    entry: SnatEntry, source: Address, interface: Interface, subnets: Subnets
) -> int:  # fmt: skip
    """How specific an entry is about a source, -1 when it is not about it."""
    family, value = source
    if entry.instance:
        mine = entry.instance in (interface.instance, interface.id) and interface.has(source)
        return family.bits + 1 if mine else -1
    if entry.subnet:
        subnet = subnets(entry.subnet)
        cidrs = subnet.cidrs if subnet is not None else ()
        lengths = [each.length for each in cidrs if address_in(each, family, value)]
        return max(lengths, default=-1)
    cidr = entry.cidr
    return cidr.length if cidr is not None and address_in(cidr, family, value) else -1


def dnat_entry(gateway: NatGateway, flow: Flow) -> DnatEntry | None:
    """The entry that takes a packet from outside; one for a port goes before one for all."""
    found = [
        each
        for each in gateway.dnat
        if each.active
        and each.external == flow.destination
        and protocol_is(each.protocol, flow)
        and port_in(each.external_ports, flow.dport, flow)
    ]
    found.sort(key=lambda each: each.external_ports.last - each.external_ports.first)
    return found[0] if found else None


def inner_port(entry: DnatEntry, port: int) -> int:
    """The private port that a public one leads to."""
    if entry.external_ports.is_any or entry.internal_ports.is_any or port <= 0:
        return port
    return entry.internal_ports.first + port - entry.external_ports.first


_PRIVATE_V4 = ((10, 8), (0xAC1, 12), (0xC0A8, 16))


def is_private(family: Family, address: int) -> bool:
    """RFC 1918, or fc00::/7."""
    if family is Family.V6:
        return address >> 121 == 0x7E
    return any(address >> (32 - length) == start for start, length in _PRIVATE_V4)
