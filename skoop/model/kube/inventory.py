"""Everything known about the cluster's objects, with its lookups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from msgspec import Struct, structs

from skoop.model.diagnosis import NotChecked
from skoop.model.kube.calico import CalicoObjects
from skoop.model.kube.meta import Address
from skoop.model.kube.node import Node
from skoop.model.kube.policy import NetworkPolicy
from skoop.model.kube.policy_calico import CalicoPolicies
from skoop.model.kube.policy_cluster import ClusterPolicy
from skoop.model.kube.service import EndpointSlice, Service
from skoop.model.kube.workload import (
    ConfigMap,
    Namespace,
    Pod,
    ServiceAccount,
    ServiceCidr,
    Workload,
)


class Index(Struct, frozen=True, kw_only=True):
    """The lookups of an inventory, made once by `build_inventory`.

    Names are (namespace, name). `pods_by_ip` leaves out hostNetwork pods (their address is the
    node's) and finished ones; more than one pod under one address is a fault of the cluster.
    """

    pods: Mapping[tuple[str, str], Pod] = {}
    services: Mapping[tuple[str, str], Service] = {}
    config_maps: Mapping[tuple[str, str], ConfigMap] = {}
    nodes: Mapping[str, Node] = {}
    namespaces: Mapping[str, Namespace] = {}
    pods_by_ip: Mapping[Address, tuple[Pod, ...]] = {}
    pods_by_node: Mapping[str, tuple[Pod, ...]] = {}
    nodes_by_ip: Mapping[Address, Node] = {}
    services_by_ip: Mapping[Address, tuple[Service, ...]] = {}
    slices_by_service: Mapping[tuple[str, str], tuple[EndpointSlice, ...]] = {}


class Inventory(Struct, frozen=True, kw_only=True):
    """The cluster's objects. Make one with `build_inventory`, so that the lookups fit.

    `absent` tells which lists were not there and why; such a list is empty here, which says
    nothing about the cluster.
    """

    pods: tuple[Pod, ...] = ()
    nodes: tuple[Node, ...] = ()
    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    network_policies: tuple[NetworkPolicy, ...] = ()
    config_maps: tuple[ConfigMap, ...] = ()
    daemon_sets: tuple[Workload, ...] = ()
    deployments: tuple[Workload, ...] = ()
    service_cidrs: tuple[ServiceCidr, ...] = ()
    calico: CalicoObjects = CalicoObjects()
    service_accounts: tuple[ServiceAccount, ...] = ()
    cluster_policies: tuple[ClusterPolicy, ...] = ()
    calico_policies: CalicoPolicies = CalicoPolicies()
    absent: tuple[NotChecked, ...] = ()
    index: Index = Index()

    def pod(self, namespace: str, name: str) -> Pod | None:
        """A pod by name."""
        return self.index.pods.get((namespace, name))

    def service(self, namespace: str, name: str) -> Service | None:
        """A Service by name."""
        return self.index.services.get((namespace, name))

    def node(self, name: str) -> Node | None:
        """A node by name."""
        return self.index.nodes.get(name)

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """A ConfigMap by name."""
        return self.index.config_maps.get((namespace, name))

    def namespace(self, name: str) -> Namespace | None:
        """A namespace by name."""
        return self.index.namespaces.get(name)

    def pods_with_ip(self, address: Address) -> tuple[Pod, ...]:
        """The running pods that own an address; not those on the node's network."""
        return self.index.pods_by_ip.get(address, ())

    def pods_on_node(self, node: str) -> tuple[Pod, ...]:
        """The pods scheduled to a node, finished ones included."""
        return self.index.pods_by_node.get(node, ())

    def node_with_ip(self, address: Address) -> Node | None:
        """The node that has an address."""
        return self.index.nodes_by_ip.get(address)

    def services_with_ip(self, address: Address) -> tuple[Service, ...]:
        """The Services with an address as ClusterIP, load balancer IP or external IP."""
        return self.index.services_by_ip.get(address, ())

    def slices_of(self, namespace: str, service: str) -> tuple[EndpointSlice, ...]:
        """The EndpointSlices of a Service."""
        return self.index.slices_by_service.get((namespace, service), ())

    def is_absent(self, resource: str) -> bool:
        """Whether a list ("pods", "services", ...) was not collected."""
        return any(each.what == resource for each in self.absent)


_NO_CALICO = CalicoObjects()
_NO_CALICO_POLICIES = CalicoPolicies()


def build_inventory(
    *,
    pods: Iterable[Pod] = (),
    nodes: Iterable[Node] = (),
    services: Iterable[Service] = (),
    endpoint_slices: Iterable[EndpointSlice] = (),
    namespaces: Iterable[Namespace] = (),
    network_policies: Iterable[NetworkPolicy] = (),
    config_maps: Iterable[ConfigMap] = (),
    daemon_sets: Iterable[Workload] = (),
    deployments: Iterable[Workload] = (),
    service_cidrs: Iterable[ServiceCidr] = (),
    calico: CalicoObjects = _NO_CALICO,
    service_accounts: Iterable[ServiceAccount] = (),
    cluster_policies: Iterable[ClusterPolicy] = (),
    calico_policies: CalicoPolicies = _NO_CALICO_POLICIES,
    absent: Iterable[NotChecked] = (),
) -> Inventory:
    """Gather objects into an inventory with its lookups."""
    bare = Inventory(
        pods=tuple(pods),
        nodes=tuple(nodes),
        services=tuple(services),
        endpoint_slices=tuple(endpoint_slices),
        namespaces=tuple(namespaces),
        network_policies=tuple(network_policies),
        config_maps=tuple(config_maps),
        daemon_sets=tuple(daemon_sets),
        deployments=tuple(deployments),
        service_cidrs=tuple(service_cidrs),
        service_accounts=tuple(service_accounts),
        cluster_policies=tuple(cluster_policies),
        calico=calico,
        calico_policies=calico_policies,
        absent=tuple(absent),
    )
    return structs.replace(bare, index=_index(bare))


def _index(inventory: Inventory) -> Index:
    reachable = (pod for pod in inventory.pods if not pod.host_network and not pod.finished)
    return Index(
        pods=_by_name(inventory.pods),
        services=_by_name(inventory.services),
        config_maps=_by_name(inventory.config_maps),
        nodes={node.name: node for node in inventory.nodes},
        namespaces={each.name: each for each in inventory.namespaces},
        pods_by_ip=_grouped((ip, pod) for pod in reachable for ip in pod.ips),
        pods_by_node=_grouped((pod.node, pod) for pod in inventory.pods if pod.node),
        nodes_by_ip={ip: node for node in reversed(inventory.nodes) for ip in node.ips},
        services_by_ip=_grouped((ip, each) for each in inventory.services for ip in each.all_ips),
        slices_by_service=_grouped(
            ((each.namespace, each.service), each)
            for each in inventory.endpoint_slices
            if each.service
        ),
    )


class _Named(Protocol):
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)
_K = TypeVar("_K")
_V = TypeVar("_V")


def _by_name(objects: Iterable[_N]) -> dict[tuple[str, str], _N]:
    return {(each.namespace, each.name): each for each in objects}


def _grouped(pairs: Iterable[tuple[_K, _V]]) -> dict[_K, tuple[_V, ...]]:
    """Group values by key. Nearly all keys have one value, so tuples are grown in place."""
    groups: dict[_K, tuple[_V, ...]] = {}
    crowded: dict[_K, list[_V]] = {}
    for key, value in pairs:
        if key not in groups:
            groups[key] = (value,)
        else:
            crowded.setdefault(key, list(groups[key])).append(value)
    for key, values in crowded.items():
        groups[key] = tuple(values)
    return groups
