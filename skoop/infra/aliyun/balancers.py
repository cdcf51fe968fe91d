"""Loading load balancers whole: listeners, access lists, server groups, servers and health.

A server group's health belongs to the listener that checks it. A group that several listeners use
is in the tree once for each of them that sees it otherwise, under the id "GROUP@LISTENER".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from skoop.infra.aliyun.client import actions as a
from skoop.infra.aliyun.decode import balancer as decode
from skoop.infra.aliyun.decode.values import Item, items, number, text, values
from skoop.infra.aliyun.load import V2, Place, V2Actions
from skoop.infra.aliyun.record import Question, chunks, numbered
from skoop.infra.resources import Listener, LoadBalancer, Resource, ServerGroup, Subnet
from skoop.model.address import Prefix

_LISTENERS_OF = 10
"""DescribeLoadBalancerListeners takes at most 10 balancers."""
_GROUPS_OF = 20
"""ListServerGroups takes at most 20 ids."""
R = TypeVar("R", bound=Resource)


class Balancers(Struct, frozen=True):
    """Load balancers and the groups that their listeners lead to."""

    balancers: tuple[LoadBalancer, ...] = ()
    groups: tuple[ServerGroup, ...] = ()

    def and_(self, other: Balancers) -> Balancers:
        """Both, each resource once."""
        return Balancers(
            _once((*self.balancers, *other.balancers)), _once((*self.groups, *other.groups))
        )


def _once(found: Iterable[R]) -> tuple[R, ...]:
    return tuple({each.id: each for each in found}.values())


class _Groups:
    """Server groups by id, split where listeners disagree about their health."""

    def __init__(self) -> None:
        self.found: dict[str, ServerGroup] = {}

    def add(self, group: ServerGroup, listener: str) -> str:
        """The id under which the tree has it."""
        known = self.found.setdefault(group.id, group)
        if known == group:
            return group.id
        name = f"{group.id}@{listener}"
        self.found[name] = replace(group, id=name, emulated=True)
        return name


# --- classic ------------------------------------------------------------------------------------


def classic(place: Place, listed: Sequence[Item]) -> Balancers:
    """Everything about these classic load balancers, in three rounds of questions."""
    ids = [text(each, "LoadBalancerId") for each in listed]
    listeners = place.every(
        [
            place.question(a.CLB_LISTENERS, **numbered("LoadBalancerId", some))
            for some in chunks(ids, _LISTENERS_OF)
        ]
    )
    place.memory.prefetch(_classic_details(place, listeners))
    groups = _Groups()
    found = []
    for item in listed:
        own = [each for each in listeners if text(each, "LoadBalancerId") == item["LoadBalancerId"]]
        made = tuple(_classic_listener(place, item, each, groups) for each in own)
        found.append(decode.clb(item, made, place.region, place.account))
    return Balancers(tuple(found), tuple(groups.found.values()))


def _classic_details(place: Place, listeners: Iterable[Item]) -> list[Question]:
    found: list[Question] = []
    for each in listeners:
        found.append(_servers_question(place, each))
        found += [place.question(a.CLB_ACL, AclId=acl) for acl in _acl_ids(each)]
        found.append(place.question(a.CLB_HEALTH, LoadBalancerId=text(each, "LoadBalancerId")))
    return found


def _servers_question(place: Place, listener: Item) -> Question:
    if group := text(listener, "VServerGroupId"):
        return place.question(a.CLB_GROUP, VServerGroupId=group)
    if pair := _pair(listener):
        return place.question(a.CLB_MASTER_SLAVE_GROUP, MasterSlaveServerGroupId=pair)
    return place.question(a.CLB, LoadBalancerId=text(listener, "LoadBalancerId"))


def _pair(listener: Item) -> str:
    """The primary/secondary group of a layer 4 listener."""
    name = text(listener, "ListenerProtocol").upper()
    return text(listener.get(f"{name}ListenerConfig") or {}, "MasterSlaveServerGroupId")


def _acl_ids(listener: Item) -> tuple[str, ...]:
    if text(listener, "AclStatus") != "on":
        return ()
    ids = tuple(str(each) for each in values(listener, "AclIds"))
    return ids or tuple(filter(None, (text(listener, "AclId"),)))


def _classic_listener(place: Place, item: Item, listener: Item, groups: _Groups) -> Listener:
    access = decode.clb_access(
        listener,
        {
            each: items(answer, *a.CLB_ACL.items)
            for each in _acl_ids(listener)
            if (answer := place.gone(place.question(a.CLB_ACL, AclId=each), each)) is not None
        },
    )
    group = _classic_group(place, item, listener)
    name = f"{text(listener, 'ListenerProtocol')}:{text(listener, 'ListenerPort')}"
    id_ = text(listener, "VServerGroupId") or _pair(listener)
    if group is not None:
        id_ = groups.add(group, name)
    return decode.clb_listener(listener, id_, access)


def _classic_group(place: Place, item: Item, listener: Item) -> ServerGroup | None:
    id_ = text(listener, "VServerGroupId") or _pair(listener)
    answer = place.gone(_servers_question(place, listener), id_)
    if answer is None:
        return None
    clb = text(item, "LoadBalancerId")
    rows = items(
        place.memory.ask(place.question(a.CLB_HEALTH, LoadBalancerId=clb)), *a.CLB_HEALTH.items
    )
    servers = items(answer, "BackendServers", "BackendServer") or items(
        answer, "MasterSlaveBackendServers", "MasterSlaveBackendServer"
    )
    return decode.clb_group(
        id_ or f"{clb}:default",
        text(answer, "VServerGroupName") or text(answer, "MasterSlaveServerGroupName"),
        servers,
        decode.clb_health(rows, listener),
        port=max(0, number(listener, "BackendServerPort")),
        vpc=text(item, "VpcId"),
        region=place.region,
        owner=place.account,
        emulated=not id_,
    )


# --- network and application ---------------------------------------------------------------------


def v2(place: Place, flavour: str, listed: Sequence[Item], subnets: Sequence[Subnet]) -> Balancers:
    """Everything about these network or application load balancers, in three rounds."""
    if flavour == "alb":
        listed = _with_addresses(place, listed)
    ids = [text(each, "LoadBalancerId") for each in listed]
    if not ids:
        return Balancers()
    actions = V2[flavour]
    listeners = place.found(place.question(actions.listeners, **numbered("LoadBalancerIds", ids)))
    known = _v2_groups(place, actions, listeners)
    groups = _Groups()
    made: dict[str, list[Listener]] = {each: [] for each in ids}
    for each in listeners:
        id_ = decode.v2_group_of(each)
        check = decode.v2_check(known.get(id_, {}))
        if id_ in known:
            group = _v2_group(place, flavour, known[id_], each)
            id_ = groups.add(group, text(each, "ListenerId"))
        made.setdefault(text(each, "LoadBalancerId"), []).append(
            decode.v2_listener(each, id_, check)
        )
    balancers = tuple(
        decode.v2_balancer(
            each,
            flavour,
            tuple(made[text(each, "LoadBalancerId")]),
            _sources(each, subnets),
            place.region,
            place.account,
        )
        for each in listed
    )
    return Balancers(balancers, tuple(groups.found.values()))


def _v2_groups(place: Place, actions: V2Actions, listeners: Sequence[Item]) -> dict[str, Item]:
    """The server groups of the listeners by id; their servers and health are asked for in the same
    round and remembered."""
    wanted = tuple(dict.fromkeys(filter(None, map(decode.v2_group_of, listeners))))
    asked = [
        place.question(actions.groups, **numbered("ServerGroupIds", some))
        for some in chunks(wanted, _GROUPS_OF)
    ]
    servers = [place.question(actions.servers, ServerGroupId=each) for each in wanted]
    health = [
        place.question(actions.health, ListenerId=text(each, "ListenerId")) for each in listeners
    ]
    place.memory.prefetch([*asked, *servers, *health])
    return {text(each, "ServerGroupId"): each for each in place.every(asked)}


def _v2_group(place: Place, flavour: str, item: Item, listener: Item) -> ServerGroup:
    """A group as a listener sees it."""
    actions = V2[flavour]
    group, by = text(item, "ServerGroupId"), text(listener, "ListenerId")
    servers = place.gone(place.question(actions.servers, ServerGroupId=group), group)
    health = place.gone(place.question(actions.health, ListenerId=by), by)
    held = items(servers or {}, *actions.servers.items)
    rows = items(health or {}, *actions.health.items)
    return decode.v2_group(
        item,
        held,
        decode.v2_health(rows, held),
        flavour=flavour,
        region=place.region,
        owner=place.account,
    )


def _with_addresses(place: Place, listed: Sequence[Item]) -> list[Item]:
    """The list of application load balancers lacks their zones and addresses."""
    asked = {each["LoadBalancerId"]: each for each in listed}
    questions = {one: place.question(a.ALB, LoadBalancerId=one) for one in asked}
    place.memory.prefetch(questions.values())
    found = {one: place.gone(question, one) for one, question in questions.items()}
    return [
        {**each, "ZoneMappings": answer.get("ZoneMappings") or []}
        for one, each in asked.items()
        if (answer := found[one]) is not None
    ]


def _sources(item: Item, subnets: Sequence[Subnet]) -> tuple[Prefix, ...]:
    own = set(decode.vswitches_of(item))
    return tuple(cidr for each in subnets if each.id in own for cidr in each.cidrs)
