"""An inventory with some objects put over it, as `kubectl apply` would."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Protocol, TypeVar

from msgspec.structs import replace

from skoop.model.kube import (
    CalicoPolicies,
    ClusterPolicy,
    EndpointSlice,
    Inventory,
    build_inventory,
)


class _Named(Protocol):
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)
_T = TypeVar("_T")


def overlaid(base: Inventory, new: Inventory) -> Inventory:
    """`base` with the objects of `new`; one of the same kind and name is replaced."""
    absent = tuple(each for each in base.absent if not _given(each.what, new))
    return build_inventory(
        pods=_over(base.pods, new.pods),
        nodes=_over_by(base.nodes, new.nodes, lambda each: each.name),
        services=_over(base.services, new.services),
        endpoint_slices=_slices(base, new),
        namespaces=_over_by(base.namespaces, new.namespaces, lambda each: each.name),
        network_policies=_over(base.network_policies, new.network_policies),
        config_maps=base.config_maps,
        daemon_sets=_over(base.daemon_sets, new.daemon_sets),
        deployments=_over(base.deployments, new.deployments),
        service_cidrs=base.service_cidrs,
        calico=base.calico,
        service_accounts=_over(base.service_accounts, new.service_accounts),
        cluster_policies=_over_by(base.cluster_policies, new.cluster_policies, _cluster_name),
        calico_policies=_calico(base.calico_policies, new.calico_policies),
        absent=absent,
    )


def without_policies(inventory: Inventory) -> Inventory:
    """The same cluster without any policy; tiers, sets and host endpoints stay."""
    calico = replace(inventory.calico_policies, policies=())
    return replace(inventory, network_policies=(), cluster_policies=(), calico_policies=calico)


def _given(resource: str, new: Inventory) -> bool:
    return resource == "namespaces" and bool(new.namespaces)


def _slices(base: Inventory, new: Inventory) -> tuple[EndpointSlice, ...]:
    """Without the slices of Services that are replaced: their endpoints may be others."""
    replaced = {(each.namespace, each.name) for each in new.services}
    kept = [each for each in base.endpoint_slices if (each.namespace, each.service) not in replaced]
    return (*kept, *new.endpoint_slices)


def _calico(base: CalicoPolicies, new: CalicoPolicies) -> CalicoPolicies:
    return CalicoPolicies(
        policies=_over(base.policies, new.policies),
        tiers=_over_by(base.tiers, new.tiers, lambda each: each.name),
        network_sets=_over(base.network_sets, new.network_sets),
        host_endpoints=_over_by(base.host_endpoints, new.host_endpoints, lambda each: each.name),
        profiles=_over_by(base.profiles, new.profiles, lambda each: each.name),
    )


def _cluster_name(policy: ClusterPolicy) -> Hashable:
    return policy.kind, policy.name


def _over(base: Iterable[_N], new: Iterable[_N]) -> tuple[_N, ...]:
    return _over_by(base, new, lambda each: (each.namespace, each.name))


def _over_by(
    base: Iterable[_T], new: Iterable[_T], name: Callable[[_T], Hashable]
) -> tuple[_T, ...]:
    found = {name(each): each for each in base}
    found |= {name(each): each for each in new}
    return tuple(found.values())
