"""Services and EndpointSlices."""

from __future__ import annotations

from msgspec import Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import (
    FieldError,
    Metadata,
    Port,
    address,
    addresses,
    intern,
    kept_annotations,
    prefixes,
)
from skoop.model.address import Family
from skoop.model.kube import (
    Address,
    EndpointPort,
    EndpointSlice,
    Ingress,
    Service,
    ServicePort,
    SliceEndpoint,
)

_FAMILIES = {"IPv4": Family.V4, "IPv6": Family.V6}


class _PortWire(Struct, rename="camel", frozen=True, gc=False):
    port: Port
    protocol: str = "TCP"
    name: str | None = None
    target_port: Port | str | None = None
    node_port: Port = 0
    app_protocol: str | None = None


_SPEC_NAMES = {
    "cluster_ip": "clusterIP",
    "cluster_ips": "clusterIPs",
    "ip_families": "ipFamilies",
    "ip_family_policy": "ipFamilyPolicy",
    "external_ips": "externalIPs",
    "load_balancer_ip": "loadBalancerIP",
    "load_balancer_source_ranges": "loadBalancerSourceRanges",
    "load_balancer_class": "loadBalancerClass",
    "external_traffic_policy": "externalTrafficPolicy",
    "internal_traffic_policy": "internalTrafficPolicy",
    "session_affinity": "sessionAffinity",
    "health_check_node_port": "healthCheckNodePort",
    "publish_not_ready_addresses": "publishNotReadyAddresses",
    "external_name": "externalName",
    "traffic_distribution": "trafficDistribution",
}


class _SpecWire(Struct, rename=_SPEC_NAMES, frozen=True, gc=False):
    type: str = "ClusterIP"
    cluster_ip: str = ""
    cluster_ips: list[str] | None = None
    ip_families: list[str] | None = None
    ip_family_policy: str | None = None
    ports: list[_PortWire] | None = None
    selector: dict[str, str] | None = None
    external_ips: list[str] | None = None
    load_balancer_ip: str = ""
    load_balancer_source_ranges: list[str] | None = None
    load_balancer_class: str | None = None
    external_traffic_policy: str | None = None
    internal_traffic_policy: str | None = None
    session_affinity: str | None = None
    health_check_node_port: Port = 0
    publish_not_ready_addresses: bool | None = None
    external_name: str = ""
    traffic_distribution: str | None = None


class _IngressWire(Struct, rename="camel", frozen=True, gc=False):
    ip: str = ""
    hostname: str = ""
    ip_mode: str | None = None


class _BalancerWire(Struct, frozen=True, gc=False):
    ingress: list[_IngressWire] | None = None


class _StatusWire(Struct, rename="camel", frozen=True, gc=False):
    load_balancer: _BalancerWire = _BalancerWire()


class _ServiceWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SpecWire = _SpecWire()
    status: _StatusWire = _StatusWire()


def decode_services(document: bytes, resource: str = "services") -> tuple[Service, ...]:
    """Every Service of a ServiceList."""
    return decode_list(resource, document, _ServiceWire, _service)


def _service(wire: _ServiceWire) -> Service:
    spec = wire.spec
    listed = spec.cluster_ips or [spec.cluster_ip]
    headless = spec.type != "ExternalName" and "None" in listed
    return Service(
        namespace=intern(wire.metadata.namespace),
        name=wire.metadata.name,
        type=intern(spec.type),
        cluster_ips=() if headless else addresses(listed, "spec.clusterIPs"),
        headless=headless,
        ip_families=tuple(_family(each) for each in spec.ip_families or ()),
        ip_family_policy=spec.ip_family_policy or "",
        ports=tuple(_service_port(each) for each in spec.ports or ()),
        selector=spec.selector or {},
        external_ips=addresses(spec.external_ips, "spec.externalIPs"),
        load_balancer_ip=spec.load_balancer_ip,
        ingress=tuple(_ingress(each) for each in wire.status.load_balancer.ingress or ()),
        source_ranges=prefixes(spec.load_balancer_source_ranges, "spec.loadBalancerSourceRanges"),
        load_balancer_class=spec.load_balancer_class or "",
        external_traffic_policy=spec.external_traffic_policy or "Cluster",
        internal_traffic_policy=spec.internal_traffic_policy or "Cluster",
        session_affinity=spec.session_affinity or "None",
        health_check_node_port=spec.health_check_node_port,
        publish_not_ready=bool(spec.publish_not_ready_addresses),
        external_name=spec.external_name,
        traffic_distribution=spec.traffic_distribution or "",
        labels=wire.metadata.labels or {},
        annotations=kept_annotations(wire.metadata),
    )


