"""Aliyun, asked directly: everything of one kind in a region."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skoop.errors import UsageError
from skoop.infra.aliyun import load
from skoop.infra.aliyun.balancers import classic, v2
from skoop.infra.aliyun.client import actions as a
from skoop.infra.aliyun.client.errors import AliyunError, Forbidden, NotFound, UnknownRegion
from skoop.infra.aliyun.decode import compute
from skoop.infra.aliyun.decode.values import items
from skoop.infra.aliyun.identity import identity, known_region
from skoop.infra.aliyun.load import Place
from skoop.infra.aliyun.record import Memory, Question, Regionless
from skoop.infra.aliyun.source import PLATFORM
from skoop.infra.resources import (
    Eip,
    Instance,
    Interface,
    LoadBalancer,
    NatGateway,
    NetworkAcl,
    PrefixList,
    Region,
    Resource,
    RouteTable,
    SecurityGroup,
    Subnet,
    Subscription,
    Tree,
    Vpc,
    Zone,
)


class RegionUnknownError(UsageError):
    """There is no such region."""


class AliyunConsole:
    """One account and region. Implements `Console`."""

    def __init__(self, memory: Memory, region: str) -> None:
        """Raises AliyunError when the key is refused, RegionUnknownError with the regions there
        are."""
        self._memory = memory
        self.account = identity(Regionless(memory)).account
        try:
            known_region(Regionless(memory), region)
        except UnknownRegion as error:
            raise RegionUnknownError(str(error)) from None
        self.place = Place(memory, region, self.account, [])
        self._tree = Tree(PLATFORM)

    def resources(self, kind: type[Resource]) -> tuple[Resource, ...]:
        """All of a type in the region. Raises AliyunError."""
        return _ALL[kind](self.place)

    def gid(self, resource: Resource) -> str:
        """Its global id."""
        return self._tree.gid(resource)

    def group(self, id_: str) -> SecurityGroup:
        """One security group with its rules. Raises NotFound."""
        (found,) = load.security_groups(self.place, (id_,)) or (None,)
        if found is None:
            raise NotFound(f"There is no security group {id_!r} in {self.place.region}.")
        return found

    def balancers(self, flavour: str) -> tuple[LoadBalancer, ...]:
        """All load balancers of a flavour ("clb", "nlb", "alb")."""
        if flavour == "clb":
            return classic(self.place, self.place.found(load.clb_question(self.place))).balancers
        listed = self.place.found(load.v2_question(self.place, flavour))
        return v2(self.place, flavour, listed, ()).balancers

    def readable(self) -> tuple[tuple[a.Action, str], ...]:
        """Every action on the list that can be tried without an id, and why it is refused ("" when
        it is not)."""
        tried = [(one, self._question(one)) for one in a.ALLOWED.values() if one not in _NEED_IDS]
        self._memory.prefetch(question for _, question in tried)
        return tuple((one, self._refusal(question)) for one, question in tried)

    def _question(self, action: a.Action) -> Question:
        if action in (a.CALLER_IDENTITY, a.ACCOUNTS, a.REGIONS):
            return Question.of(action)
        return self.place.question(action)

    def _refusal(self, question: Question) -> str:
        try:
            self._memory.ask(question)
        except Forbidden as error:
            return f"grant {error.permission}" if error.permission else str(error)
        except NotFound:
            return ""
        except AliyunError as error:
            return str(error)
        return ""


_NEED_IDS = frozenset(
    (
        a.ASSUME_ROLE,
        a.ASSUME_ROLE_WITH_OIDC,
        a.GROUP,
        a.PREFIX_LIST,
        a.ROUTES,
        a.SNATS,
        a.DNATS,
        a.CLB,
        a.CLB_GROUP,
        a.CLB_MASTER_SLAVE_GROUP,
        a.CLB_HEALTH,
        a.CLB_ACL,
        a.NLB_SERVERS,
        a.NLB_HEALTH,
        a.ALB,
        a.ALB_SERVERS,
        a.ALB_HEALTH,
    )
)


def _regions(place: Place) -> tuple[Resource, ...]:
    return tuple(compute.region(each) for each in place.found(Question.of(a.REGIONS)))


def _zones(place: Place) -> tuple[Resource, ...]:
    found = place.found(place.question(a.ZONES))
    return tuple(compute.zone(each, place.region) for each in found)


def _instances(place: Place) -> tuple[Resource, ...]:
    found = load.instances(place, load.instance_questions(place))
    return load.decoded_instances(place, found)


def _interfaces(place: Place) -> tuple[Resource, ...]:
    return load.interfaces(place, load.interface_questions(place))


def _groups(place: Place) -> tuple[Resource, ...]:
    return load.security_groups(place, load.all_group_ids(place))


def _balancers(place: Place) -> tuple[Resource, ...]:
    return classic(place, place.found(load.clb_question(place))).balancers


def _accounts(place: Place) -> tuple[Resource, ...]:
    """Every account of the resource directory; without one, the account itself."""
    me = Subscription(id=place.account, owner=place.account, current=True)
    try:
        answer = place.memory.ask(Question.of(a.ACCOUNTS))
    except NotFound:
        return (me,)
    listed = items(answer, *a.ACCOUNTS.items)
    found = tuple(compute.subscription(each, place.account) for each in listed)
    return found if any(each.current for each in found) else (me, *found)


_ALL: Mapping[type[Resource], Callable[[Place], tuple[Resource, ...]]] = {
    Region: _regions,
    Zone: _zones,
    Vpc: load.vpcs,
    Subnet: load.vswitches,
    RouteTable: load.route_tables,
    SecurityGroup: _groups,
    PrefixList: lambda place: load.prefix_lists(place, load.all_group_ids(place)),
    NetworkAcl: load.network_acls,
    NatGateway: load.nat_gateways,
    Eip: lambda place: load.eips(place, load.eip_questions(place)),
    LoadBalancer: _balancers,
    Interface: _interfaces,
    Instance: _instances,
    Subscription: _accounts,
}
