"""Through a load balancer to its backends."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from skoop.findings.base import Finding
from skoop.findings.cloud.balancer import (
    CloudLbAclDeny,
    CloudLbBackendSetDrift,
    CloudLbBackendUnhealthy,
    CloudLbCrossZoneOff,
    CloudLbHairpinClientIpPreservation,
    CloudLbHealthCheckBlocked,
    CloudLbInactive,
    CloudLbListenerMissing,
    CloudLbListenerStopped,
    CloudLbNoBackends,
    CloudLbPortMismatch,
    CloudLbRegionMismatch,
    CloudLbServerGroupMissing,
    CloudLbTargetPortWrong,
)
from skoop.infra.capability import Capability
from skoop.infra.decide.balancers import admits, is_well, listeners_at, serving
from skoop.infra.decide.flow import Flow
from skoop.infra.resources import (
    Backend,
    BackendKind,
    Health,
    Instance,
    Interface,
    Listener,
    LoadBalancer,
    ServerGroup,
    Way,
)
from skoop.model.address import Family
from skoop.model.disposition import Level
from skoop.model.kube import Service, ServicePort
from skoop.model.packet import ANY_PORT, Packet, Proto, protocol_name
from skoop.model.trace import Evidence
from skoop.netstack.conntrack import FlowTuple
from skoop.network.cloud.filters import judged
from skoop.network.cloud.passing import Fault, Passing, Trouble
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import evidence, wanted

_WORDS = {Proto.TCP: "TCP", Proto.UDP: "UDP", Proto.SCTP: "SCTP"}


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
        fault = _fault(
            passing, balancer, CloudLbServerGroupMissing, listener.id,
            f"{_name(listener)} leads to server group {listener.group or '(none)'}, which does not "
            "exist", listener.raw,
        )  # fmt: skip
        return (Choice(1.0, passing, trouble=fault),)
    _remark(passing, balancer, listener, group)
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
        return None, _fault(passing, balancer, CloudLbInactive, "", what, balancer.raw)
    flow = Flow.of(packet)
    found = listeners_at(balancer, flow)
    if not found:
        known = ", ".join(_name(each) for each in balancer.listeners) or "none"
        what = f"has no listener for {protocol_name(packet.proto)} port {packet.dport} ({known})"
        return None, _fault(passing, balancer, CloudLbListenerMissing, "", what)
    listener = next((each for each in found if each.running), None)
    if listener is None:
        stopped = found[0]
        what = f"does not run {_name(stopped)}: {stopped.status or 'stopped'}"
        return None, _fault(
            passing, balancer, CloudLbListenerStopped, stopped.id, what, stopped.raw
        )
    if not admits(listener.access, flow):
        access = listener.access
        what = (
            f"keeps {packet.source} out: access list {access.id} ({access.mode.value}) of "
            f"{_name(listener)}"
        )
        return None, _fault(passing, balancer, CloudLbAclDeny, listener.id, what, access.raw)
    return listener, None


def _choice(
    passing: Passing, balancer: LoadBalancer, listener: Listener, group: ServerGroup,
    backend: Backend, share: float, client: Interface | None,
) -> Choice:  # fmt: skip
    view, before = passing.view, passing.packet
    interface, address = _server(view, balancer, backend, before.family)
    if address is None:
        what = f"backend {backend.id}, which does not exist"
        fault = _fault(passing, group, CloudLbBackendSetDrift, backend.id, f"names {what}",
                       backend.raw)  # fmt: skip
        return Choice(share, passing, trouble=fault)
    after = replace(before, dst=address, dport=backend.port or before.dport)
    if not group.preserves_client:
        own = next((each for each in balancer.sources if each.family is before.family), None)
        source = own.network if own else before.dst
        after = replace(after, src=source, sport=ANY_PORT if before.sport else 0)
    elif client is not None and _is_itself(view, client, interface, before):
        what = f"would send {before.source}'s connection back to itself ({backend.id})"
        fault = _fault(passing, balancer, CloudLbHairpinClientIpPreservation, listener.id, what)
        return Choice(share, passing, trouble=fault)
    text = f"{_name(listener)} hands it to {backend.id}, {after.destination} port {after.dport}"
    passing.turn(after, text, Evidence(view.gid(group, backend.id), backend.raw or text))
    passing.remember(balancer, before, after, backend.id)
    return Choice(share, passing, interface)


def _is_itself(view: View, client: Interface, interface: Interface | None, packet: Packet) -> bool:
    """Whether a backend would get a packet of its own, with its own or its pod's address."""
    if client is not interface or view.dialect.hairpin_preserving:
        return False
    source = (packet.family, packet.src)
    return client.has(source) or (view.node_for(source) or "-") == view.node_of(client)


