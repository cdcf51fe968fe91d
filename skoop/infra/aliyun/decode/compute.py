"""Regions, zones, instances and network interfaces."""

from __future__ import annotations

from skoop.infra.aliyun.decode.security import members
from skoop.infra.aliyun.decode.values import (
    Item,
    address,
    addresses,
    items,
    prefixes,
    raw,
    required,
    text,
)
from skoop.infra.resources import Instance, Interface, Public, Region, Subscription, Zone
from skoop.model.kube import Address


def region(item: Item) -> Region:
    """One of DescribeRegions."""
    return Region(
        id=required(item, "RegionId"),
        name=text(item, "LocalName"),
        status=text(item, "Status"),
        raw=raw(item),
        endpoint=text(item, "RegionEndpoint"),
    )


def zone(item: Item, region_id: str) -> Zone:
    """One of DescribeZones."""
    return Zone(
        id=required(item, "ZoneId"), name=text(item, "LocalName"), region=region_id, raw=raw(item)
    )


def subscription(item: Item, current: str) -> Subscription:
    """One of ListAccounts."""
    id_ = required(item, "AccountId")
    return Subscription(
        id=id_,
        name=text(item, "DisplayName"),
        owner=id_,
        status=text(item, "Status"),
        raw=raw(item),
        current=id_ == current,
    )


def instance(item: Item, region_id: str, owner: str) -> Instance:
    """One of DescribeInstances."""
    place = item.get("VpcAttributes") or {}
    nics = items(item, "NetworkInterfaces", "NetworkInterface")
    status = text(item, "Status")
    return Instance(
        id=required(item, "InstanceId"),
        name=text(item, "InstanceName"),
        region=text(item, "RegionId") or region_id,
        owner=owner,
        status=status,
        raw=raw({key: item[key] for key in _INSTANCE_FIELDS if key in item}),
        vpc=text(place, "VpcId"),
        subnet=text(place, "VSwitchId"),
        zone=text(item, "ZoneId"),
        running=status == "Running",
        interfaces=tuple(required(each, "NetworkInterfaceId") for each in nics),
    )


_INSTANCE_FIELDS = ("InstanceId", "InstanceName", "Status", "ZoneId", "VpcAttributes")


def interface(item: Item, region_id: str, born_with: Address | None = None) -> Interface:
    """One of DescribeNetworkInterfaces. `born_with` is the instance's own public address, which
    belongs to the primary interface."""
    sets = items(item, "PrivateIpSets", "PrivateIpSet")
    main = text(item, "PrivateIpAddress")
    private = dict.fromkeys((main, *(text(each, "PrivateIpAddress") for each in sets)))
    v6 = (each.get("Ipv6Address") for each in items(item, "Ipv6Sets", "Ipv6Set"))
    attachment = item.get("Attachment") or {}
    primary = text(item, "Type") == "Primary"
    publics = _publics(item, sets)
    if born_with is not None and primary and not publics:
        publics = (Public(address(main), born_with),)
    return Interface(
        id=required(item, "NetworkInterfaceId"),
        name=text(item, "NetworkInterfaceName"),
        region=region_id,
        owner=text(item, "OwnerId"),
        status=text(item, "Status"),
        raw=raw({key: one for key, one in item.items() if key not in _LONG_FIELDS}),
        vpc=text(item, "VpcId"),
        subnet=text(item, "VSwitchId"),
        zone=text(item, "ZoneId"),
        instance=text(item, "InstanceId") or text(attachment, "InstanceId"),
        primary=primary,
        attached=text(item, "Status") == "InUse",
        mac=text(item, "MacAddress").lower(),
        addresses=addresses((*private, *v6)),
        prefixes=prefixes(
            (
                *(
                    each.get("Ipv4Prefix")
                    for each in items(item, "Ipv4PrefixSets", "Ipv4PrefixSet")
                ),
                *(
                    each.get("Ipv6Prefix")
                    for each in items(item, "Ipv6PrefixSets", "Ipv6PrefixSet")
                ),
            )
        ),
        groups=members(item),
        check=bool(item.get("SourceDestCheck")),
        publics=publics,
    )


_LONG_FIELDS = ("Tags", "PrivateIpSets", "Ipv6Sets")


def _publics(item: Item, sets: tuple[Item, ...]) -> tuple[Public, ...]:
    """EIPs bound to private addresses; the one on the interface itself is its main address's."""
    found: dict[Address, Public] = {}
    for each in (item, *sets):
        bound = each.get("AssociatedPublicIp") or {}
        if public := text(bound, "PublicIpAddress"):
            private = address(required(each, "PrivateIpAddress"))
            found[private] = Public(private, address(public), text(bound, "AllocationId"))
    return tuple(found.values())
