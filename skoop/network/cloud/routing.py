"""Where a VPC's router sends a packet that left an interface."""

from __future__ import annotations

from msgspec import Struct

from skoop.findings.base import Finding
from skoop.findings.cloud.nat import CloudNatPrivateDestinationToInternet
from skoop.findings.cloud.nic import CloudNicPodIpUnassigned
from skoop.findings.cloud.route import (
    CloudRouteBlackhole,
    CloudRouteInactive,
    CloudRouteMoreSpecific,
    CloudRouteNexthopGone,
    CloudRouteNone,
    CloudRoutePeeringCidrMissing,
    CloudRoutePeeringMissing,
    CloudRoutePodCidrMissing,
    CloudRouteQuotaExceeded,
    CloudRouteSomeTablesStale,
    CloudRouteTableNotAssociated,
    CloudRouteWrongInstance,
)
from skoop.infra.capability import Capability
from skoop.infra.decide.nat import is_private
from skoop.infra.decide.routes import Lookup, is_in_force, lookup
from skoop.infra.resources import (
    Instance,
    Interface,
    LoadBalancer,
    NextHop,
    NextHopKind,
    Peering,
    Route,
    RouteOrigin,
    RouteState,
    RouteTable,
    Vpc,
)
from skoop.model.disposition import Disposition
from skoop.model.kube import Address
from skoop.model.trace import Evidence, StepKind
from skoop.network.cloud.passing import Fault, Passing, Trouble
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import route_evidence

_MACHINES = (NextHopKind.INSTANCE, NextHopKind.INTERFACE)
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
    missing = _pods_elsewhere(passing, table, found, address, expected)
    if missing is not None:
        return (Way(1.0, missing),)
    if route.state is RouteState.BLACKHOLE or not found.ways:
        return (Way(1.0, _lost(view, table, route, CloudRouteBlackhole, "is a black hole")),)
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
        return _lost(view, table, route, CloudRouteBlackhole, "is a black hole")
    if hop.kind is NextHopKind.LOCAL:
        local = _local(passing, interface.vpc, address)
        if local is None and expected and view.instance(expected) is None:
            return ToNode(expected)
        return local or Elsewhere(f"an address of {interface.vpc} that nothing which was read has")
    if hop.kind in _MACHINES:
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
    target = _machine(view, hop)
    if target is None:
        if view.tree.find(Instance, hop.id) is not None or view.state.complete:
            return _lost(
                view, table, route, CloudRouteNexthopGone, f"leads to {hop}, which does not exist"
            )
        return Elsewhere(f"{hop}, which was not read")
    if not expected or view.node_of(target) == expected:
        return ToInterface(target)
    return ToInterface(target, _wrong_way(passing, table, found, target, expected))


def _machine(view: View, hop: NextHop) -> Interface | None:
    if hop.kind is NextHopKind.INTERFACE:
        return view.tree.find(Interface, hop.id)
    instance = view.tree.find(Instance, hop.id)
    interfaces = view.tree.interfaces_of(instance) if instance is not None else ()
    return interfaces[0] if interfaces else None


def _wrong_way(
    passing: Passing, table: RouteTable, found: Lookup, target: Interface, expected: str
) -> Fault:
    """The route leads to a machine that is not the node with the address."""
    view, route = passing.view, found.route
    assert route is not None
    where = view.node_of(target)
    name = f"node {where}" if where else f"instance {target.instance}"
    right = _right_route(view, table, passing, expected)
    shown = route_evidence(view, table, route)
    if right is not None and right is not route:
        return Fault(
            finding=CloudRouteMoreSpecific, resource=table, part=route.id,
            message=f"Route {route.destination} takes {passing.packet.destination} to {name}, past "
            f"{right.destination}, which leads to node {expected}.",
            evidence=(shown, route_evidence(view, table, right)),
        )  # fmt: skip
    return Fault(
        finding=CloudRouteWrongInstance, resource=table, part=route.id,
        message=f"Route {route.destination} leads to {name}, but {passing.packet.destination} is "
        f"on node {expected}.",
        evidence=(shown,),
    )  # fmt: skip


