"""NAT gateways with their entries, and EIPs."""

from __future__ import annotations

from skoop.infra.aliyun.decode.security import protocol
from skoop.infra.aliyun.decode.values import (
    Item,
    address,
    addresses,
    items,
    ports,
    prefix,
    raw,
    required,
    text,
)
from skoop.infra.resources import DnatEntry, Eip, NatGateway, SnatEntry


def nat_gateway(
    item: Item, snats: tuple[Item, ...], dnats: tuple[Item, ...], region: str, owner: str
) -> NatGateway:
    """One of DescribeNatGateways with the entries of its tables."""
    listed = items(item, "IpLists", "IpList")
    return NatGateway(
        id=required(item, "NatGatewayId"),
        name=text(item, "Name"),
        region=text(item, "RegionId") or region,
        owner=owner,
        status=text(item, "Status"),
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
        vpc=text(item, "VpcId"),
        subnet=text(item.get("NatGatewayPrivateInfo") or {}, "VswitchId"),
        public=text(item, "NetworkType") != "intranet",
        active=text(item, "Status") == "Available",
        addresses=addresses(tuple(each.get("IpAddress") for each in listed)),
        snat=tuple(_snat(each) for each in snats),
        dnat=tuple(_dnat(each) for each in dnats),
    )


def _snat(item: Item) -> SnatEntry:
    """An entry for a vSwitch also names its CIDR; one for an instance is a /32."""
    vswitch, cidr = text(item, "SourceVSwitchId"), text(item, "SourceCIDR")
    ips = text(item, "SnatIp").replace(";", ",").split(",")
    return SnatEntry(
        id=required(item, "SnatEntryId"),
        addresses=addresses(tuple(ips)),
        cidr=prefix(cidr) if cidr and not vswitch else None,
        subnet=vswitch,
        active=text(item, "Status") == "Available",
        raw=raw(item),
    )


def _dnat(item: Item) -> DnatEntry:
    return DnatEntry(
        id=required(item, "ForwardEntryId"),
        external=address(required(item, "ExternalIp")),
        internal=address(required(item, "InternalIp")),
        protocol=protocol(text(item, "IpProtocol")),
        external_ports=ports(text(item, "ExternalPort")),
        internal_ports=ports(text(item, "InternalPort")),
        active=text(item, "Status") == "Available",
        raw=raw(item),
    )


def eip(item: Item, region: str, owner: str) -> Eip:
    """One of DescribeEipAddresses."""
    private = text(item, "PrivateIpAddress")
    return Eip(
        id=required(item, "AllocationId"),
        name=text(item, "Name"),
        region=text(item, "RegionId") or region,
        owner=owner,
        status=text(item, "Status"),
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
        address=address(required(item, "IpAddress")),
        bound_to=text(item, "InstanceId"),
        private=address(private) if private else None,
        active=text(item, "BusinessStatus") in ("", "Normal"),
    )
