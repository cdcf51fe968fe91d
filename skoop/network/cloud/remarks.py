"""What is worth knowing of a load balancer that a connection passes."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.base import Finding
from skoop.findings.cloud.balancer import (
    CloudLbBackendSetDrift,
    CloudLbBackendUnhealthy,
    CloudLbHealthCheckBlocked,
    CloudLbPortMismatch,
    CloudLbRegionMismatch,
    CloudLbTargetPortWrong,
)
from skoop.infra.capability import Capability
from skoop.infra.decide.balancers import is_well
from skoop.infra.resources import (
    Backend,
    BackendKind,
    Health,
    Listener,
    LoadBalancer,
    ServerGroup,
    Way,
)
from skoop.model.address import Family
from skoop.model.disposition import Level
from skoop.model.kube import Service, ServicePort
from skoop.model.packet import ANY_PORT, Packet, Proto
from skoop.model.trace import Evidence
from skoop.network.cloud.backends import fault_of, is_ours, server_of
from skoop.network.cloud.filters import judged
from skoop.network.cloud.passing import Fault, Passing
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import wanted

_WORDS = {Proto.TCP: "TCP", Proto.UDP: "UDP", Proto.SCTP: "SCTP"}


def remark(
    passing: Passing, balancer: LoadBalancer, listener: Listener, group: ServerGroup
) -> None:
    """Note what does not stop this connection: unhealthy backends, differences from the Service."""
    for each in group.backends:
        if each.weight > 0 and not is_well(listener, each):
            blocked = check_blocked(passing, balancer, listener, each)
            what = f"thinks that backend {each.id} is unhealthy"
            mild = fault_of(passing, group, CloudLbBackendUnhealthy, each.id, what, each.raw)
            passing.doubt(blocked or mild)
    if any(each.health is Health.UNKNOWN for each in group.backends) and listener.check.enabled:
        passing.note(f"health of the backends of {group.id}", "it was not read")
    for fault, level in _about_service(passing, balancer, group):
        passing.doubt(fault, level=level, astray=level is Level.CRITICAL)


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
        yield fault_of(passing, balancer, CloudLbRegionMismatch, "", what), Level.CRITICAL
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
            yield fault_of(passing, group, finding, backend.id, what, backend.raw), Level.CRITICAL
            return


def _port_of(service: Service, packet: Packet) -> ServicePort | None:
    word = _WORDS.get(Proto(packet.proto), "") if packet.proto in _WORDS else ""
    found = (each for each in service.ports if (each.port, each.protocol) == (packet.dport, word))
    return next(found, None)


def _wrong_port(
    view: View, balancer: LoadBalancer, backend: Backend, family: Family, port: ServicePort,
) -> tuple[type[Finding], str] | None:  # fmt: skip
    """The finding and the port that is right, None when the backend's is."""
    _, address = server_of(view, balancer, backend, family)
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
    strange = [each.id for each in group.backends if not is_ours(view, each)]
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
        fault = fault_of(passing, group, CloudLbBackendSetDrift, "", what, group.raw)
        yield fault, Level.WARNING


def check_blocked(
    passing: Passing, balancer: LoadBalancer, listener: Listener, backend: Backend
) -> Fault | None:
    """A health check that the backend's own groups drop, None when they let it in."""
    view = passing.view
    family = passing.packet.family
    interface, address = server_of(view, balancer, backend, family)
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
