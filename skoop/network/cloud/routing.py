"""Where a VPC's router sends a packet that left an interface."""

from __future__ import annotations

from msgspec import Struct

from skoop.findings.cloud.nat import CloudNatPrivateDestinationToInternet
from skoop.findings.cloud.nic import CloudNicPodIpUnassigned
from skoop.findings.cloud.route import (
    CloudRouteBlackhole,
    CloudRouteNexthopGone,
    CloudRoutePeeringMissing,
)
from skoop.infra.capability import Capability
from skoop.infra.decide.nat import is_private
from skoop.infra.decide.routes import Lookup, lookup
from skoop.infra.resources import (
    Instance,
    Interface,
    LoadBalancer,
    NextHop,
    NextHopKind,
    Peering,
    Route,
    RouteState,
    RouteTable,
    Vpc,
)
from skoop.model.disposition import Disposition
from skoop.model.kube import Address
from skoop.model.trace import Evidence, StepKind
from skoop.network.cloud.missing import (
    MACHINES,
    lost,
    machine_of,
    not_joined,
    nothing,
    other_vpc,
    pods_elsewhere,
    wrong_way,
)
from skoop.network.cloud.passing import Fault, Passing, Trouble
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import route_evidence

_OUT = (NextHopKind.NAT_GATEWAY, NextHopKind.INTERNET_GATEWAY)


class ToInterface(Struct, frozen=True):
    """To an interface; `astray` is what is wrong with that, though it does not stop the packet."""

    interface: Interface
    astray: Fault | None = None


class ToBalancer(Struct, frozen=True):
    """To a load balancer in the VPC."""

    balancer: LoadBalancer


class ToInternet(Struct, frozen=True):
    """Out of the VPC; `via` is the route's next hop, None when no route says how. `trouble` is
    what stops it unless the interface has a public address of its own."""

    via: NextHop | None
    trouble: Fault | None = None


class Elsewhere(Struct, frozen=True):
    """To something that was not read, or that is no concern of routes."""

    where: str
    answers: bool = False


class ToNode(Struct, frozen=True):
    """To a node whose machine was not found in the cloud."""

    node: str


Target = ToInterface | ToBalancer | ToInternet | ToNode | Elsewhere


class Way(Struct, frozen=True):
    """One way on and its share, or what stops the packet there; `hop` is the id of the next hop
    when there were several to choose from."""

    share: float
    to: Target | Trouble
    hop: str = ""


def ways_on(passing: Passing, interface: Interface, expected: str) -> tuple[Way, ...]:
    """Every way on from an interface. `expected` is the node that Kubernetes thinks the packet is
    for, "" when it is for none."""
    view, packet = passing.view, passing.packet
    address = (packet.family, packet.dst)
    if any(each.family is address[0] and each.contains(address[1]) for each in
           view.dialect.own_ranges):  # fmt: skip
        return (Way(1.0, Elsewhere("a service of the cloud itself", answers=True)),)
    subnet = view.subnet(interface)
    table = view.table(subnet) if subnet is not None else None
    if table is None or not view.looks(Capability.ROUTES):
        return (Way(1.0, _unrouted(passing, interface, address, expected)),)
    passing.enter(table)
    found = lookup(table, *address, view.dialect)
    if found.route is None:
        return (Way(1.0, _no_route(passing, table, found, address, expected)),)
    route = found.route
    passing.say(
        StepKind.ROUTE, f"{packet.destination} follows {route.destination}",
        route_evidence(view, table, route),
    )  # fmt: skip
    missing = pods_elsewhere(passing, table, found, address, expected)
    if missing is not None:
        return (Way(1.0, missing),)
    if route.state is RouteState.BLACKHOLE or not found.ways:
        return (Way(1.0, lost(view, table, route, CloudRouteBlackhole, "is a black hole")),)
    before = passing.chosen(table)
    hops = [(hop, share) for hop, share in found.ways if before is None or hop.id == before.node]
    return tuple(
        Way(
            share if before is None else 1.0,
            _follow(passing, interface, table, found, hop, address, expected),
            hop.id if len(found.ways) > 1 else "",
        )
        for hop, share in hops or found.ways
    )


def _unrouted(passing: Passing, interface: Interface, address: Address, expected: str) -> Target:
    """Without routes a packet is taken to get to who has its address."""
    local = _local(passing, interface.vpc, address)
    if isinstance(local, ToInterface | ToBalancer):
        return local
    if expected:
        reached = passing.view.interface_for(address, interface.vpc)
        return ToInterface(reached) if reached is not None else ToNode(expected)
    private = is_private(*address)
    return Elsewhere(f"the router of {interface.vpc}") if private else ToInternet(None)


