"""What a load balancer sends to, and how its faults are told."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.infra.resources import (
    Backend,
    BackendKind,
    Instance,
    Interface,
    Listener,
    LoadBalancer,
    ServerGroup,
)
from skoop.model.address import Family
from skoop.model.packet import protocol_name
from skoop.model.trace import Evidence
from skoop.network.cloud.passing import Fault, Passing
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import evidence


def server_of(
    view: View, balancer: LoadBalancer, backend: Backend, family: Family
) -> tuple[Interface | None, int | None]:
    """A backend's interface and address of the packet's family."""
    interface = _named(view, backend)
    if backend.kind is BackendKind.ADDRESS and backend.address is not None:
        interface = view.interface_for(backend.address, balancer.vpc)
    if backend.address is not None and backend.address[0] is family:
        return interface, backend.address[1]
    if interface is None:
        return None, None
    own = (value for kind, value in interface.addresses if kind is family)
    return interface, next(own, None)


def is_ours(view: View, backend: Backend) -> bool:
    """Whether a backend is a pod or a node of the cluster."""
    if backend.address is not None and view.inventory.pods_with_ip(backend.address):
        return True
    interface = _named(view, backend)
    if backend.kind is BackendKind.ADDRESS and backend.address is not None:
        interface = view.at(backend.address)
    return interface is not None and bool(view.node_of(interface))


def _named(view: View, backend: Backend) -> Interface | None:
    """The interface that a backend names, or the first one of the instance."""
    if backend.kind is BackendKind.INTERFACE:
        return view.tree.find(Interface, backend.id)
    if backend.kind is BackendKind.INSTANCE:
        instance = view.tree.find(Instance, backend.id)
        interfaces = view.tree.interfaces_of(instance) if instance is not None else ()
        return next(iter(interfaces), None)
    return None


def listener_name(listener: Listener) -> str:
    """ "listener TCP/80"."""
    first, last = listener.ports.first, listener.ports.last
    ports = str(first) if first == last else f"{first}-{last}"
    return f"listener {protocol_name(listener.protocol)}/{ports}"


def fault_of(
    passing: Passing, resource: LoadBalancer | ServerGroup, finding: type[Finding], part: str,
    what: str, raw: str = "",
) -> Fault:  # fmt: skip
    """A finding about a balancer or a group; `what` goes on after its name, `raw` is what shows
    it."""
    view = passing.view
    name = resource.kind.value.capitalize()
    message = f"{name} {resource.id} {what}."
    shown = Evidence(view.gid(resource, part), raw) if raw else evidence(view, resource, what)
    return Fault(finding=finding, resource=resource, part=part, message=message, evidence=(shown,))
