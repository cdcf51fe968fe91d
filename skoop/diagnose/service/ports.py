"""Ports of a Service's backends: as the Service asks for them, as the slices list them, and as the
pods have them open."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.diagnose.service.asked import Asked
from skoop.diagnose.story import Row
from skoop.findings import endpoints, service
from skoop.findings.base import Finding
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.model.kube import Pod
from skoop.model.trace import Evidence
from skoop.netstack.sockets import wrong_protocol
from skoop.netstack.walk.events import Reason
from skoop.service import ServiceEndpoint

_CONTROLLERS = ("", "endpointslice-controller.k8s.io")
"""Who writes slices by the Service's selector and targetPort. Others may list other ports."""


def port_causes(asked: Asked) -> tuple[Suspicion, ...]:
    """Backends that refuse because the packet comes to a port they have not open: the slice's fault
    where it differs from targetPort, else targetPort's."""
    behind = tuple(_slice_ports(asked))
    if any(each.blocking for each in behind):
        return behind
    return (*behind, *_target_ports(asked))


def unresolved(asked: Asked) -> type[Finding]:
    """Why no slice has the Service's port: no pod has a port of targetPort's name, or slice and
    Service name the port differently."""
    target, owner = asked.destination.port.target_port, asked.destination.service
    pods = [
        pod
        for pod in asked.cluster.inventory.pods
        if pod.namespace == owner.namespace
        and all(pod.labels.get(k) == v for k, v in owner.selector.items())
    ]
    named = isinstance(target, str) and bool(owner.selector)
    if named and not any(_wanted(asked, pod) for pod in pods):
        return service.NamedPortUnresolved
    return endpoints.SlicePortMismatch


def _slice_ports(asked: Asked) -> Iterator[Suspicion]:
    owner, port = asked.destination.service, asked.destination.port
    name = f"{owner.namespace}/{owner.name}"
    wrong = [each for each in asked.view.backends if _is_behind(asked, each.endpoint)]
    rows = asked.settled.rows
    hit = [each for each in wrong if any(_refuses(row, each.endpoint) for row in rows)]
    for backend in (hit or wrong)[:1]:
        endpoint = backend.endpoint
        pod = asked.cluster.inventory.pod(*endpoint.pod)
        wanted = _wanted(asked, pod) if pod else 0
        is_number = f"is {wanted}" if wanted else "is the name of no port"
        yield endpoints.SlicePortMismatch.suspect(
            where=Where("service", name),
            direction=Direction.FORWARD,
            message=f"An EndpointSlice of Service {name} lists port {endpoint.port} of "
            f"{endpoint.who}, where targetPort {port.target_port or port.port} {is_number}",
            evidence=(
                Evidence(f"EndpointSlice {endpoint.slice}", str(endpoint)),
                Evidence(f"Service {name}", f"targetPort: {port.target_port or port.port}"),
            ),
            blocking=bool(hit),
            why="nodes send to the port in the slice, which is not kept up to date",
            fix=f"kubectl -n {owner.namespace} get endpointslices "
            f"-l kubernetes.io/service-name={owner.name} -o yaml   # does its controller run?",
        )


def _is_behind(asked: Asked, endpoint: ServiceEndpoint) -> bool:
    """Whether an endpoint's port is not what targetPort is in its pod."""
    pod = asked.cluster.inventory.pod(*endpoint.pod)
    selects = bool(asked.destination.service.selector)
    if pod is None or not selects or not _is_kept(asked, endpoint):
        return False
    return _wanted(asked, pod) != endpoint.port


def _is_kept(asked: Asked, endpoint: ServiceEndpoint) -> bool:
    """Whether the slice is one that is written by selector and targetPort."""
    owner = asked.destination.service
    slices = asked.cluster.inventory.slices_of(owner.namespace, owner.name)
    return any(
        f"{each.namespace}/{each.name}" == endpoint.slice and each.managed_by in _CONTROLLERS
        for each in slices
    )


def _wanted(asked: Asked, pod: Pod) -> int:
    """What targetPort is in a pod, 0 when it has no port of that name."""
    port = asked.destination.port
    if not isinstance(port.target_port, str):
        return port.target_port or port.port
    declared = (each for container in pod.containers for each in container.ports)
    fitting = (
        each.port
        for each in declared
        if each.name == port.target_port and each.protocol == port.protocol
    )
    return next(fitting, 0)


def _refuses(row: Row, endpoint: ServiceEndpoint) -> bool:
    at = row.at
    return (
        any(blocker.stop.reason is Reason.NO_LISTENER for blocker in row.blockers[:1])
        and at is not None
        and (at.dst, at.dport) == (endpoint.address[1], endpoint.port)
    )


def _target_ports(asked: Asked) -> Iterator[Suspicion]:
    """A backend refuses because the Service sends to a port its pod has not open."""
    owner = asked.destination.service
    for row in asked.settled.rows:
        stops = [b.stop for b in row.blockers if b.stop.reason is Reason.NO_LISTENER]
        if row.result is not Result.REFUSED or row.at is None or not stops:
            continue
        if (row.at.dst, row.at.dport) == (asked.question.dst, asked.question.dport):
            continue  # nobody translated it
        stack = asked.cluster.world.stacks[row.server]
        open_ports = sorted(
            {s.port for s in stack.namespace.sockets if s.proto == asked.question.proto}
        )
        same = stack.sockets.at(asked.question.proto, row.at.dport)
        same += wrong_protocol(stack.sockets, row.at)
        if same or not open_ports:
            continue
        target = asked.destination.port.target_port or asked.destination.port.port
        listed = ", ".join(map(str, open_ports))
        yield service.TargetportMismatch.suspect(
            where=Where("service", f"{owner.namespace}/{owner.name}"),
            direction=Direction.FORWARD,
            message=f"Service {owner.namespace}/{owner.name} sends to port {row.at.dport} of "
            f"{row.server}, which listens on {listed}",
            evidence=(
                Evidence(f"Service {owner.namespace}/{owner.name}", f"targetPort: {target}"),
                Evidence(f"ss -lntu in {row.server}", f"open: {listed}"),
            ),
            blocking=True,
            fix=f"set targetPort of Service {owner.name} to the port the program listens on",
        )
        return
