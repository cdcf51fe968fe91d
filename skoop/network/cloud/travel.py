"""A packet's way through a cloud, from where it comes in to where it goes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from skoop.diagnose.passage import Passage, Passages, Reached
from skoop.findings.cloud.nat import CloudNatNoPublicIp
from skoop.infra.capability import Capability
from skoop.infra.decide.nat import is_private
from skoop.infra.resources import Interface, LoadBalancer, Resource, RouteTable
from skoop.infra.resources import Way as Direction
from skoop.model.disposition import Disposition
from skoop.model.kube import Address
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.conntrack import tuple_of
from skoop.netstack.walk.events import Crossing
from skoop.network.cloud.balance import balanced
from skoop.network.cloud.filters import through_acl, through_interface
from skoop.network.cloud.outward import INTERNET, inward, out
from skoop.network.cloud.passing import Fault, Passing, Trouble
from skoop.network.cloud.routing import (
    Elsewhere,
    Target,
    ToBalancer,
    ToInterface,
    ToInternet,
    ToNode,
    Way,
    ways_on,
)
from skoop.network.cloud.view import View

Block = Callable[[Passing, Trouble, float], Passage]
"""Makes the end of a packet that something stops; the number is the share of connections."""
_MOST_RETURNS = 4
"""Translations of one connection that are undone: more than any cloud has in a row."""


class Travel:
    """The stages that every packet takes: out of an interface, out of its subnet, along a route,
    and into a subnet and an interface; or to and from the outside."""

    def __init__(self, view: View, block: Block) -> None:
        self.view = view
        self._block = block

    def begin(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Passing:
        """A journey that has not begun."""
        return Passing(self.view, packet, crossings)

    # --- from inside --------------------------------------------------------------------------

    def send(self, passing: Passing, interface: Interface, expected: str) -> Passages:
        """A packet that leaves an interface. `expected` is the node it is for, "" for none."""
        trouble = through_interface(passing, interface, Direction.EGRESS)
        if trouble is None and self._leaves_subnet(passing, interface, expected):
            subnet = self.view.subnet(interface)
            answer = passing.is_answer(interface)
            trouble = through_acl(passing, subnet, Direction.EGRESS, answer=answer)
        if trouble is not None:
            return (self._block(passing, trouble, 1.0),)
        if self._put_back(passing):
            return self._onward(passing)
        ways = ways_on(passing, interface, expected)
        return _flat(self._take(passing.copy(), interface, way) for way in ways)

    def _leaves_subnet(self, passing: Passing, interface: Interface, expected: str) -> bool:
        """Whether any way leads out of the sender's subnet: only there a network ACL is asked."""
        for way in ways_on(passing.copy(), interface, expected):
            to = way.to
            if not isinstance(to, ToInterface) or to.interface.subnet != interface.subnet:
                return True
        return False

    def _take(self, passing: Passing, interface: Interface, way: Way) -> Passages:
        to = way.to
        table = self._table(interface) if way.hop else None
        if table is not None:
            passing.remember(table, passing.packet, passing.packet, way.hop)
        if isinstance(to, Target):
            return self._go(passing, interface, to, way.share)
        return (self._block(passing, to, way.share),)

    def _table(self, interface: Interface) -> RouteTable | None:
        subnet = self.view.subnet(interface)
        return self.view.table(subnet) if subnet is not None else None

    def _go(
        self, passing: Passing, interface: Interface, to: Target, share: float
    ) -> Passages:  # fmt: skip
        if isinstance(to, ToInterface):
            if to.astray is not None:
                passing.doubt(to.astray, astray=True)
            return (self._arrive(passing, to.interface, interface.subnet, share),)
        if isinstance(to, ToBalancer):
            return self._balance(passing, to.balancer, interface, share)
        if isinstance(to, ToNode):
            passing.note(
                f"the cloud under node {to.node}", "the node's machine was not found in it"
            )
            packet = passing.packet
            return (Reached(node=to.node, packet=packet, address=packet.dst,
                            journey=passing.journey, weight=share),)  # fmt: skip
        if isinstance(to, Elsewhere):
            passing.leave_for(passing.packet.destination)
            return (passing.gone(to.where, share, answers=to.answers),)
        return self._out(passing, interface, to, share)

    def _out(
        self, passing: Passing, interface: Interface, to: ToInternet, share: float
    ) -> Passages:
        trouble = out(passing, interface, to)
        if trouble is not None:
            return (self._block(passing, trouble, share),)
        address = (passing.packet.family, passing.packet.dst)
        if self._is_ours(address):  # out, and in again by a public address of the same cloud
            balancer = self.view.balancer_at(address)
            if balancer is not None:
                return self._balance(passing, balancer, interface, share)
            return _shared(self.to_node(passing), share)
        passing.leave_for(passing.packet.destination)
        return (passing.gone(INTERNET, share, answers=True),)

    def _arrive(self, passing: Passing, interface: Interface, subnet: str, share: float) -> Passage:
        """Into an interface, from a subnet ("" from outside)."""
        trouble: Trouble | None = None
        if subnet != interface.subnet:
            answer = passing.is_answer(interface)
            own = self.view.subnet(interface)
            trouble = through_acl(passing, own, Direction.INGRESS, answer=answer)
        trouble = trouble or through_interface(passing, interface, Direction.INGRESS)
        if trouble is not None:
            return self._block(passing, trouble, share)
        return self._in(passing, interface, share)

    def _in(self, passing: Passing, interface: Interface, share: float) -> Passage:
        node = self.view.node_of(interface)
        if node:
            return passing.reached(interface, node, share)
        packet = passing.packet
        passing.leave_for(packet.destination)
        where = f"instance {interface.instance}" if interface.instance else interface.id
        own = interface.has((packet.family, packet.dst))
        return passing.gone(f"{where}, no node of the cluster", share, answers=own)

    # --- load balancers -----------------------------------------------------------------------

    def to_balancer(self, passing: Passing) -> Passages:
        """A packet from outside for a load balancer; () when none has the address."""
        packet = passing.packet
        if self._translating(passing) is not None:
            return ()
        balancer = self.view.balancer_at((packet.family, packet.dst))
        if balancer is None:
            return ()
        source = (packet.family, packet.src)
        client = self.view.at(source)
        if balancer.internal and client is None and not is_private(*source):
            passing.enter(balancer)
            return (self._block(passing, _unreachable(passing, balancer), 1.0),)
        return self._balance(passing, balancer, client, 1.0)

    def _balance(
        self, passing: Passing, balancer: LoadBalancer, client: Interface | None, share: float
    ) -> Passages:
        ends: list[Passage] = []
        for choice in balanced(passing, balancer, client):
            weight = share * choice.share
            if choice.trouble is not None:
                ends.append(self._block(choice.passing, choice.trouble, weight))
            elif choice.interface is None:
                where = f"backend {choice.passing.packet.destination}, which was not read"
                choice.passing.leave_for(choice.passing.packet.destination)
                ends.append(choice.passing.gone(where, weight, answers=False))
            elif self.view.dialect.balancer_filtered:
                ends.append(self._arrive(choice.passing, choice.interface, "", weight))
            else:
                packet = choice.passing.packet
                choice.passing.enter(choice.interface)
                choice.passing.remember(choice.interface, packet, packet)
                ends.append(self._in(choice.passing, choice.interface, weight))
        return tuple(ends)

    # --- from outside -------------------------------------------------------------------------

    def knows(self, source: Address, destination: Address) -> bool:
        """Whether packets between two addresses, the source outside, meet something here."""
        if not self.view.looks(Capability.INSTANCES):
            return False
        if self._is_ours(destination) or self._is_own_service(source):
            return True
        sender = self.view.at(source)
        if sender is not None:
            return not self.view.node_of(sender)
        return self.view.interface_for(destination) is not None

    def to_node(self, passing: Passing) -> Passages:
        """A packet from outside, or from an interface of the cloud that is no node's."""
        if self._put_back(passing):
            return self._onward(passing)
        packet = passing.packet
        source, destination = (packet.family, packet.src), (packet.family, packet.dst)
        sender = self.view.at(source)
        if sender is not None and not self.view.node_of(sender) and not passing.journey.stays:
            return self.send(passing, sender, self.view.node_for(destination))
        found = inward(passing)
        if isinstance(found, Interface):
            return (self._arrive(passing, found, "", 1.0),)
        if found is not None:
            return (self._block(passing, found, 1.0),)
        interface = self.view.interface_for(destination)
        if interface is None:
            return ()
        if not is_private(*source) and not self._is_own_service(source):
            passing.enter(interface)
            return (self._block(passing, _unreachable(passing, interface), 1.0),)
        if not self._is_own_service(source):
            why = f"what lies between it and {interface.vpc} was not looked at"
            passing.note(f"the way from {packet.source}", why)
        return (self._arrive(passing, interface, "", 1.0),)

    def _is_ours(self, address: Address) -> bool:
        """Whether a public address belongs to something in the tree."""
        view = self.view
        if view.balancer_at(address) is not None or view.public_at(address) is not None:
            return True
        return view.eip_at(address) is not None or any(
            address in each.addresses for each in view.gateways()
        )

    def _is_own_service(self, address: Address) -> bool:
        family, value = address
        ranges = self.view.dialect.own_ranges
        return any(each.family is family and each.contains(value) for each in ranges)

    # --- answers of translated connections ----------------------------------------------------

    def _translating(self, passing: Passing) -> Crossing | None:
        """The device that translated the connection a packet answers."""
        mine = tuple_of(passing.packet)
        for each in reversed(passing.crossings):
            if each.flow != each.onward and each.onward.reversed() == mine:
                return each
        return None

    def _put_back(self, passing: Passing) -> bool:
        """Undo every translation of the connection that a packet answers, the last one first."""
        done = False
        for _ in range(_MOST_RETURNS):
            found = self._translating(passing)
            if found is None:
                break
            back, before = found.flow.reversed(), passing.packet
            after = replace(before, src=back.src, dst=back.dst, sport=back.sport, dport=back.dport)
            self._enter_again(passing, found)
            passing.turn(after, f"it answers a connection: {before} becomes {after}")
            done = True
        return done

    def _enter_again(self, passing: Passing, crossing: Crossing) -> None:
        for each in self.view.tree.resources:
            if self.view.gid(each) == crossing.place:
                if isinstance(each, Interface):
                    passing.enter_made_up(f"{each.region}/{each.id}/public",
                                          f"public address of {each.id}")  # fmt: skip
                else:
                    passing.enter(each)
                return

    def _onward(self, passing: Passing) -> Passages:
        """An answer whose addresses were put back goes to who asked."""
        packet = passing.packet
        target = self.view.interface_for((packet.family, packet.dst))
        if target is not None:
            return (self._arrive(passing, target, "", 1.0),)
        passing.leave_for(packet.destination)
        return (passing.gone(INTERNET, 1.0, answers=False),)


def _unreachable(passing: Passing, resource: Resource) -> Fault:
    packet = passing.packet
    return Fault(
        finding=CloudNatNoPublicIp, resource=resource,
        message=f"{packet.destination} is a private address of {resource.kind.value} "
        f"{resource.id}; from {packet.source} on the internet nothing leads to it.",
        evidence=(Evidence(passing.view.gid(resource), f"{packet.destination} is not public"),),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def _flat(found: Iterable[Passages]) -> Passages:
    return tuple(each for some in found for each in some)


def _shared(passages: Passages, share: float) -> Passages:
    return tuple(replace(each, weight=each.weight * share) for each in passages)
