"""One region's part of a question: its instances, and the network they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from skoop.infra.aliyun import load
from skoop.infra.aliyun.client.errors import AliyunError
from skoop.infra.aliyun.decode.security import members
from skoop.infra.aliyun.decode.values import Item, items, text
from skoop.infra.aliyun.load import Place
from skoop.infra.aliyun.record import Question
from skoop.infra.capability import Capability
from skoop.infra.resources import Interface, NextHopKind, Resource, RouteTable, Subnet, Vpc
from skoop.infra.source import Gap, Scope
from skoop.model.address import Prefix, format_ip
from skoop.model.kube import Address

MOST_BY_ID = 100
"""More nodes than this are asked for by VPC, in larger pages."""
T = TypeVar("T")


class RegionReader:
    """Reads round after round: `found` is what there is, `gaps` what could not be asked."""

    def __init__(self, place: Place, scope: Scope, ids: Sequence[str]) -> None:
        """`ids` are the nodes' instances in this region."""
        self.place, self.scope = place, scope
        self.found: list[Resource] = []
        self.gaps: list[Gap] = []
        self.interfaces: dict[str, Interface] = {}
        self.subnets: list[Subnet] = []
        self.vpcs: list[Vpc] = []
        self._ids = tuple(ids)

    def read(self) -> None:
        """Instances; what their VPCs hold; the entries of that."""
        machines = self._machines()
        vpcs = tuple(dict.fromkeys(filter(None, (_vpc_of(each) for each in machines))))
        self.place.memory.prefetch(self._about_vpcs(vpcs, machines))
        for vpc in vpcs:
            self.vpcs += self.got(Capability.ROUTES, load.vpcs, vpc)
            self.subnets += self.got(Capability.ROUTES, load.vswitches, vpc)
        self.found += [*self.vpcs, *self.subnets]
        self._read_interfaces(machines, vpcs)
        self.place.memory.prefetch(self._about_details(vpcs))
        tables = [t for vpc in vpcs for t in self.got(Capability.ROUTES, load.route_tables, vpc)]
        self.found += tables
        self._read_hops(tables)
        self._read_peerings(tables)
        for vpc in filter(self._has_acl, vpcs):
            self.found += self.got(Capability.NETWORK_ACLS, load.network_acls, vpc)
        self.read_groups((*_groups_of(machines), *self._groups_of_interfaces()))

    def got(
        self, area: Capability, ask: Callable[..., Iterable[T]], *arguments: object
    ) -> tuple[T, ...]:
        """What a loader gives, () and a gap when it is refused."""
        try:
            return tuple(ask(self.place, *arguments))
        except AliyunError as error:
            self.gaps.append(Gap(area, str(error)))
            return ()

    def read_groups(self, ids: Iterable[str]) -> None:
        """Groups that are not read yet, with the prefix lists of their rules."""
        known = {each.id for each in self.found}
        new = tuple(each for each in dict.fromkeys(ids) if each not in known)
        groups = self.got(Capability.SECURITY_GROUPS, load.security_groups, new)
        held = [each.id for each in groups]
        self.found += groups
        self.found += self.got(Capability.PREFIX_LISTS, load.prefix_lists, held)

    def is_here(self, at: Address) -> bool:
        """Whether an interface that was read has this private address."""
        return any(nic.has(at) for nic in self.interfaces.values())

    # --- machines ------------------------------------------------------------------------------

    def _machines(self) -> tuple[Item, ...]:
        questions = load.instance_questions(self.place, self._ids) if self._ids else []
        if len(self._ids) > MOST_BY_ID:
            questions = list(self.got(Capability.INSTANCES, _by_vpc, self._ids[0])) or questions
        wanted = set(self._ids)
        listed = self.got(Capability.INSTANCES, load.instances, questions)
        machines = tuple(each for each in listed if text(each, "InstanceId") in wanted)
        self.found += self.got(Capability.INSTANCES, load.decoded_instances, machines)
        return machines

    def _interface_questions(self, machines: Iterable[Item], vpcs: Iterable[str]) -> list[Question]:
        if len(self._ids) > MOST_BY_ID:
            return [q for vpc in vpcs for q in load.interface_questions(self.place, vpc=vpc)]
        nics = nics_of(machines)
        return load.interface_questions(self.place, nics) if nics else []

    def _read_interfaces(self, machines: Sequence[Item], vpcs: Iterable[str]) -> None:
        questions = self._interface_questions(machines, vpcs)
        found = self.got(Capability.INSTANCES, load.interfaces, questions, machines)
        self.interfaces = {each.id: each for each in found}
        for vpc in self.vpcs:
            wanted = [format_ip(*each) for each in self._strangers(vpc)]
            if wanted:
                asked = load.interface_questions(self.place, vpc=vpc.id, addresses=wanted)
                more = self.got(Capability.INSTANCES, load.interfaces, asked)
                self.interfaces |= {each.id: each for each in more}
        self.found += self.interfaces.values()

    def _strangers(self, vpc: Vpc) -> list[Address]:
        """Addresses of the question in a VPC that no node's interface has."""
        return [
            each
            for each in self.scope.addresses
            if within(vpc.cidrs, each) and not self.is_here(each)
        ]

    # --- the network ---------------------------------------------------------------------------

    def _about_vpcs(self, vpcs: Sequence[str], machines: Sequence[Item]) -> list[Question]:
        """The second round: everything that follows from the instances."""
        found = self._interface_questions(machines, vpcs)
        for vpc in vpcs:
            found += [
                load.vpc_question(self.place, vpc),
                load.vswitch_question(self.place, vpc),
                load.table_question(self.place, vpc),
            ]
            if self.scope.internet:
                found.append(load.nat_question(self.place, vpc))
        return found + load.group_questions(self.place, _groups_of(machines))

    def _about_details(self, vpcs: Iterable[str]) -> list[Question]:
        """The third round: entries of route tables and ACLs, groups that only interfaces name."""
        found: list[Question] = []
        for vpc in vpcs:
            listed = self.got(Capability.ROUTES, Place.found, load.table_question(self.place, vpc))
            found += [load.routes_question(self.place, text(t, "RouteTableId")) for t in listed]
            if self._has_acl(vpc):
                found.append(load.acl_question(self.place, vpc))
        return found

    def _has_acl(self, vpc: str) -> bool:
        return any(each.acl for each in self.subnets if each.vpc == vpc)

    def _groups_of_interfaces(self) -> Iterable[str]:
        return (one for each in self.interfaces.values() for one in each.groups)

    def _read_hops(self, tables: Iterable[RouteTable]) -> None:
        """Machines that routes lead to and that are no nodes: one that is not found is gone."""
        hops = [hop for table in tables for route in table.routes for hop in route.next_hops]
        known = {each.id for each in self.found}
        wanted = dict.fromkeys(
            hop.id for hop in hops if hop.kind is NextHopKind.INSTANCE and hop.id not in known
        )
        nics = [hop.id for hop in hops if hop.kind is NextHopKind.INTERFACE]
        self.read_strangers(tuple(wanted), nics)

    def read_strangers(self, instances: Sequence[str], interfaces: Iterable[str]) -> None:
        """Instances, their interfaces and other interfaces that no node has, with their groups."""
        machines: tuple[Item, ...] = ()
        if instances:
            asked = load.instance_questions(self.place, instances)
            machines = self.got(Capability.INSTANCES, load.instances, asked)
            self.found += self.got(Capability.INSTANCES, load.decoded_instances, machines)
        wanted = dict.fromkeys((*interfaces, *nics_of(machines)))
        new = tuple(each for each in wanted if each not in self.interfaces)
        if new:
            asked = load.interface_questions(self.place, new)
            more = self.got(Capability.INSTANCES, load.interfaces, asked, machines)
            self.interfaces |= {each.id: each for each in more}
            self.found += more
            self.read_groups(one for each in more for one in each.groups)

    def _read_peerings(self, tables: Iterable[RouteTable]) -> None:
        hops = {hop.kind for table in tables for route in table.routes for hop in route.next_hops}
        if NextHopKind.PEERING in hops or len(self.vpcs) > 1:
            self.found += self.got(Capability.PEERINGS, load.peerings)


def _by_vpc(place: Place, instance: str) -> list[Question]:
    """The question for all instances of an instance's VPC."""
    found = load.instances(place, load.instance_questions(place, (instance,)))
    return [q for each in found for q in load.instance_questions(place, vpc=_vpc_of(each))]


def _vpc_of(machine: Item) -> str:
    return text(machine.get("VpcAttributes") or {}, "VpcId")


def nics_of(machines: Iterable[Item]) -> tuple[str, ...]:
    """The ids of all interfaces of instances."""
    return tuple(
        text(nic, "NetworkInterfaceId")
        for each in machines
        for nic in items(each, "NetworkInterfaces", "NetworkInterface")
    )


def _groups_of(machines: Iterable[Item]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for each in machines for one in members(each)))


def within(cidrs: Iterable[Prefix], at: Address) -> bool:
    """Whether an address is in one of the networks."""
    return any(each.family is at[0] and each.contains(at[1]) for each in cidrs)