def _follow(
    passing: Passing, interface: Interface, table: RouteTable, found: Lookup, hop: NextHop,
    address: Address, expected: str,
) -> Target | Trouble:  # fmt: skip
    view, route = passing.view, found.route
    assert route is not None
    if hop.kind is NextHopKind.BLACKHOLE:
        return lost(view, table, route, CloudRouteBlackhole, "is a black hole")
    if hop.kind is NextHopKind.LOCAL:
        local = _local(passing, interface.vpc, address)
        if local is None and expected and view.instance(expected) is None:
            return ToNode(expected)
        return local or Elsewhere(f"an address of {interface.vpc} that nothing which was read has")
    if hop.kind in MACHINES:
        return _to_machine(passing, table, found, hop, expected)
    if hop.kind is NextHopKind.PEERING:
        return _over_peering(passing, interface, table, route, hop, address)
    if hop.kind in _OUT:
        return _out(passing, table, route, hop, address)
    return Elsewhere(str(hop))


def _local(passing: Passing, vpc: str, address: Address) -> Target | Fault | None:
    """Who has an address of the VPC itself."""
    view = passing.view
    found = view.tree.interface_at(vpc, address)
    if found is not None:
        return ToInterface(found)
    balancer = view.balancer_at(address)
    if balancer is not None and balancer.vpc in ("", vpc):
        return ToBalancer(balancer)
    pods = view.inventory.pods_with_ip(address)
    owner = view.tree.find(Vpc, vpc)
    if not pods or owner is None:
        return None
    pod = pods[0]
    return Fault(
        finding=CloudNicPodIpUnassigned, resource=owner,
        message=f"No network interface of {vpc} has {passing.packet.destination}, the address of "
        f"pod {pod.namespace}/{pod.name}.",
        evidence=(
            Evidence(view.gid(owner), f"no interface with {passing.packet.destination}"),
            Evidence(f"pod {pod.namespace}/{pod.name}", f"podIP {passing.packet.destination}"),
        ),
        disposition=Disposition.NEIGHBOUR_UNREACHABLE,
    )  # fmt: skip


# --- routes to machines ----------------------------------------------------------------------


def _to_machine(
    passing: Passing, table: RouteTable, found: Lookup, hop: NextHop, expected: str
) -> Target | Trouble:
    view, route = passing.view, found.route
    assert route is not None
    target = machine_of(view, hop)
    if target is None:
        if view.tree.find(Instance, hop.id) is not None or view.state.complete:
            return lost(
                view, table, route, CloudRouteNexthopGone, f"leads to {hop}, which does not exist"
            )
        return Elsewhere(f"{hop}, which was not read")
    if not expected or view.node_of(target) == expected:
        return ToInterface(target)
    return ToInterface(target, wrong_way(passing, table, found, target, expected))


def _no_route(
    passing: Passing, table: RouteTable, found: Lookup, address: Address, expected: str
) -> Target | Trouble:
    missing = pods_elsewhere(passing, table, found, address, expected)
    if missing is not None:
        return missing
    fault = nothing(passing, table, found, address)
    private = is_private(*address)
    return fault if private or found.idle else ToInternet(None, fault)


# --- out of the VPC --------------------------------------------------------------------------


def _out(
    passing: Passing, table: RouteTable, route: Route, hop: NextHop, address: Address
) -> Target | Trouble:
    view = passing.view
    if not is_private(*address) or _is_user_range(view, table.vpc, address):
        return ToInternet(hop)
    joined = other_vpc(view, table.vpc, address)
    if joined is not None:
        return not_joined(view, table, joined)
    return Fault(
        finding=CloudNatPrivateDestinationToInternet, resource=table, part=route.id,
        message=f"{passing.packet.destination} is a private address, and only {route.destination} "
        f"via {hop} covers it, which leads to the internet.",
        evidence=(route_evidence(view, table, route),),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def _is_user_range(view: View, vpc: str, address: Address) -> bool:
    found = view.tree.find(Vpc, vpc)
    family, value = address
    return found is not None and any(
        each.family is family and each.contains(value) for each in found.user_cidrs
    )


def _over_peering(
    passing: Passing, interface: Interface, table: RouteTable, route: Route, hop: NextHop,
    address: Address,
) -> Target | Trouble:  # fmt: skip
    view = passing.view
    if not view.looks(Capability.PEERINGS):
        return Elsewhere(str(hop))
    peering = view.tree.find(Peering, hop.id)
    if peering is None:
        if not view.state.complete:
            return Elsewhere(f"{hop}, which was not read")
        return lost(
            view, table, route, CloudRouteNexthopGone, f"leads to {hop}, which does not exist"
        )
    passing.enter(peering)
    if not peering.active:
        return Fault(
            finding=CloudRoutePeeringMissing, resource=peering,
            message=f"Peering {peering.id} is not active: {peering.status or 'inactive'}.",
            evidence=(Evidence(view.gid(peering), peering.raw or peering.status or "inactive"),),
            disposition=Disposition.NO_ROUTE,
        )  # fmt: skip
    for end in peering.ends:
        found = view.tree.interface_at(end.vpc, address) if end.vpc != interface.vpc else None
        if found is not None:
            return ToInterface(found)
    return Elsewhere(f"the other side of {peering.id}")
