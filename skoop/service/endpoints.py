"""The endpoints of one Service port, as kube-proxy reads them from EndpointSlices.

pkg/proxy/endpointslicecache.go: ports are matched by name and protocol, ports without a number are
ignored, only the first address of an endpoint counts, and duplicates are merged.
"""

from __future__ import annotations

from msgspec import Struct

from skoop.model.address import Family, format_ip
from skoop.model.kube import EndpointSlice, Inventory, Service, ServicePort, SliceEndpoint
from skoop.service.view import ServiceEndpoint, Unused, UnusedWhy

# kube-proxy does not watch slices with this label (pkg/proxy/util, headless Services).
_HEADLESS = "service.kubernetes.io/headless"


class Collected(Struct, frozen=True):
    """Endpoints of one family, sorted as kube-proxy does by their text, and those of the slices
    that can never serve this port in this family."""

    endpoints: tuple[ServiceEndpoint, ...]
    unusable: tuple[Unused, ...]


def collect(
    inventory: Inventory, service: Service, port: ServicePort, family: Family, *, node: str
) -> Collected:
    """Read the slices of a Service. `node` only decides between contradicting duplicates."""
    found: dict[str, ServiceEndpoint] = {}
    unusable: list[Unused] = []
    for each in inventory.slices_of(service.namespace, service.name):
        if _HEADLESS in each.labels:
            continue
        if each.family is not family:
            unusable += _wrong_family(each, family)
            continue
        numbers = _numbers(each, port)
        if not numbers:
            unusable += _unresolved(each, port)
        for number in numbers:
            for endpoint in _with_port(each, number):
                if str(endpoint) not in found or endpoint.node == node:
                    found[str(endpoint)] = endpoint
    return Collected(tuple(found[text] for text in sorted(found)), tuple(unusable))


def _numbers(each: EndpointSlice, port: ServicePort) -> list[int]:
    return [
        other.port
        for other in each.ports
        if other.port and other.name == port.name and other.protocol == port.protocol
    ]


def _with_port(each: EndpointSlice, number: int) -> list[ServiceEndpoint]:
    return [
        ServiceEndpoint(
            address=endpoint.addresses[0],
            port=number,
            node=endpoint.node,
            zone=endpoint.zone,
            ready=endpoint.ready,
            serving=endpoint.serving,
            terminating=endpoint.terminating,
            zone_hints=endpoint.zone_hints,
            node_hints=endpoint.node_hints,
            pod=_pod(endpoint),
            slice=f"{each.namespace}/{each.name}",
        )
        for endpoint in each.endpoints
        if endpoint.addresses
    ]


def _pod(endpoint: SliceEndpoint) -> tuple[str, str]:
    kind, namespace, name = endpoint.target
    return (namespace, name) if kind == "Pod" else ("", "")


def _wrong_family(each: EndpointSlice, family: Family) -> list[Unused]:
    text = f"its address is of type {each.address_type}, the packet is IPv{family.value}"
    return _all_unused(each, UnusedWhy.WRONG_FAMILY, text)


def _unresolved(each: EndpointSlice, port: ServicePort) -> list[Unused]:
    offered = ", ".join(f"{other.name or other.port}/{other.protocol}" for other in each.ports)
    named = isinstance(port.target_port, str)
    why = f": targetPort {port.target_port} is not resolved" if named else ""
    text = (
        f"its slice has no port {port.name or port.port}/{port.protocol}, only {offered or 'none'}"
        f"{why}"
    )
    return _all_unused(each, UnusedWhy.PORT_UNRESOLVED, text)


def _all_unused(each: EndpointSlice, why: UnusedWhy, text: str) -> list[Unused]:
    found = []
    for endpoint in each.endpoints:
        namespace, name = _pod(endpoint)
        address = format_ip(*endpoint.addresses[0]) if endpoint.addresses else "an endpoint"
        who = f"pod {namespace}/{name}" if name else address
        found.append(Unused(who, why, text, f"{each.namespace}/{each.name}"))
    return found
