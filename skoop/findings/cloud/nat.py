"""Causes in NAT gateways and public addresses."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class CloudNatNoPublicIp(Finding):
    """Nothing gives the packet a public address.

    What it means: The route leads to the internet, but the interface has no public address and
    no NAT gateway is on the way (no-public-ip).
    Why it matters: The internet does not route private addresses.
    How to fix: Bind an EIP to the interface, or route by a NAT gateway.
        skoop cloud PROVIDER eip-list
    """

    code = "CLOUD031"
    name = "cloud-nat-no-public-ip"
    level = Level.FATAL


class CloudNatGatewayMissing(Finding):
    """There is no NAT gateway on the way out.

    What it means: The VPC has no default route to a NAT gateway, or the gateway it names does
    not exist or is not active (gateway-missing).
    Why it matters: Private addresses have no way to the internet.
    How to fix: Create a NAT gateway and a default route to it.
        skoop cloud PROVIDER nat-list
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD032"
    name = "cloud-nat-gateway-missing"
    level = Level.FATAL


class CloudNatSnatEntryMissing(Finding):
    """The NAT gateway has no SNAT entry for the source.

    What it means: No active SNAT entry covers the packet's source: not its subnet, its
    instance, nor a CIDR around it (snat-entry-missing).
    Why it matters: The gateway drops what it is not told to translate.
    How to fix: Add an entry for the subnet, or for the pod network when pods keep their
    addresses.
        skoop cloud PROVIDER snat-list
    """

    code = "CLOUD033"
    name = "cloud-nat-snat-entry-missing"
    level = Level.FATAL


class CloudNatDnatEntryMissing(Finding):
    """The NAT gateway has no DNAT entry for the port.

    What it means: The public address belongs to a NAT gateway, and no active entry forwards
    this protocol and port (dnat-entry-missing).
    Why it matters: Packets from outside end at the gateway.
    How to fix: Add a DNAT entry for the port, or use a load balancer.
        skoop cloud PROVIDER dnat-list
    """

    code = "CLOUD034"
    name = "cloud-nat-dnat-entry-missing"
    level = Level.FATAL


class CloudNatNoEips(Finding):
    """The NAT gateway has no public address.

    What it means: An SNAT entry covers the source, but no EIP is bound that it could translate
    to (no-eips).
    Why it matters: Nothing leaves by this gateway.
    How to fix: Bind an EIP to the gateway and name it in the entry.
        skoop cloud PROVIDER nat-list
        skoop cloud PROVIDER eip-list
    """

    code = "CLOUD035"
    name = "cloud-nat-no-eips"
    level = Level.FATAL


class CloudNatPortsExhausted(Finding):
    """The NAT gateway has no ports left.

    What it means: The cloud reports that the gateway's addresses have no free port for new
    connections (ports-exhausted).
    Why it matters: New connections fail now and then, more often to one busy destination.
    How to fix: Add EIPs to the SNAT entry.
        skoop cloud PROVIDER snat-list
    """

    code = "CLOUD036"
    name = "cloud-nat-ports-exhausted"
    level = Level.CRITICAL


class CloudNatEipUnbound(Finding):
    """The public address is bound to nothing.

    What it means: The EIP exists, but no interface, load balancer or gateway has it (eip-
    unbound).
    Why it matters: Packets for it are dropped at the edge of the cloud.
    How to fix: Bind it to what should answer.
        skoop cloud PROVIDER eip-list
    """

    code = "CLOUD037"
    name = "cloud-nat-eip-unbound"
    level = Level.FATAL


class CloudNatPrivateDestinationToInternet(Finding):
    """A private address is sent towards the internet.

    What it means: The destination is a private address, and the only route that covers it leads
    to the internet (private-destination-to-internet).
    Why it matters: Nobody out there has such an address; the packet is dropped.
    How to fix: Add a route to the network that has it: a peering, a VPN, or the other VPC.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD038"
    name = "cloud-nat-private-destination-to-internet"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    CloudNatNoPublicIp,
    CloudNatGatewayMissing,
    CloudNatSnatEntryMissing,
    CloudNatDnatEntryMissing,
    CloudNatNoEips,
    CloudNatPortsExhausted,
    CloudNatEipUnbound,
    CloudNatPrivateDestinationToInternet,
)
