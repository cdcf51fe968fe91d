"""VPCs, vSwitches, route tables and network ACLs."""

from __future__ import annotations

from skoop.infra.aliyun.decode.security import protocol
from skoop.infra.aliyun.decode.values import (
    Item,
    items,
    number,
    ports,
    prefix,
    prefixes,
    raw,
    required,
    text,
    values,
)
from skoop.infra.resources import (
    AclRule,
    Action,
    NetworkAcl,
    NextHop,
    NextHopKind,
    PeeredVpc,
    Peering,
    Route,
    RouteOrigin,
    RouteState,
    RouteTable,
    Subnet,
    Vpc,
)


def vpc(item: Item, region: str) -> Vpc:
    """One of DescribeVpcs."""
    cidrs = (
        item.get("CidrBlock"),
        *values(item, "SecondaryCidrBlocks", "SecondaryCidrBlock"),
        item.get("Ipv6CidrBlock"),
    )
    return Vpc(
        id=required(item, "VpcId"),
        name=text(item, "VpcName"),
        region=text(item, "RegionId") or region,
        owner=text(item, "OwnerId"),
        status=text(item, "Status"),
        raw=raw(item),
        cidrs=prefixes(cidrs),
        user_cidrs=prefixes(values(item, "UserCidrs", "UserCidr")),
    )


def vswitch(item: Item, region: str) -> Subnet:
    """One of DescribeVSwitches."""
    return Subnet(
        id=required(item, "VSwitchId"),
        name=text(item, "VSwitchName"),
        region=region,
        owner=text(item, "OwnerId"),
        status=text(item, "Status"),
        raw=raw(item),
        vpc=text(item, "VpcId"),
        zone=text(item, "ZoneId"),
        cidrs=prefixes((item.get("CidrBlock"), item.get("Ipv6CidrBlock"))),
        route_table=text(item.get("RouteTable") or {}, "RouteTableId"),
        acl=text(item, "NetworkAclId"),
    )


def route_table(item: Item, routes: tuple[Item, ...], region: str) -> RouteTable:
    """One of DescribeRouteTableList, with its DescribeRouteEntryList.

    The quota of a table can be raised, and is told by another API; so a table is taken to be full
    only when it holds exactly as many custom entries as it may at first.
    """
    custom = sum(1 for each in routes if text(each, "Type") == "Custom")
    return RouteTable(
        id=required(item, "RouteTableId"),
        name=text(item, "RouteTableName"),
        region=region,
        owner=text(item, "OwnerId"),
        status=text(item, "Status"),
        raw=raw(item),
        vpc=text(item, "VpcId"),
        main=text(item, "RouteTableType") == "System",
        subnets=tuple(str(each) for each in values(item, "VSwitchIds", "VSwitchId")),
        routes=tuple(_route(each) for each in routes),
        quota=CUSTOM_ENTRIES if custom == CUSTOM_ENTRIES else 0,
    )


CUSTOM_ENTRIES = 200
"""https://www.alibabacloud.com/help/en/vpc/product-overview/limits-and-quotas"""


_KINDS = {
    "local": NextHopKind.LOCAL,
    "Instance": NextHopKind.INSTANCE,
    "NetworkInterface": NextHopKind.INTERFACE,
    "HaVip": NextHopKind.OTHER,
    "NatGateway": NextHopKind.NAT_GATEWAY,
    "Ipv6Gateway": NextHopKind.INTERNET_GATEWAY,
    "IPv6Gateway": NextHopKind.INTERNET_GATEWAY,
    "Ipv4Gateway": NextHopKind.INTERNET_GATEWAY,
    "VpcPeer": NextHopKind.PEERING,
    "RouterInterface": NextHopKind.PEERING,
    "Attachment": NextHopKind.PEERING,
    "service": NextHopKind.SERVICE,
}
_STATES = {
    "Available": RouteState.ACTIVE,
    "Pending": RouteState.PENDING,
    "Modifying": RouteState.ACTIVE,
    "Blackhole": RouteState.BLACKHOLE,
    "BlackHole": RouteState.BLACKHOLE,
}
_ORIGINS = {
    "System": RouteOrigin.SYSTEM,
    "Custom": RouteOrigin.CUSTOM,
    "BGP": RouteOrigin.DYNAMIC,
    "CEN": RouteOrigin.DYNAMIC,
    "ECR": RouteOrigin.DYNAMIC,
    "RouteTableSync": RouteOrigin.DYNAMIC,
}


