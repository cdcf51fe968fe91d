"""Nodes."""

from __future__ import annotations

from msgspec import Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.pods import ConditionWire, conditions, is_true
from skoop.cluster.decode.values import Metadata, address, kept_annotations, prefixes
from skoop.model.kube import Node, NodeAddress

_IP_TYPES = frozenset({"InternalIP", "ExternalIP"})
_SPEC_NAMES = {"pod_cidr": "podCIDR", "pod_cidrs": "podCIDRs", "provider_id": "providerID"}


class _TaintWire(Struct, frozen=True, gc=False):
    key: str
    effect: str = ""
    value: str = ""


class _SpecWire(Struct, rename=_SPEC_NAMES, frozen=True, gc=False):
    pod_cidr: str = ""
    pod_cidrs: list[str] | None = None
    provider_id: str = ""
    unschedulable: bool | None = None
    taints: list[_TaintWire] | None = None


class _AddressWire(Struct, frozen=True, gc=False):
    type: str
    address: str


class _InfoWire(Struct, rename="camel", frozen=True, gc=False):
    kubelet_version: str = ""
    kernel_version: str = ""
    os_image: str = ""


class _StatusWire(Struct, rename="camel", frozen=True, gc=False):
    addresses: list[_AddressWire] | None = None
    conditions: list[ConditionWire] | None = None
    node_info: _InfoWire = _InfoWire()


class _NodeWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SpecWire = _SpecWire()
    status: _StatusWire = _StatusWire()


def decode_nodes(document: bytes, resource: str = "nodes") -> tuple[Node, ...]:
    """Every node of a NodeList."""
    return decode_list(resource, document, _NodeWire, _node)


def _node(wire: _NodeWire) -> Node:
    spec, status = wire.spec, wire.status
    found = conditions(status.conditions)
    listed = status.addresses or ()
    info = status.node_info
    return Node(
        name=wire.metadata.name,
        addresses=tuple(
            NodeAddress(each.type, address(each.address, "status.addresses"))
            for each in listed
            if each.type in _IP_TYPES
        ),
        pod_cidrs=prefixes(spec.pod_cidrs or [spec.pod_cidr], "spec.podCIDRs"),
        provider_id=spec.provider_id,
        labels=wire.metadata.labels or {},
        annotations=kept_annotations(wire.metadata),
        ready=is_true(found, "Ready"),
        conditions=found,
        unschedulable=bool(spec.unschedulable),
        taints=tuple(_taint(each) for each in spec.taints or ()),
        kubelet_version=info.kubelet_version,
        kernel_version=info.kernel_version,
        os_image=info.os_image,
    )


def _taint(wire: _TaintWire) -> str:
    value = f"={wire.value}" if wire.value else ""
    return f"{wire.key}{value}:{wire.effect}"
