"""Pods."""

from __future__ import annotations

from msgspec import Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import (
    Count,
    Metadata,
    OwnerReference,
    Port,
    addresses,
    intern,
    kept_annotations,
)
from skoop.model.kube import (
    Address,
    Condition,
    ContainerPort,
    DnsConfig,
    Owner,
    Pod,
    PodContainer,
)


class ConditionWire(Struct, frozen=True, gc=False):
    """status.conditions[]."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None


_PORT_NAMES = {"container_port": "containerPort", "host_port": "hostPort", "host_ip": "hostIP"}


class _PortWire(Struct, rename=_PORT_NAMES, frozen=True, gc=False):
    container_port: Port
    protocol: str = "TCP"
    name: str = ""
    host_port: Port = 0
    host_ip: str = ""


class _ContainerWire(Struct, rename="camel", frozen=True, gc=False):
    name: str
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    ports: list[_PortWire] | None = None
    restart_policy: str | None = None


class _GateWire(Struct, rename="camel", frozen=True, gc=False):
    condition_type: str


class _OptionWire(Struct, frozen=True, gc=False):
    name: str = ""
    value: str | None = None


class _DnsWire(Struct, frozen=True, gc=False):
    nameservers: list[str] | None = None
    searches: list[str] | None = None
    options: list[_OptionWire] | None = None


class _SpecWire(Struct, rename="camel", frozen=True, gc=False):
    containers: list[_ContainerWire] | None = None
    init_containers: list[_ContainerWire] | None = None
    node_name: str = ""
    host_network: bool | None = None
    dns_policy: str = "ClusterFirst"
    dns_config: _DnsWire | None = None
    hostname: str = ""
    subdomain: str = ""
    readiness_gates: list[_GateWire] | None = None
    service_account_name: str = ""


class _ReasonWire(Struct, frozen=True, gc=False):
    reason: str | None = None


class _StateWire(Struct, frozen=True, gc=False):
    waiting: _ReasonWire | None = None
    terminated: _ReasonWire | None = None


class _ContainerStatusWire(Struct, rename="camel", frozen=True, gc=False):
    name: str
    ready: bool = False
    restart_count: Count = 0
    state: _StateWire | None = None


class _IpWire(Struct, frozen=True, gc=False):
    ip: str = ""


_STATUS_NAMES = {
    "pod_ips": "podIPs",
    "pod_ip": "podIP",
    "host_ips": "hostIPs",
    "host_ip": "hostIP",
    "container_statuses": "containerStatuses",
    "init_container_statuses": "initContainerStatuses",
}


class _StatusWire(Struct, rename=_STATUS_NAMES, frozen=True, gc=False):
    phase: str = ""
    reason: str = ""
    conditions: list[ConditionWire] | None = None
    pod_ips: list[_IpWire] | None = None
    pod_ip: str = ""
    host_ips: list[_IpWire] | None = None
    host_ip: str = ""
    container_statuses: list[_ContainerStatusWire] | None = None
    init_container_statuses: list[_ContainerStatusWire] | None = None


class _PodWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SpecWire = _SpecWire()
    status: _StatusWire = _StatusWire()


def decode_pods(document: bytes, resource: str = "pods") -> tuple[Pod, ...]:
    """Every pod of a PodList."""
    return decode_list(resource, document, _PodWire, _pod)


def _pod(wire: _PodWire) -> Pod:
    metadata, spec, status = wire.metadata, wire.spec, wire.status
    found = conditions(status.conditions)
    return Pod(
        namespace=intern(metadata.namespace),
        name=metadata.name,
        uid=metadata.uid,
        labels=metadata.labels or {},
        annotations=kept_annotations(metadata),
        node=intern(spec.node_name),
        host_network=bool(spec.host_network),
        ips=_ips(status.pod_ips, status.pod_ip, "status.podIPs"),
        host_ips=_ips(status.host_ips, status.host_ip, "status.hostIPs"),
        phase=intern(status.phase),
        ready=is_true(found, "Ready"),
        conditions=found,
        containers=_containers(spec, status),
        readiness_gates=tuple(gate.condition_type for gate in spec.readiness_gates or ()),
        deletion_timestamp=metadata.deletion_timestamp or "",
        dns_policy=intern(spec.dns_policy),
        dns_config=_dns_config(spec.dns_config),
        hostname=spec.hostname,
        subdomain=spec.subdomain,
        owner=_owner(metadata.owner_references),
        reason=intern(status.reason),
        service_account=intern(spec.service_account_name),
    )


def _dns_config(wire: _DnsWire | None) -> DnsConfig:
    if wire is None:
        return DnsConfig()
    given = [each.value or "" for each in wire.options or () if each.name == "ndots"]
    return DnsConfig(
        addresses(wire.nameservers or [], "spec.dnsConfig.nameservers"),
        tuple(wire.searches or ()),
        int(given[-1]) if given and given[-1].isdecimal() else -1,
    )


def conditions(wires: list[ConditionWire] | None) -> tuple[Condition, ...]:
    """status.conditions; their words are shared between objects."""
    return tuple(
        Condition(
            intern(each.type), intern(each.status), intern(each.reason or ""), each.message or ""
        )
        for each in wires or ()
    )


def is_true(found: tuple[Condition, ...], name: str) -> bool:
    """Whether the named condition is "True"."""
    return any(each.type == name and each.status == "True" for each in found)


def _ips(many: list[_IpWire] | None, one: str, field: str) -> tuple[Address, ...]:
    """podIPs, or podIP where an old API server has no list."""
    return addresses([each.ip for each in many] if many else [one], field)


def _owner(references: list[OwnerReference] | None) -> Owner:
    """The controlling owner, if any."""
    for each in references or ():
        if each.controller:
            return Owner(intern(each.kind), intern(each.name))
    return Owner()


def _containers(spec: _SpecWire, status: _StatusWire) -> tuple[PodContainer, ...]:
    states = {each.name: each for each in status.container_statuses or ()}
    found = [_container(each, states.get(each.name)) for each in spec.containers or ()]
    sidecars = [each for each in spec.init_containers or () if each.restart_policy == "Always"]
    if sidecars:
        states = {each.name: each for each in status.init_container_statuses or ()}
        found += [_container(each, states.get(each.name), sidecar=True) for each in sidecars]
    return tuple(found)


def _container(
    wire: _ContainerWire, status: _ContainerStatusWire | None, *, sidecar: bool = False
) -> PodContainer:
    state = status.state if status and status.state else _StateWire()
    return PodContainer(
        name=intern(wire.name),
        image=intern(wire.image),
        command=(*(wire.command or ()), *(wire.args or ())),
        ports=tuple(
            ContainerPort(
                each.container_port,
                intern(each.protocol),
                intern(each.name),
                each.host_port,
                each.host_ip,
            )
            for each in wire.ports or ()
        ),
        ready=bool(status and status.ready),
        restarts=status.restart_count if status else 0,
        waiting=_reason(state.waiting, "Waiting"),
        terminated=_reason(state.terminated, "Terminated"),
        sidecar=sidecar,
    )


def _reason(wire: _ReasonWire | None, without_reason: str) -> str:
    if wire is None:
        return ""
    return intern(wire.reason or without_reason)