def _route(item: Item) -> Route:
    return Route(
        id=required(item, "RouteEntryId"),
        destination=prefix(required(item, "DestinationCidrBlock")),
        next_hops=tuple(_next_hop(each) for each in items(item, "NextHops", "NextHop")),
        state=_STATES.get(text(item, "Status"), RouteState.INACTIVE),
        origin=_ORIGINS.get(text(item, "Type"), RouteOrigin.CUSTOM),
        name=text(item, "RouteEntryName"),
        raw=raw(item),
    )


def _next_hop(item: Item) -> NextHop:
    """A hop. Aliyun writes weight 0 for a route with one hop; NextHop.weight 0 would mean never."""
    kind = _KINDS.get(text(item, "NextHopType"), NextHopKind.OTHER)
    hop = text(item, "NextHopId")
    if kind is NextHopKind.OTHER:
        hop = f"{text(item, 'NextHopType')} {hop}".strip()
    return NextHop(kind, hop, text(item, "NextHopRegionId"), number(item, "Weight") or 1)


def network_acl(item: Item, region: str) -> NetworkAcl:
    """One of DescribeNetworkAcls. What no entry matches is dropped."""
    return NetworkAcl(
        id=required(item, "NetworkAclId"),
        name=text(item, "NetworkAclName"),
        region=region,
        owner=text(item, "OwnerId"),
        status=text(item, "Status"),
        raw=raw({key: one for key, one in item.items() if not key.endswith("Entries")}),
        vpc=text(item, "VpcId"),
        subnets=tuple(
            text(each, "ResourceId")
            for each in items(item, "Resources", "Resource")
            if text(each, "Status") in ("BINDED", "")
        ),
        ingress=tuple(
            _acl_rule(each, "SourceCidrIp", f"ingress-{place}")
            for place, each in enumerate(items(item, "IngressAclEntries", "IngressAclEntry"))
        ),
        egress=tuple(
            _acl_rule(each, "DestinationCidrIp", f"egress-{place}")
            for place, each in enumerate(items(item, "EgressAclEntries", "EgressAclEntry"))
        ),
    )


def _acl_rule(item: Item, side: str, place: str) -> AclRule:
    cidr = text(item, side)
    return AclRule(
        id=text(item, "NetworkAclEntryId") or place,
        action=Action.ACCEPT if text(item, "Policy").lower() == "accept" else Action.DROP,
        protocol=protocol(text(item, "Protocol")),
        ports=ports(text(item, "Port")),
        peer=prefix(cidr) if cidr else None,
        raw=raw(item),
    )


def peering(item: Item, region: str) -> Peering:
    """One of ListVpcPeerConnections."""
    home = text(item, "RegionId") or region
    return Peering(
        id=required(item, "InstanceId"),
        name=text(item, "Name"),
        region=home,
        owner=text(item, "OwnerId"),
        status=text(item, "Status"),
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
        active=text(item, "Status") == "Activated",
        ends=(
            _end(item.get("Vpc") or {}, home, text(item, "OwnerId")),
            _end(
                item.get("AcceptingVpc") or {},
                text(item, "AcceptingRegionId") or home,
                text(item, "AcceptingOwnerUid"),
            ),
        ),
    )


def _end(item: Item, region: str, owner: str) -> PeeredVpc:
    cidrs = (*values(item, "Ipv4Cidrs"), *values(item, "Ipv6Cidrs"))
    return PeeredVpc(text(item, "VpcId"), region, owner, prefixes(cidrs))
