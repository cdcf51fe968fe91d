"""DaemonSets, Deployments, ConfigMaps, Namespaces, ServiceAccounts and ServiceCIDRs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import Count, Metadata, SelectorWire, prefixes, selector
from skoop.model.kube import (
    ConfigMap,
    Container,
    LabelSelector,
    Namespace,
    ServiceAccount,
    ServiceCidr,
    Workload,
)


class _NameWire(Struct, frozen=True, gc=False):
    name: str = ""


class _FromWire(Struct, rename="camel", frozen=True, gc=False):
    config_map_key_ref: _NameWire | None = None


class _EnvWire(Struct, rename="camel", frozen=True, gc=False):
    name: str
    value: str | None = None
    value_from: _FromWire | None = None


class _EnvFromWire(Struct, rename="camel", frozen=True, gc=False):
    config_map_ref: _NameWire | None = None


class _SourceWire(Struct, rename="camel", frozen=True, gc=False):
    config_map: _NameWire | None = None


class _ProjectedWire(Struct, frozen=True, gc=False):
    sources: list[_SourceWire] | None = None


class _VolumeWire(Struct, rename="camel", frozen=True, gc=False):
    config_map: _NameWire | None = None
    projected: _ProjectedWire | None = None


class _ContainerWire(Struct, rename="camel", frozen=True, gc=False):
    name: str
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_EnvWire] | None = None
    env_from: list[_EnvFromWire] | None = None


class _PodSpecWire(Struct, rename="camel", frozen=True, gc=False):
    containers: list[_ContainerWire] | None = None
    init_containers: list[_ContainerWire] | None = None
    host_network: bool | None = None
    volumes: list[_VolumeWire] | None = None


class _TemplateWire(Struct, frozen=True, gc=False):
    spec: _PodSpecWire = _PodSpecWire()


class _SpecWire(Struct, frozen=True, gc=False):
    replicas: Count | None = None
    selector: SelectorWire | None = None
    template: _TemplateWire = _TemplateWire()


class _StatusWire(Struct, rename="camel", frozen=True, gc=False):
    desired_number_scheduled: Count = 0
    number_ready: Count = 0
    ready_replicas: Count = 0


class _WorkloadWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SpecWire = _SpecWire()
    status: _StatusWire = _StatusWire()


def decode_daemon_sets(document: bytes, resource: str = "daemonsets") -> tuple[Workload, ...]:
    """Every DaemonSet of a DaemonSetList."""
    return decode_list(resource, document, _WorkloadWire, _daemon_set)


def decode_deployments(document: bytes, resource: str = "deployments") -> tuple[Workload, ...]:
    """Every Deployment of a DeploymentList."""
    return decode_list(resource, document, _WorkloadWire, _deployment)


def _daemon_set(wire: _WorkloadWire) -> Workload:
    status = wire.status
    return _workload("DaemonSet", wire, status.desired_number_scheduled, status.number_ready)


def _deployment(wire: _WorkloadWire) -> Workload:
    replicas = 1 if wire.spec.replicas is None else wire.spec.replicas
    return _workload("Deployment", wire, replicas, wire.status.ready_replicas)


def _workload(kind: str, wire: _WorkloadWire, desired: int, ready: int) -> Workload:
    spec = wire.spec
    pod = spec.template.spec
    return Workload(
        kind=kind,
        namespace=wire.metadata.namespace,
        name=wire.metadata.name,
        labels=wire.metadata.labels or {},
        selector=selector(spec.selector, "spec.selector") if spec.selector else LabelSelector(),
        containers=tuple(_container(each) for each in pod.containers or ()),
        init_containers=tuple(_container(each) for each in pod.init_containers or ()),
        desired=desired,
        ready=ready,
        host_network=bool(pod.host_network),
        config_maps=tuple(dict.fromkeys(_references(pod))),
    )


def _references(pod: _PodSpecWire) -> Iterator[str]:
    """The ConfigMaps a pod takes something from."""
    for volume in pod.volumes or ():
        sources = volume.projected.sources if volume.projected else ()
        for source in (volume, *(sources or ())):
            if source.config_map:
                yield source.config_map.name
    for container in (*(pod.init_containers or ()), *(pod.containers or ())):
        for one in container.env_from or ():
            if one.config_map_ref:
                yield one.config_map_ref.name
        for each in container.env or ():
            if each.value_from and each.value_from.config_map_key_ref:
                yield each.value_from.config_map_key_ref.name


def _container(wire: _ContainerWire) -> Container:
    return Container(
        name=wire.name,
        image=wire.image,
        command=tuple(wire.command or ()),
        args=tuple(wire.args or ()),
        env={each.name: each.value for each in wire.env or () if each.value is not None},
    )


class _ConfigMapWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    data: dict[str, str] | None = None


def decode_config_maps(document: bytes, resource: str = "configmaps") -> tuple[ConfigMap, ...]:
    """Every ConfigMap of a ConfigMapList."""
    return decode_list(resource, document, _ConfigMapWire, _config_map)


def _config_map(wire: _ConfigMapWire) -> ConfigMap:
    return ConfigMap(wire.metadata.namespace, wire.metadata.name, wire.data or {})


class _MetadataWire(Struct, frozen=True, gc=False):
    metadata: Metadata


def decode_namespaces(document: bytes, resource: str = "namespaces") -> tuple[Namespace, ...]:
    """Every Namespace of a NamespaceList."""
    return decode_list(resource, document, _MetadataWire, _namespace)


def _namespace(wire: _MetadataWire) -> Namespace:
    return Namespace(wire.metadata.name, wire.metadata.labels or {})


def decode_service_accounts(
    document: bytes, resource: str = "serviceaccounts"
) -> tuple[ServiceAccount, ...]:
    """Every ServiceAccount of a ServiceAccountList: its name and labels only."""
    return decode_list(resource, document, _MetadataWire, _account)


def _account(wire: _MetadataWire) -> ServiceAccount:
    metadata = wire.metadata
    return ServiceAccount(metadata.namespace, metadata.name, metadata.labels or {})


class _CidrSpecWire(Struct, frozen=True, gc=False):
    cidrs: list[str] | None = None


class _CidrWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _CidrSpecWire = _CidrSpecWire()


def decode_service_cidrs(
    document: bytes, resource: str = "servicecidrs"
) -> tuple[ServiceCidr, ...]:
    """Every ServiceCIDR of a ServiceCIDRList."""
    return decode_list(resource, document, _CidrWire, _service_cidr)


def _service_cidr(wire: _CidrWire) -> ServiceCidr:
    return ServiceCidr(wire.metadata.name, prefixes(wire.spec.cidrs, "spec.cidrs"))
