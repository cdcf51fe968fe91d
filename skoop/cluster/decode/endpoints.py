"""The deprecated Endpoints, read as the slices they would be.

Only for clusters whose EndpointSlices were not collected: Endpoints know neither terminating
endpoints nor hints, and hold at most 1000 addresses.
"""

from __future__ import annotations

from msgspec import Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import Metadata, Port, address
from skoop.model.address import Family
from skoop.model.kube import EndpointPort, EndpointSlice, SliceEndpoint


class _TargetWire(Struct, frozen=True, gc=False):
    kind: str = ""
    namespace: str = ""
    name: str = ""


class _AddressWire(Struct, rename="camel", frozen=True, gc=False):
    ip: str
    node_name: str | None = None
    hostname: str = ""
    target_ref: _TargetWire | None = None


class _PortWire(Struct, frozen=True, gc=False):
    port: Port
    name: str = ""
    protocol: str = "TCP"


class _SubsetWire(Struct, rename="camel", frozen=True, gc=False):
    addresses: list[_AddressWire] | None = None
    not_ready_addresses: list[_AddressWire] | None = None
    ports: list[_PortWire] | None = None


class _EndpointsWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    subsets: list[_SubsetWire] | None = None


def decode_endpoints(document: bytes, resource: str = "endpoints") -> tuple[EndpointSlice, ...]:
    """A slice for every subset and address family of an EndpointsList."""
    grouped = decode_list(resource, document, _EndpointsWire, _slices)
    return tuple(each for slices in grouped for each in slices)


def _slices(wire: _EndpointsWire) -> tuple[EndpointSlice, ...]:
    metadata = wire.metadata
    found = []
    for number, subset in enumerate(wire.subsets or ()):
        endpoints = [_endpoint(each, ready=True) for each in subset.addresses or ()]
        endpoints += [_endpoint(each, ready=False) for each in subset.not_ready_addresses or ()]
        for family in Family:
            chosen = tuple(each for each in endpoints if each.addresses[0][0] is family)
            if chosen:
                found.append(
                    EndpointSlice(
                        namespace=metadata.namespace,
                        name=f"{metadata.name}-{number}-v{family.value}",
                        service=metadata.name,
                        address_type=f"IPv{family.value}",
                        ports=tuple(
                            EndpointPort(each.port, each.name, each.protocol)
                            for each in subset.ports or ()
                        ),
                        endpoints=chosen,
                        labels=metadata.labels or {},
                    )
                )
    return tuple(found)


def _endpoint(wire: _AddressWire, *, ready: bool) -> SliceEndpoint:
    target = wire.target_ref or _TargetWire()
    return SliceEndpoint(
        addresses=(address(wire.ip, "subsets.addresses.ip"),),
        ready=ready,
        serving=ready,
        node=wire.node_name or "",
        hostname=wire.hostname,
        target=(target.kind, target.namespace, target.name),
    )
