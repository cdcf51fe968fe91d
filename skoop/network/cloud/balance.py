"""Through a load balancer to its backends."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skoop.findings.cloud.balancer import (
    CloudLbAclDeny,
    CloudLbBackendSetDrift,
    CloudLbBackendUnhealthy,
    CloudLbCrossZoneOff,
    CloudLbHairpinClientIpPreservation,
    CloudLbInactive,
    CloudLbListenerMissing,
    CloudLbListenerStopped,
    CloudLbNoBackends,
    CloudLbServerGroupMissing,
)
from skoop.infra.decide.balancers import admits, is_well, listeners_at, serving
from skoop.infra.decide.flow import Flow
from skoop.infra.resources import (
    Backend,
    Interface,
    Listener,
    LoadBalancer,
    ServerGroup,
)
from skoop.model.packet import ANY_PORT, Packet, protocol_name
from skoop.model.trace import Evidence
from skoop.netstack.conntrack import FlowTuple
from skoop.network.cloud.backends import fault_of, listener_name, server_of
from skoop.network.cloud.passing import Fault, Passing, Trouble
from skoop.network.cloud.remarks import check_blocked, remark
from skoop.network.cloud.view import View


class Choice(Struct, frozen=True):
    """A backend the balancer may choose, with the packet as it goes there, or what stops it.
    `interface` is None when the backend is nothing that was read."""

    share: float
    passing: Passing
    interface: Interface | None = None
    trouble: Trouble | None = None


def balanced(
    passing: Passing, balancer: LoadBalancer, client: Interface | None
) -> tuple[Choice, ...]:
    """Every backend for a connection. `client` is its interface when it is in the cloud."""
    passing.enter(balancer)
    listener, trouble = _listener(passing, balancer)
    if trouble is not None or listener is None:
        return (Choice(1.0, passing, trouble=trouble),)
    group = passing.view.tree.find(ServerGroup, listener.group)
    if group is None:
        fault = fault_of(
            passing, balancer, CloudLbServerGroupMissing, listener.id,
            f"{listener_name(listener)} leads to server group {listener.group or '(none)'}, which "
            "does not exist", listener.raw,
        )  # fmt: skip
        return (Choice(1.0, passing, trouble=fault),)
    remark(passing, balancer, listener, group)
    chosen = serving(balancer, listener, group, _zone(balancer, passing.packet),
                     passing.view.dialect)  # fmt: skip
    if not chosen:
        return (Choice(1.0, passing, trouble=_nobody(passing, balancer, listener, group)),)
    before = passing.chosen(balancer)
    if before is not None:  # a connection stays with its backend
        passing.turn(_as(passing.packet, before.onward), f"it stays with {before.node}")
        return (
            Choice(
                1.0,
                passing,
                passing.view.at((passing.packet.family, before.onward.dst), balancer.vpc),
            ),
        )
    return tuple(
        _choice(passing.copy(), balancer, listener, group, backend, share, client)
        for backend, share in chosen
    )


def _as(packet: Packet, flow: FlowTuple) -> Packet:
    return replace(packet, src=flow.src, dst=flow.dst, sport=flow.sport, dport=flow.dport)


def _listener(passing: Passing, balancer: LoadBalancer) -> tuple[Listener | None, Trouble | None]:
    packet = passing.packet
    if not balancer.active:
        what = f"is not active: {balancer.status or 'inactive'}"
        return None, fault_of(passing, balancer, CloudLbInactive, "", what, balancer.raw)
    flow = Flow.of(packet)
    found = listeners_at(balancer, flow)
    if not found:
        known = ", ".join(listener_name(each) for each in balancer.listeners) or "none"
        what = f"has no listener for {protocol_name(packet.proto)} port {packet.dport} ({known})"
        return None, fault_of(passing, balancer, CloudLbListenerMissing, "", what)
    listener = next((each for each in found if each.running), None)
    if listener is None:
        stopped = found[0]
        what = f"does not run {listener_name(stopped)}: {stopped.status or 'stopped'}"
        return None, fault_of(
            passing, balancer, CloudLbListenerStopped, stopped.id, what, stopped.raw
        )
    if not admits(listener.access, flow):
        access = listener.access
        what = (
            f"keeps {packet.source} out: access list {access.id} ({access.mode.value}) of "
            f"{listener_name(listener)}"
        )
        return None, fault_of(passing, balancer, CloudLbAclDeny, listener.id, what, access.raw)
    return listener, None


def _choice(
    passing: Passing, balancer: LoadBalancer, listener: Listener, group: ServerGroup,
    backend: Backend, share: float, client: Interface | None,
) -> Choice:  # fmt: skip
    view, before = passing.view, passing.packet
    interface, address = server_of(view, balancer, backend, before.family)
    if address is None:
        what = f"backend {backend.id}, which does not exist"
        fault = fault_of(passing, group, CloudLbBackendSetDrift, backend.id, f"names {what}",
                       backend.raw)  # fmt: skip
        return Choice(share, passing, trouble=fault)
    after = replace(before, dst=address, dport=backend.port or before.dport)
    if not group.preserves_client:
        own = next((each for each in balancer.sources if each.family is before.family), None)
        source = own.network if own else before.dst
        after = replace(after, src=source, sport=ANY_PORT if before.sport else 0)
    elif client is not None and _is_itself(view, client, interface, before):
        what = f"would send {before.source}'s connection back to itself ({backend.id})"
        fault = fault_of(passing, balancer, CloudLbHairpinClientIpPreservation, listener.id, what)
        return Choice(share, passing, trouble=fault)
    to = f"{backend.id}, {after.destination} port {after.dport}"
    text = f"{listener_name(listener)} hands it to {to}"
    passing.turn(after, text, Evidence(view.gid(group, backend.id), backend.raw or text))
    passing.remember(balancer, before, after, backend.id)
    return Choice(share, passing, interface)


def _is_itself(view: View, client: Interface, interface: Interface | None, packet: Packet) -> bool:
    """Whether a backend would get a packet of its own, with its own or its pod's address."""
    if client is not interface or view.dialect.hairpin_preserving:
        return False
    source = (packet.family, packet.src)
    return client.has(source) or (view.node_for(source) or "-") == view.node_of(client)


def _nobody(
    passing: Passing, balancer: LoadBalancer, listener: Listener, group: ServerGroup
) -> Fault:
    """Why no backend takes a connection."""
    weighed = [each for each in group.backends if each.weight > 0]
    shown = f"{len(group.backends)} backends"
    if not weighed:
        what = f"has no backend that takes connections ({shown})"
        return fault_of(passing, group, CloudLbNoBackends, "", what, group.raw)
    zone = _zone(balancer, passing.packet)
    if not balancer.cross_zone and zone and any(is_well(listener, each) for each in weighed):
        zones = ", ".join(sorted({each.zone for each in weighed}))
        what = f"does not cross zones, and zone {zone} has no backend (they are in {zones})"
        return fault_of(passing, balancer, CloudLbCrossZoneOff, "", what)
    first = weighed[0]
    blocked = check_blocked(passing, balancer, listener, first)
    if blocked is not None:
        return blocked
    what = f"thinks that none of its {shown} is healthy"
    return fault_of(passing, group, CloudLbBackendUnhealthy, first.id, what, first.raw)


def _zone(balancer: LoadBalancer, packet: Packet) -> str:
    zones = dict(balancer.zone_of)
    return zones.get((packet.family, packet.dst), "")
