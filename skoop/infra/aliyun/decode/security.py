"""Security groups, their rules, and prefix lists.

https://www.alibabacloud.com/help/en/ecs/user-guide/security-group-rules
"""

from __future__ import annotations

from skoop.infra.aliyun.client.errors import BadAnswer
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
    ANY_PROTOCOL,
    Action,
    Intra,
    Peer,
    PeerKind,
    PrefixList,
    SecurityGroup,
    SecurityRule,
    Way,
)
from skoop.model.packet import Proto

_PROTOCOLS = {
    "": ANY_PROTOCOL,
    "all": ANY_PROTOCOL,
    "any": ANY_PROTOCOL,
    "tcp": Proto.TCP,
    "udp": Proto.UDP,
    "icmp": Proto.ICMP,
    "icmpv6": Proto.ICMPV6,
    "gre": Proto.GRE,
    "ipip": Proto.IPIP,
    "sctp": Proto.SCTP,
}


def protocol(name: str) -> int:
    """An IP protocol number from the API's word, ANY_PROTOCOL for all."""
    if name.isdigit():
        return int(name)
    if name.lower() not in _PROTOCOLS:
        raise BadAnswer(f"Aliyun's answer has a rule for the unknown protocol {name[:30]!r}.")
    return _PROTOCOLS[name.lower()]


_ENTERPRISE = "enterprise"
_INTRA = {"Accept": Intra.ACCEPT, "Drop": Intra.DROP}


def group(item: Item, attribute: Item, region: str, owner: str) -> SecurityGroup:
    """One of DescribeSecurityGroups with its DescribeSecurityGroupAttribute.

    Basic groups: what no rule matches is dropped inbound, except between members when
    InnerAccessPolicy is Accept, and accepted outbound. Enterprise groups: dropped both ways, and
    membership means nothing.
    """
    type_ = text(item, "SecurityGroupType") or "normal"
    enterprise = type_ == _ENTERPRISE
    shown = {key: one for key, one in attribute.items() if key not in ("Permissions", "RequestId")}
    return SecurityGroup(
        id=required(item, "SecurityGroupId"),
        name=text(item, "SecurityGroupName"),
        region=region,
        owner=owner,
        raw=raw({**item, **shown}),
        vpc=text(item, "VpcId"),
        type=type_,
        intra=Intra.NONE
        if enterprise
        else _INTRA.get(text(attribute, "InnerAccessPolicy"), Intra.ACCEPT),
        rules=tuple(
            _rule(each, place)
            for place, each in enumerate(items(attribute, "Permissions", "Permission"))
            if text(each, "NicType") != "internet"
        ),
        ingress_default=Action.DROP,
        egress_default=Action.DROP if enterprise else Action.ACCEPT,
    )


def _rule(item: Item, place: int) -> SecurityRule:
    ingress = text(item, "Direction").lower() != "egress"
    far, near = ("Source", "Dest") if ingress else ("Dest", "Source")
    local = text(item, f"{near}CidrIp") or text(item, f"Ipv6{near}CidrIp")
    return SecurityRule(
        id=text(item, "SecurityGroupRuleId") or f"rule-{place}",
        way=Way.INGRESS if ingress else Way.EGRESS,
        action=Action.ACCEPT if text(item, "Policy").lower() == "accept" else Action.DROP,
        priority=number(item, "Priority", 1),
        protocol=protocol(text(item, "IpProtocol")),
        ports=ports(text(item, "PortRange")),
        source_ports=ports(text(item, "SourcePortRange")),
        peer=_peer(item, far),
        local=prefix(local) if local else None,
        raw=raw(item),
    )


def _peer(item: Item, side: str) -> Peer:
    if group_id := text(item, f"{side}GroupId"):
        owner = text(item, f"{side}GroupOwnerAccount")
        return Peer(PeerKind.GROUP, id=group_id, owner=owner)
    if list_id := text(item, f"{side}PrefixListId"):
        return Peer(PeerKind.PREFIX_LIST, id=list_id)
    cidr = text(item, f"{side}CidrIp") or text(item, f"Ipv6{side}CidrIp")
    return Peer(PeerKind.CIDR, cidr=prefix(cidr)) if cidr else Peer()


def prefix_list(answer: Item, region: str, owner: str) -> PrefixList:
    """DescribePrefixListAttributes."""
    return PrefixList(
        id=required(answer, "PrefixListId"),
        name=text(answer, "PrefixListName"),
        region=region,
        owner=owner,
        raw=raw(answer),
        entries=prefixes(tuple(each.get("Cidr") for each in items(answer, "Entries", "Entry"))),
    )


def lists_of(attribute: Item) -> tuple[str, ...]:
    """The ids of the prefix lists that a group's rules refer to."""
    rules = items(attribute, "Permissions", "Permission")
    found = (text(each, f"{side}PrefixListId") for each in rules for side in ("Source", "Dest"))
    return tuple(dict.fromkeys(filter(None, found)))


def members(item: Item) -> tuple[str, ...]:
    """The ids of the groups an interface or instance is in."""
    return tuple(str(each) for each in values(item, "SecurityGroupIds", "SecurityGroupId"))
