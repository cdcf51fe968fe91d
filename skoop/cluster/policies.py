"""The lists of policies that a cluster need not have: an administrator's, and Calico's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import Struct

from skoop.cluster import decode
from skoop.cluster.calico import GROUPS as CALICO_GROUPS
from skoop.cluster.decode.items import RefusedError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import CalicoPolicies, ClusterPolicy, ServiceAccount

_ADMIN_GROUP = "policy.networking.k8s.io"
_NOT_SERVED = "could not find the requested resource"
"""How the API server refuses a list of a custom resource that is not installed."""

_T = TypeVar("_T")


class PolicyLists(Struct, frozen=True):
    """What was found. A list that is not there says nothing; `absent` are those that were refused
    although the cluster has them."""

    cluster_policies: tuple[ClusterPolicy, ...]
    calico: CalicoPolicies
    service_accounts: tuple[ServiceAccount, ...]
    absent: tuple[NotChecked, ...]


def policy_lists(documents: Mapping[str, bytes]) -> PolicyLists:
    """Read what is there. Raises InputError for a list that cannot be read."""
    reader = _Reader(documents)
    read, calico = reader.read, reader.calico
    return PolicyLists(
        cluster_policies=(
            *reader.admin("adminnetworkpolicies", decode.decode_admin_policies),
            *reader.admin("baselineadminnetworkpolicies", decode.decode_baseline_policies),
            *reader.admin("clusternetworkpolicies", decode.decode_cluster_policies),
        ),
        calico=CalicoPolicies(
            policies=(
                *calico("networkpolicies", decode.decode_calico_policies),
                *calico("globalnetworkpolicies", decode.decode_calico_global_policies),
            ),
            tiers=calico("tiers", decode.decode_calico_tiers),
            network_sets=(
                *calico("networksets", decode.decode_calico_network_sets),
                *calico("globalnetworksets", decode.decode_calico_global_network_sets),
            ),
            host_endpoints=calico("hostendpoints", decode.decode_calico_host_endpoints),
            profiles=calico("profiles", decode.decode_calico_profiles),
        ),
        service_accounts=read(("serviceaccounts",), decode.decode_service_accounts),
        absent=tuple(reader.absent),
    )


class _Reader:
    """Reads lists under the names they may have, and keeps what was refused."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents
        self.absent: list[NotChecked] = []

    def read(
        self, names: tuple[str, ...], decoder: Callable[[bytes, str], tuple[_T, ...]]
    ) -> tuple[_T, ...]:
        """The list under the first name that is there."""
        name = next((each for each in names if each in self._documents), None)
        if name is None:
            return ()
        try:
            return decoder(self._documents[name], name)
        except RefusedError as error:
            if _NOT_SERVED not in error.reason:
                self.absent.append(NotChecked(name, error.reason))
            return ()

    def admin(self, plural: str, decoder: Callable[[bytes, str], tuple[_T, ...]]) -> tuple[_T, ...]:
        """A list of policy.networking.k8s.io."""
        return self.read((plural, f"{plural}.{_ADMIN_GROUP}"), decoder)

    def calico(
        self, plural: str, decoder: Callable[[bytes, str], tuple[_T, ...]]
    ) -> tuple[_T, ...]:
        """A list of Calico's. Without a group "networkpolicies" is Kubernetes' own."""
        bare = () if plural == "networkpolicies" else (plural,)
        return self.read((*bare, *(f"{plural}.{group}" for group in CALICO_GROUPS)), decoder)
