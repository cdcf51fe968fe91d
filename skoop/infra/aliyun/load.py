"""Loading kinds of resources in one region: which questions, and how their answers join.

Each function asks for what it names, all of it when no ids are given. Questions that do not depend
on each other are asked at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from skoop.infra.aliyun.client import actions as a
from skoop.infra.aliyun.client.errors import NotFound
from skoop.infra.aliyun.decode import compute, nat, network, security
from skoop.infra.aliyun.decode.values import Item, address, items, text, values
from skoop.infra.aliyun.record import Memory, Question, chunks, numbered
from skoop.infra.resources import (
    Eip,
    Instance,
    Interface,
    NatGateway,
    NetworkAcl,
    Peering,
    PrefixList,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
)

_IDS = 100
"""ECS takes at most 100 ids in one question."""
_EIPS = 50


class Place(Struct, frozen=True):
    """Where to look, as whom, and what remembers the answers. `vanished` collects the ids of
    resources that were listed and gone when they were looked at."""

    memory: Memory
    region: str
    account: str
    vanished: list[str]

    def question(self, action: a.Action, **parameters: str) -> Question:
        """A question in this region; empty parameters are left out."""
        return Question.of(action, self.region, **{k: v for k, v in parameters.items() if v})

    def found(self, question: Question) -> tuple[Item, ...]:
        """The list in an answer."""
        return items(self.memory.ask(question), *question.action.items)

    def every(self, questions: Sequence[Question]) -> tuple[Item, ...]:
        """The lists in several answers, asked at once, joined."""
        self.memory.prefetch(questions)
        return tuple(each for question in questions for each in self.found(question))

    def gone(self, question: Question, id_: str) -> Item | None:
        """An answer about one thing, None (and remembered) when it has vanished meanwhile."""
        try:
            return self.memory.ask(question)
        except NotFound:
            self.vanished.append(id_)
            return None


def _list(ids: Iterable[str]) -> str:
    return msgspec.json.encode(list(ids)).decode()


# --- compute ------------------------------------------------------------------------------------


def instance_questions(place: Place, ids: Sequence[str] = (), vpc: str = "") -> list[Question]:
    """By id, or all of a VPC, or all."""
    if ids:
        return [place.question(a.INSTANCES, InstanceIds=_list(some)) for some in chunks(ids, _IDS)]
    return [place.question(a.INSTANCES, VpcId=vpc)]


def instances(place: Place, questions: Sequence[Question]) -> tuple[Item, ...]:
    """Instances as the API gives them."""
    return place.every(questions)


def decoded_instances(place: Place, found: Iterable[Item]) -> tuple[Instance, ...]:
    """Into the tree."""
    return tuple(compute.instance(each, place.region, place.account) for each in found)


def interface_questions(
    place: Place, ids: Sequence[str] = (), vpc: str = "", addresses: Sequence[str] = ()
) -> list[Question]:
    """By id, by private address in a VPC, or all."""
    if ids:
        return [
            place.question(a.INTERFACES, **numbered("NetworkInterfaceId", some))
            for some in chunks(ids, _IDS)
        ]
    if addresses:
        return [
            place.question(a.INTERFACES, VpcId=vpc, **numbered("PrivateIpAddress", some))
            for some in chunks(addresses, _IDS)
        ]
    return [place.question(a.INTERFACES, VpcId=vpc)]


def interfaces(
    place: Place, questions: Sequence[Question], machines: Iterable[Item] = ()
) -> tuple[Interface, ...]:
    """Into the tree. `machines` are instances: some were born with a public address."""
    born = {
        text(each, "InstanceId"): address(str(own[0]))
        for each in machines
        if (own := values(each, "PublicIpAddress", "IpAddress"))
    }
    found: dict[str, Interface] = {}
    for each in place.every(questions):
        owner = text(each, "InstanceId") or text(each.get("Attachment") or {}, "InstanceId")
        made = compute.interface(each, place.region, born.get(owner))
        found[made.id] = made
    return tuple(found.values())


# --- network ------------------------------------------------------------------------------------


def vpc_question(place: Place, vpc: str = "") -> Question:
    """One VPC, or all."""
    return place.question(a.VPCS, VpcId=vpc)


def vpcs(place: Place, vpc: str = "") -> tuple[Vpc, ...]:
    """Into the tree."""
    return tuple(network.vpc(each, place.region) for each in place.found(vpc_question(place, vpc)))


def vswitch_question(place: Place, vpc: str = "") -> Question:
    """Those of a VPC, or all."""
    return place.question(a.VSWITCHES, VpcId=vpc)


def vswitches(place: Place, vpc: str = "") -> tuple[Subnet, ...]:
    """Into the tree."""
    found = place.found(vswitch_question(place, vpc))
    return tuple(network.vswitch(each, place.region) for each in found)


def table_question(place: Place, vpc: str = "", table: str = "") -> Question:
    """One route table, those of a VPC, or all."""
    return place.question(a.ROUTE_TABLES, VpcId=vpc, RouteTableId=table)


def routes_question(place: Place, table: str) -> Question:
    """The entries of a table."""
    return place.question(a.ROUTES, RouteTableId=table)


def route_tables(place: Place, vpc: str = "", table: str = "") -> tuple[RouteTable, ...]:
    """Tables with their entries."""
    listed = place.found(table_question(place, vpc, table))
    asked = [routes_question(place, text(each, "RouteTableId")) for each in listed]
    place.memory.prefetch(asked)
    found = []
    for each, question in zip(listed, asked, strict=True):
        answer = place.gone(question, text(each, "RouteTableId"))
        if answer is not None:
            found.append(network.route_table(each, items(answer, *a.ROUTES.items), place.region))
    return tuple(found)


def acl_question(place: Place, vpc: str = "", acl: str = "") -> Question:
    """One network ACL, those of a VPC, or all."""
    return place.question(a.NETWORK_ACLS, VpcId=vpc, NetworkAclId=acl)


def network_acls(place: Place, vpc: str = "", acl: str = "") -> tuple[NetworkAcl, ...]:
    """Into the tree; the list has every entry."""
    found = place.found(acl_question(place, vpc, acl))
    return tuple(network.network_acl(each, place.region) for each in found)


def peering_question(place: Place) -> Question:
    """All of the region."""
    return place.question(a.PEERINGS)


def peerings(place: Place) -> tuple[Peering, ...]:
    """Into the tree."""
    return tuple(
        network.peering(each, place.region) for each in place.found(peering_question(place))
    )


# --- security -----------------------------------------------------------------------------------


def group_questions(place: Place, ids: Sequence[str]) -> list[Question]:
    """What a group's sort and its rules are asked with."""
    listed = [place.question(a.GROUPS, SecurityGroupIds=_list(some)) for some in chunks(ids, _IDS)]
    return listed + [place.question(a.GROUP, SecurityGroupId=each) for each in ids]


