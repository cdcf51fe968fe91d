"""Why a route table does not lead a packet where it should."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.findings.cloud.route import (
    CloudRouteInactive,
    CloudRouteMoreSpecific,
    CloudRouteNone,
    CloudRoutePeeringCidrMissing,
    CloudRoutePeeringMissing,
    CloudRoutePodCidrMissing,
    CloudRouteQuotaExceeded,
    CloudRouteSomeTablesStale,
    CloudRouteTableNotAssociated,
    CloudRouteWrongInstance,
)
from skoop.infra.decide.routes import Lookup, is_in_force, lookup
from skoop.infra.resources import (
    Instance,
    Interface,
    NextHop,
    NextHopKind,
    Peering,
    Route,
    RouteOrigin,
    RouteTable,
    Vpc,
)
from skoop.model.disposition import Disposition
from skoop.model.kube import Address
from skoop.model.trace import Evidence
from skoop.network.cloud.passing import Fault, Passing
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import route_evidence

MACHINES = (NextHopKind.INSTANCE, NextHopKind.INTERFACE)


def machine_of(view: View, hop: NextHop) -> Interface | None:
    """The interface that a next hop names, None when it was not found."""
    if hop.kind is NextHopKind.INTERFACE:
        return view.tree.find(Interface, hop.id)
    instance = view.tree.find(Instance, hop.id)
    interfaces = view.tree.interfaces_of(instance) if instance is not None else ()
    return interfaces[0] if interfaces else None


def wrong_way(
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
        finding=CloudRouteWrongInstance,
        resource=table,
        part=route.id,
        message=f"Route {route.destination} leads to {name}, but {passing.packet.destination} is "
        f"on node {expected}.",
        evidence=(shown,),
        fix=f"let {route.destination} of {table.id} lead to {_machine(view, expected)}",
    )


def _machine(view: View, node: str) -> str:
    """A node as the cloud's console shows it."""
    instance = view.instance(node)
    return f"instance {instance.id} (node {node})" if instance is not None else f"node {node}"


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
    machines = [machine_of(view, hop) for hop in route.next_hops if hop.kind in MACHINES]
    return any(each is not None and view.node_of(each) == node for each in machines)


def nothing(passing: Passing, table: RouteTable, found: Lookup, address: Address) -> Fault:
    """Why no entry is followed."""
    view = passing.view
    if found.idle:
        return _idle(view, table, found.idle[0])
    other = _other_table(view, table, address, "")
    if other is not None:
        return _not_associated(view, table, *other)
    joined = other_vpc(view, table.vpc, address)
    if joined is not None:
        return not_joined(view, table, joined)
    return Fault(
        finding=CloudRouteNone, resource=table,
        message=f"Route table {table.id} has no entry for {passing.packet.destination}.",
        evidence=(Evidence(view.gid(table), f"{len(table.routes)} entries"),),
        disposition=Disposition.NO_ROUTE,
    )  # fmt: skip


def pods_elsewhere(
    passing: Passing, table: RouteTable, found: Lookup, address: Address, expected: str
) -> Fault | None:
    """Why a packet for a pod does not follow an entry for its node, None when it does or need
    not: pods whose addresses are the VPC's own have no entries."""
    view, route = passing.view, found.route
    if not expected or not view.is_pods(address):
        return None
    if route is not None and any(
        hop.kind in (*MACHINES, NextHopKind.LOCAL, NextHopKind.BLACKHOLE) for hop in route.next_hops
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
        fix=f"add an entry to {table.id}: {cidrs or 'these pods'} to {_machine(view, expected)}",
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
    return lost(view, table, route, CloudRouteInactive, f"is {route.state.value}")


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


def lost(
    view: View, table: RouteTable, route: Route, finding: type[Finding], what: str
) -> Fault:  # fmt: skip
    """An entry that takes packets and loses them."""
    return Fault(
        finding=finding, resource=table, part=route.id,
        message=f"Route {route.destination} of table {table.id} {what}.",
        evidence=(route_evidence(view, table, route),),
        disposition=Disposition.BLACKHOLED,
    )  # fmt: skip


def other_vpc(view: View, vpc: str, address: Address) -> Vpc | None:
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


def not_joined(view: View, table: RouteTable, vpc: Vpc) -> Fault:
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