def _family(text: str) -> Family:
    if text not in _FAMILIES:
        raise FieldError("spec.ipFamilies", f"{text[:60]!r} is neither IPv4 nor IPv6")
    return _FAMILIES[text]


def _service_port(wire: _PortWire) -> ServicePort:
    """targetPort defaults to port (core/v1 ServicePort)."""
    return ServicePort(
        port=wire.port,
        protocol=intern(wire.protocol),
        name=intern(wire.name or ""),
        target_port=wire.target_port or wire.port,
        node_port=wire.node_port,
        app_protocol=wire.app_protocol or "",
    )


def _ingress(wire: _IngressWire) -> Ingress:
    found = address(wire.ip, "status.loadBalancer.ingress") if wire.ip else None
    return Ingress(found, wire.hostname, wire.ip_mode or "VIP")


class _SlicePortWire(Struct, rename="camel", frozen=True, gc=False):
    port: Port | None = None
    name: str | None = None
    protocol: str | None = None
    app_protocol: str | None = None


class _ConditionsWire(Struct, frozen=True, gc=False):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class _HintWire(Struct, frozen=True, gc=False):
    name: str


class _HintsWire(Struct, rename="camel", frozen=True, gc=False):
    for_zones: list[_HintWire] | None = None
    for_nodes: list[_HintWire] | None = None


class _TargetWire(Struct, frozen=True, gc=False):
    kind: str = ""
    namespace: str = ""
    name: str = ""


class _EndpointWire(Struct, rename="camel", frozen=True, gc=False):
    addresses: list[str] | None = None
    conditions: _ConditionsWire | None = None
    node_name: str | None = None
    zone: str | None = None
    hostname: str | None = None
    hints: _HintsWire | None = None
    target_ref: _TargetWire | None = None


class _SliceWire(Struct, rename="camel", frozen=True, gc=False):
    metadata: Metadata
    address_type: str = "IPv4"
    ports: list[_SlicePortWire] | None = None
    endpoints: list[_EndpointWire] | None = None


def decode_endpoint_slices(
    document: bytes, resource: str = "endpointslices"
) -> tuple[EndpointSlice, ...]:
    """Every EndpointSlice of an EndpointSliceList."""
    return decode_list(resource, document, _SliceWire, _slice)


def _slice(wire: _SliceWire) -> EndpointSlice:
    labels = wire.metadata.labels or {}
    return EndpointSlice(
        namespace=intern(wire.metadata.namespace),
        name=wire.metadata.name,
        service=labels.get("kubernetes.io/service-name", ""),
        address_type=intern(wire.address_type),
        managed_by=labels.get("endpointslice.kubernetes.io/managed-by", ""),
        ports=tuple(
            EndpointPort(
                each.port or 0, each.name or "", each.protocol or "TCP", each.app_protocol or ""
            )
            for each in wire.ports or ()
        ),
        endpoints=tuple(_endpoint(each, wire.address_type) for each in wire.endpoints or ()),
        labels=labels,
    )


def _endpoint(wire: _EndpointWire, address_type: str) -> SliceEndpoint:
    state = wire.conditions or _ConditionsWire()
    hints = wire.hints or _HintsWire()
    target = wire.target_ref or _TargetWire()
    return SliceEndpoint(
        addresses=_endpoint_addresses(wire, address_type),
        ready=state.ready is not False,
        serving=state.serving is not False,
        terminating=bool(state.terminating),
        node=intern(wire.node_name or ""),
        zone=intern(wire.zone or ""),
        hostname=wire.hostname or "",
        zone_hints=tuple(intern(each.name) for each in hints.for_zones or ()),
        node_hints=tuple(intern(each.name) for each in hints.for_nodes or ()),
        target=(intern(target.kind), intern(target.namespace), target.name),
    )


def _endpoint_addresses(wire: _EndpointWire, address_type: str) -> tuple[Address, ...]:
    if address_type == "FQDN":
        return ()
    return addresses(wire.addresses, "endpoints.addresses")