def _server(
    view: View, balancer: LoadBalancer, backend: Backend, family: Family
) -> tuple[Interface | None, int | None]:
    """A backend's interface and address of the packet's family."""
    interface: Interface | None = None
    if backend.kind is BackendKind.INTERFACE:
        interface = view.tree.find(Interface, backend.id)
    elif backend.kind is BackendKind.INSTANCE:
        instance = view.tree.find(Instance, backend.id)
        interfaces = view.tree.interfaces_of(instance) if instance is not None else ()
        interface = next(iter(interfaces), None)
    elif backend.address is not None:
        interface = view.interface_for(backend.address, balancer.vpc)
    if backend.address is not None and backend.address[0] is family:
        return interface, backend.address[1]
    if interface is None:
        return None, None
    own = (value for kind, value in interface.addresses if kind is family)
    return interface, next(own, None)


def _nobody(
    passing: Passing, balancer: LoadBalancer, listener: Listener, group: ServerGroup
) -> Fault:
    """Why no backend takes a connection."""
    weighed = [each for each in group.backends if each.weight > 0]
    shown = f"{len(group.backends)} backends"
    if not weighed:
        what = f"has no backend that takes connections ({shown})"
        return _fault(passing, group, CloudLbNoBackends, "", what, group.raw)
    zone = _zone(balancer, passing.packet)
    if not balancer.cross_zone and zone and any(is_well(listener, each) for each in weighed):
        zones = ", ".join(sorted({each.zone for each in weighed}))
        what = f"does not cross zones, and zone {zone} has no backend (they are in {zones})"
        return _fault(passing, balancer, CloudLbCrossZoneOff, "", what)
    first = weighed[0]
    blocked = _check_blocked(passing, balancer, listener, first)
    if blocked is not None:
        return blocked
    what = f"thinks that none of its {shown} is healthy"
    return _fault(passing, group, CloudLbBackendUnhealthy, first.id, what, first.raw)


# --- what is worth knowing -------------------------------------------------------------------


def _remark(
    passing: Passing, balancer: LoadBalancer, listener: Listener, group: ServerGroup
) -> None:
    for each in group.backends:
        if each.weight > 0 and not is_well(listener, each):
            blocked = _check_blocked(passing, balancer, listener, each)
            what = f"thinks that backend {each.id} is unhealthy"
            mild = _fault(passing, group, CloudLbBackendUnhealthy, each.id, what, each.raw)
            passing.doubt(blocked or mild)
    if any(each.health is Health.UNKNOWN for each in group.backends) and listener.check.enabled:
        passing.note(f"health of the backends of {group.id}", "it was not read")
    for fault, level in _about_service(passing, balancer, group):
        passing.doubt(fault, level=level, astray=level is Level.CRITICAL)


def _check_blocked(
    passing: Passing, balancer: LoadBalancer, listener: Listener, backend: Backend
) -> Fault | None:
    """A health check that the backend's own groups drop, None when they let it in."""
    view = passing.view
    family = passing.packet.family
    interface, address = _server(view, balancer, backend, family)
    sources = [each for each in balancer.sources if each.family is family]
    if interface is None or address is None or not sources or not view.looks(
        Capability.SECURITY_GROUPS
    ):  # fmt: skip
        return None
    port = listener.check.port or backend.port or passing.packet.dport
    probe = Packet(
        family=family, proto=listener.check.protocol, src=sources[0].network + 1, dst=address,
        sport=ANY_PORT, dport=port,
    )  # fmt: skip
    ruling, _ = judged(view, interface, Way.INGRESS, probe)
    if ruling.admitted is not False or ruling.group is None:
        return None
    rule = f"rule {ruling.rule.id} drops it" if ruling.rule else "no rule names it"
    return Fault(
        finding=CloudLbHealthCheckBlocked, resource=ruling.group,
        part=ruling.rule.id if ruling.rule else "",
        message=f"Backend {backend.id} is unhealthy: security group {ruling.group.id} lets no "
        f"{wanted(probe, Way.INGRESS)} in, where {balancer.id} checks from: {rule}.",
        evidence=(
            Evidence(view.gid(ruling.group, ruling.rule.id if ruling.rule else ""), rule),
            *((Evidence(view.gid(balancer, backend.id), backend.raw),) if backend.raw else ()),
        ),
    )  # fmt: skip


