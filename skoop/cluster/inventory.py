"""The cluster's lists, as files or answers, to one inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

from skoop.cluster import decode
from skoop.cluster.calico import calico_objects
from skoop.cluster.decode.items import RefusedError
from skoop.cluster.memory import collector_paused
from skoop.cluster.policies import policy_lists
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import EndpointSlice, Inventory, build_inventory

_GROUPS = {
    "endpointslices": "discovery.k8s.io",
    "networkpolicies": "networking.k8s.io",
    "servicecidrs": "networking.k8s.io",
    "daemonsets": "apps",
    "deployments": "apps",
}

_NO_SLICES = (
    "not collected; Endpoints are used instead, which know no terminating endpoints, no hints and"
    " at most 1000 addresses"
)

_T = TypeVar("_T")


class _Read(Struct, Generic[_T], frozen=True):
    """A list's objects, or why there are none."""

    objects: tuple[_T, ...] = ()
    absent: tuple[NotChecked, ...] = ()


def from_documents(documents: Mapping[str, bytes]) -> Inventory:
    """Read List documents, keyed by resource ("pods", "endpointslices" or with its group
    "endpointslices.discovery.k8s.io").

    A missing list, or the API server's refusal in its place, becomes an entry of `absent` whose
    `what` is the resource. Keys that are no list skoop uses ("version") are ignored. Raises
    InputError naming the resource, the item and the field when a document cannot be read.
    """
    with collector_paused():
        pods = _read(documents, "pods", decode.decode_pods)
        nodes = _read(documents, "nodes", decode.decode_nodes)
        services = _read(documents, "services", decode.decode_services)
        slices = _slices(documents)
        namespaces = _read(documents, "namespaces", decode.decode_namespaces)
        policies = _read(documents, "networkpolicies", decode.decode_network_policies)
        config_maps = _read(documents, "configmaps", decode.decode_config_maps)
        daemon_sets = _read(documents, "daemonsets", decode.decode_daemon_sets)
        deployments = _read(documents, "deployments", decode.decode_deployments)
        cidrs = _read(documents, "servicecidrs", decode.decode_service_cidrs)
        optional = policy_lists(documents)
        return build_inventory(
            pods=pods.objects,
            nodes=nodes.objects,
            services=services.objects,
            endpoint_slices=slices.objects,
            namespaces=namespaces.objects,
            network_policies=policies.objects,
            config_maps=config_maps.objects,
            daemon_sets=daemon_sets.objects,
            deployments=deployments.objects,
            service_cidrs=cidrs.objects,
            calico=calico_objects(documents),
            service_accounts=optional.service_accounts,
            cluster_policies=optional.cluster_policies,
            calico_policies=optional.calico,
            absent=(
                *(pods.absent + nodes.absent + services.absent + slices.absent),
                *(namespaces.absent + policies.absent + config_maps.absent),
                *(daemon_sets.absent + deployments.absent + optional.absent),
            ),
        )


def _read(
    documents: Mapping[str, bytes], resource: str, decoder: Callable[[bytes, str], tuple[_T, ...]]
) -> _Read[_T]:
    document = _find(documents, resource)
    if document is None:
        return _Read(absent=(NotChecked(resource, "not collected"),))
    try:
        return _Read(decoder(document, resource))
    except RefusedError as error:
        return _Read(absent=(NotChecked(resource, error.reason),))


def _find(documents: Mapping[str, bytes], resource: str) -> bytes | None:
    for key in (resource, f"{resource}.{_GROUPS.get(resource, '')}"):
        if key in documents:
            return documents[key]
    return None


def _slices(documents: Mapping[str, bytes]) -> _Read[EndpointSlice]:
    slices = _read(documents, "endpointslices", decode.decode_endpoint_slices)
    if not slices.absent:
        return slices
    endpoints = _read(documents, "endpoints", decode.decode_endpoints)
    if endpoints.absent:
        return slices
    return _Read(endpoints.objects, (NotChecked("endpointslices", _NO_SLICES),))