def security_groups(place: Place, ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
    """Groups with their rules; one that is not there any more is left out, and remembered."""
    if not ids:
        return ()
    questions = group_questions(place, ids)
    place.memory.prefetch(questions)
    listed = {
        text(each, "SecurityGroupId"): each
        for question in questions
        if question.action is a.GROUPS
        for each in place.found(question)
    }
    found = []
    for id_ in ids:
        question = place.question(a.GROUP, SecurityGroupId=id_)
        attribute = place.gone(question, id_)
        if attribute is None:
            continue
        if id_ not in listed:
            place.vanished.append(id_)
            continue
        found.append(security.group(listed[id_], attribute, place.region, place.account))
    return tuple(found)


def all_group_ids(place: Place, vpc: str = "") -> tuple[str, ...]:
    """The ids of every group."""
    found = place.found(place.question(a.GROUPS, VpcId=vpc))
    return tuple(text(each, "SecurityGroupId") for each in found)


def prefix_lists(place: Place, groups: Sequence[str]) -> tuple[PrefixList, ...]:
    """The lists that these groups' rules refer to."""
    attributes = [
        place.memory.ask(place.question(a.GROUP, SecurityGroupId=each)) for each in groups
    ]
    ids = dict.fromkeys(id_ for each in attributes for id_ in security.lists_of(each))
    asked = {each: place.question(a.PREFIX_LIST, PrefixListId=each) for each in ids}
    place.memory.prefetch(asked.values())
    answers = [place.gone(question, id_) for id_, question in asked.items()]
    return tuple(
        security.prefix_list(each, place.region, place.account) for each in answers if each
    )


# --- to the internet ----------------------------------------------------------------------------


def nat_question(place: Place, vpc: str = "", gateway: str = "") -> Question:
    """One NAT gateway, those of a VPC, or all."""
    return place.question(a.NATS, VpcId=vpc, NatGatewayId=gateway)


def nat_gateways(place: Place, vpc: str = "", gateway: str = "") -> tuple[NatGateway, ...]:
    """Gateways with the entries of their SNAT and DNAT tables."""
    listed = place.found(nat_question(place, vpc, gateway))
    snats = {text(each, "NatGatewayId"): _tables(place, each, "Snat") for each in listed}
    dnats = {text(each, "NatGatewayId"): _tables(place, each, "Forward") for each in listed}
    place.memory.prefetch(q for each in (*snats.values(), *dnats.values()) for q in each)
    return tuple(
        nat.nat_gateway(
            each,
            place.every(snats[text(each, "NatGatewayId")]),
            place.every(dnats[text(each, "NatGatewayId")]),
            place.region,
            place.account,
        )
        for each in listed
    )


def _tables(place: Place, gateway: Item, kind: str) -> list[Question]:
    name = f"{kind}TableId"
    action = a.SNATS if kind == "Snat" else a.DNATS
    ids = values(gateway, f"{kind}TableIds", name)
    return [place.question(action, **{name: str(each)}) for each in ids]


def eip_questions(place: Place, addresses: Sequence[str] = (), eip: str = "") -> list[Question]:
    """By address, by id, or all."""
    if addresses:
        some = chunks(addresses, _EIPS)
        return [place.question(a.EIPS, EipAddress=",".join(each)) for each in some]
    return [place.question(a.EIPS, AllocationId=eip)]


def eips(place: Place, questions: Sequence[Question]) -> tuple[Eip, ...]:
    """Into the tree."""
    return tuple(nat.eip(each, place.region, place.account) for each in place.every(questions))


# --- load balancers -----------------------------------------------------------------------------


class V2Actions(NamedTuple):
    """How balancers of a flavour are asked for, and what belongs to them."""

    balancers: a.Action
    listeners: a.Action
    groups: a.Action
    servers: a.Action
    health: a.Action


V2: Mapping[str, V2Actions] = {
    "nlb": V2Actions(a.NLBS, a.NLB_LISTENERS, a.NLB_GROUPS, a.NLB_SERVERS, a.NLB_HEALTH),
    "alb": V2Actions(a.ALBS, a.ALB_LISTENERS, a.ALB_GROUPS, a.ALB_SERVERS, a.ALB_HEALTH),
}
"""By flavour."""


def clb_question(place: Place, id_: str = "", at: str = "") -> Question:
    """By id (or several with commas), by address, or all."""
    return place.question(a.CLBS, LoadBalancerId=id_, Address=at)


def v2_question(
    place: Place, flavour: str, ids: Sequence[str] = (), dns: str = "", vpc: str = ""
) -> Question:
    """By ids, by DNS name, by VPC, or all."""
    parameters = {**numbered("LoadBalancerIds", ids), "DNSName": dns}
    if vpc:
        parameters["VpcIds.1"] = vpc
    return place.question(V2[flavour].balancers, **parameters)