def _about_service(
    passing: Passing, balancer: LoadBalancer, group: ServerGroup
) -> Iterator[tuple[Fault, Level]]:
    """How the balancer differs from what the Service with its address asks for."""
    view = passing.view
    packet = passing.packet
    service = next(iter(view.inventory.services_with_ip((packet.family, packet.dst))), None)
    if service is None:
        return
    nodes = {view.instance(each.name) for each in view.inventory.nodes} - {None}
    regions = {each.region for each in nodes if each is not None}
    if regions and balancer.region and balancer.region not in regions:
        what = f"is in {balancer.region}, the nodes are in {', '.join(sorted(regions))}"
        yield _fault(passing, balancer, CloudLbRegionMismatch, "", what), Level.CRITICAL
    yield from _drift(passing, group, service)
    port = _port_of(service, packet)
    if port is None:
        return
    for backend in group.backends:
        wrong = _wrong_port(view, balancer, backend, packet.family, port)
        if wrong is not None:
            finding, expected = wrong
            what = (
                f"sends to port {backend.port} of {backend.id}; Service {service.namespace}/"
                f"{service.name} has {expected}"
            )
            yield _fault(passing, group, finding, backend.id, what, backend.raw), Level.CRITICAL
            return


def _port_of(service: Service, packet: Packet) -> ServicePort | None:
    word = _WORDS.get(Proto(packet.proto), "") if packet.proto in _WORDS else ""
    found = (each for each in service.ports if (each.port, each.protocol) == (packet.dport, word))
    return next(found, None)


def _wrong_port(
    view: View, balancer: LoadBalancer, backend: Backend, family: Family, port: ServicePort,
) -> tuple[type[Finding], str] | None:  # fmt: skip
    """The finding and the port that is right, None when the backend's is."""
    _, address = _server(view, balancer, backend, family)
    pods = view.inventory.pods_with_ip((family, address)) if address is not None else ()
    if not pods:
        if not port.node_port or backend.port in (0, port.node_port):
            return None
        return CloudLbPortMismatch, f"node port {port.node_port}"
    if not isinstance(port.target_port, int) or not port.target_port:
        return None
    if backend.port == port.target_port:
        return None
    return CloudLbTargetPortWrong, f"target port {port.target_port}"


def _drift(passing: Passing, group: ServerGroup, service: Service) -> Iterator[tuple[Fault, Level]]:
    """Backends that are no nodes or pods; nodes that are missing. With externalTrafficPolicy
    Local only some nodes belong, so what is missing is not judged."""
    view = passing.view
    strange = [each.id for each in group.backends if not _is_ours(view, each)]
    ours = {each.id for each in group.backends if each.kind is BackendKind.INSTANCE}
    missing = []
    if ours and service.external_traffic_policy == "Cluster":
        for node in view.inventory.nodes:
            instance = view.instance(node.name)
            excluded = "node.kubernetes.io/exclude-from-external-load-balancers" in node.labels
            if instance is not None and node.ready and not excluded and instance.id not in ours:
                missing.append(f"{instance.id} ({node.name})")
    parts = [f"has {', '.join(strange)}, no node of the cluster"] if strange else []
    parts += [f"lacks {', '.join(missing)}"] if missing else []
    if parts:
        what = " and ".join(parts)
        fault = _fault(passing, group, CloudLbBackendSetDrift, "", what, group.raw)
        yield fault, Level.WARNING


def _is_ours(view: View, backend: Backend) -> bool:
    if backend.address is not None and view.inventory.pods_with_ip(backend.address):
        return True
    interface: Interface | None = None
    if backend.kind is BackendKind.INSTANCE:
        instance = view.tree.find(Instance, backend.id)
        own = view.tree.interfaces_of(instance) if instance is not None else ()
        interface = next(iter(own), None)
    elif backend.kind is BackendKind.INTERFACE:
        interface = view.tree.find(Interface, backend.id)
    elif backend.address is not None:
        interface = view.at(backend.address)
    return interface is not None and bool(view.node_of(interface))


def _zone(balancer: LoadBalancer, packet: Packet) -> str:
    zones = dict(balancer.zone_of)
    return zones.get((packet.family, packet.dst), "")


def _name(listener: Listener) -> str:
    first, last = listener.ports.first, listener.ports.last
    ports = str(first) if first == last else f"{first}-{last}"
    return f"listener {protocol_name(listener.protocol)}/{ports}"


def _fault(
    passing: Passing, resource: LoadBalancer | ServerGroup, finding: type[Finding], part: str,
    what: str, raw: str = "",
) -> Fault:  # fmt: skip
    view = passing.view
    name = resource.kind.value.capitalize()
    message = f"{name} {resource.id} {what}."
    shown = Evidence(view.gid(resource, part), raw) if raw else evidence(view, resource, what)
    return Fault(finding=finding, resource=resource, part=part, message=message, evidence=(shown,))