def _right_route(view: View, table: RouteTable, passing: Passing, expected: str) -> Route | None:
    """An entry in force that leads to the node, however wide."""
    packet = passing.packet
    for each in table.routes:
        if each.destination.family is not packet.family or not is_in_force(each):
            continue
        if each.destination.contains(packet.dst) and _leads_to(view, each, expected):
            return each
    return None


def _leads_to(view: View, route: Route, node: str) -> bool:
    machines = [_machine(view, hop) for hop in route.next_hops if hop.kind in _MACHINES]
    return any(each is not None and view.node_of(each) == node for each in machines)


# --- what is missing -------------------------------------------------------------------------


def _no_route(
    passing: Passing, table: RouteTable, found: Lookup, address: Address, expected: str
) -> Target | Trouble:
    missing = _pods_elsewhere(passing, table, found, address, expected)
    if missing is not None:
        return missing
    fault = _nothing(passing, table, found, address)
    private = is_private(*address)
    return fault if private or found.idle else ToInternet(None, fault)


def _nothing(passing: Passing, table: RouteTable, found: Lookup, address: Address) -> Fault:
    view = passing.view
    if found.idle:
        return _idle(view, table, found.idle[0])
    other = _other_table(view, table, address, "")
    if other is not None:
        return _not_associated(view, table, *other)
    joined = _other_vpc(view, table.vpc, address)
    if joined is not None:
        return _not_joined(view, table, joined)
    return Fault(
        finding=CloudRouteNone, resource=table,
        message=f"Route table {table.id} has no entry for {passing.packet.destination}.",
        evidence=(Evidence(view.gid(table), f"{len(table.routes)} entries"),),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def _pods_elsewhere(
    passing: Passing, table: RouteTable, found: Lookup, address: Address, expected: str
) -> Fault | None:
    """Why a packet for a pod does not follow an entry for its node, None when it does or need
    not: pods whose addresses are the VPC's own have no entries."""
    view, route = passing.view, found.route
    if not expected or not view.is_pods(address):
        return None
    if route is not None and any(
        hop.kind in (*_MACHINES, NextHopKind.LOCAL, NextHopKind.BLACKHOLE)
        for hop in route.next_hops
    ):
        _stale_tables(passing, table, route, address, expected)
        return None
    if found.idle:
        return _idle(view, table, found.idle[0])
    other = _other_table(view, table, address, expected)
    if other is not None:
        return _not_associated(view, table, *other)
    custom = [each for each in table.routes if each.origin is RouteOrigin.CUSTOM]
    if table.quota and len(custom) >= table.quota:
        return Fault(
            finding=CloudRouteQuotaExceeded, resource=table,
            message=f"Route table {table.id} is full with {len(custom)} custom entries, and the "
            f"one for the pods of node {expected} is missing.",
            evidence=(Evidence(view.gid(table), f"quota {table.quota}"),),
            disposition=Disposition.NO_ROUTE,
        )  # fmt: skip
    node = view.inventory.node(expected)
    cidrs = ", ".join(str(each) for each in node.pod_cidrs) if node else ""
    return Fault(
        finding=CloudRoutePodCidrMissing, resource=table,
        message=f"Route table {table.id} has no entry that leads {cidrs or 'these pods'} to node "
        f"{expected}.",
        evidence=(
            Evidence(view.gid(table), f"{len(table.routes)} entries"),
            *((route_evidence(view, table, route),) if route is not None else ()),
        ),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def _stale_tables(
    passing: Passing, table: RouteTable, route: Route, address: Address, expected: str
) -> None:
    """Other tables of the VPC that do not lead these pods to their node."""
    view = passing.view
    if not _leads_to(view, route, expected):
        return
    for other in view.tree.all(RouteTable):
        if other.vpc != table.vpc or other.id == table.id or not (other.subnets or other.main):
            continue
        theirs = lookup(other, *address, view.dialect).route
        if theirs is None or not _leads_to(view, theirs, expected):
            passing.doubt(
                Fault(
                    finding=CloudRouteSomeTablesStale, resource=other,
                    message=f"Route table {other.id} does not lead {route.destination} to node "
                    f"{expected}, as {table.id} does.",
                    evidence=(
                        route_evidence(view, table, route),
                        Evidence(view.gid(other), str(theirs or "no entry")),
                    ),
                )
            )  # fmt: skip


def _idle(view: View, table: RouteTable, route: Route) -> Fault:
    return _lost(view, table, route, CloudRouteInactive, f"is {route.state.value}")


def _other_table(
    view: View, table: RouteTable, address: Address, expected: str
) -> tuple[RouteTable, Route] | None:
    for other in view.tree.all(RouteTable):
        if other.vpc != table.vpc or other.id == table.id:
            continue
        theirs = lookup(other, *address, view.dialect).route
        if theirs is None:
            continue
        if _leads_to(view, theirs, expected) if expected else theirs.destination.length > 0:
            return other, theirs
    return None


def _not_associated(view: View, table: RouteTable, other: RouteTable, route: Route) -> Fault:
    return Fault(
        finding=CloudRouteTableNotAssociated, resource=other, part=route.id,
        message=f"Route {route.destination} is in table {other.id}, but the sender's subnet is "
        f"served by {table.id}, which has none.",
        evidence=(
            route_evidence(view, other, route),
            Evidence(view.gid(table), f"{len(table.routes)} entries"),
        ),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def _lost(
    view: View, table: RouteTable, route: Route, finding: type[Finding], what: str
) -> Fault:  # fmt: skip
    return Fault(
        finding=finding, resource=table, part=route.id,
        message=f"Route {route.destination} of table {table.id} {what}.",
        evidence=(route_evidence(view, table, route),),
        disposition=Disposition.BLACKHOLED,
    )  # fmt: skip


# --- out of the VPC --------------------------------------------------------------------------


def _out(
    passing: Passing, table: RouteTable, route: Route, hop: NextHop, address: Address
) -> Target | Trouble:
    view = passing.view
    if not is_private(*address) or _is_user_range(view, table.vpc, address):
        return ToInternet(hop)
    joined = _other_vpc(view, table.vpc, address)
    if joined is not None:
        return _not_joined(view, table, joined)
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


def _other_vpc(view: View, vpc: str, address: Address) -> Vpc | None:
    """Another VPC that an address belongs to."""
    family, value = address
    for each in view.tree.all(Vpc):
        inside = any(cidr.family is family and cidr.contains(value) for cidr in each.cidrs)
        if each.id != vpc and inside:
            return each
    return None


def _joining(view: View, one: str, other: str) -> tuple[Peering, ...]:
    return tuple(
        each for each in view.tree.all(Peering) if {one, other} <= {end.vpc for end in each.ends}
    )


def _not_joined(view: View, table: RouteTable, vpc: Vpc) -> Fault:
    """A packet for another VPC that no route takes there."""
    joined = [each for each in _joining(view, table.vpc, vpc.id) if each.active]
    cidrs = ", ".join(str(each) for each in vpc.cidrs)
    if joined:
        return Fault(
            finding=CloudRoutePeeringCidrMissing, resource=table,
            message=f"Route table {table.id} has no entry for {cidrs} of {vpc.id} over "
            f"{joined[0].id}.",
            evidence=(
                Evidence(view.gid(table), f"{len(table.routes)} entries"),
                Evidence(view.gid(joined[0]), joined[0].raw or "active"),
            ),
            disposition=Disposition.NO_ROUTE,
        )  # fmt: skip
    idle = _joining(view, table.vpc, vpc.id)
    state = f": {idle[0].id} is {idle[0].status or 'inactive'}" if idle else ""
    return Fault(
        finding=CloudRoutePeeringMissing, resource=idle[0] if idle else vpc,
        message=f"No active peering joins {table.vpc} and {vpc.id}{state}.",
        evidence=(Evidence(view.gid(vpc), cidrs),),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


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
        return _lost(
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
