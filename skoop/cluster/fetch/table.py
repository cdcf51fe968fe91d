"""What skoop lists of a cluster. A further resource is a further line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from skoop.cluster.api import Resource
from skoop.cluster.api.resource import (
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
)
from skoop.cluster.fetch import needs
from skoop.cluster.fetch.needs import Need


class When(Enum):
    """Which clusters and questions a list is for."""

    ALWAYS = "always"
    SERVED = "where the API server has its group"
    """Custom resources: their absence says that a cluster does without, and is no news."""
    NAMED = "when it is asked for by name, and for whole snapshots"
    INSTEAD = "when the list that it stands in for cannot be had"


class Listed(Struct, frozen=True, kw_only=True):
    """A list. `file` is its name in a snapshot and in `Inventory.absent`; `instead` names the list
    to fall back to; `along_with` is another "GROUP/VERSION" whose presence makes it worth asking
    for; `needed` tells from the lists without one whether anything refers to its objects."""

    resource: Resource
    file: str
    when: When = When.ALWAYS
    instead: str = ""
    along_with: str = ""
    needed: Need | None = None
    namespaced: bool = True

    @property
    def served_as(self) -> str:
        """The "GROUP/VERSION" without which it need not be asked for."""
        return self.along_with or f"{self.resource.group}/{self.resource.version}"


_CALICO = "crd.projectcalico.org"
_POLICY = "policy.networking.k8s.io"


def _custom(plural: str, group: str, version: str = "v1") -> Listed:
    resource = Resource(plural, group, version)
    return Listed(resource=resource, file=resource.rbac, when=When.SERVED, namespaced=False)


def _calico(plural: str, *, instead: str = "", needed: Need | None = None) -> Listed:
    return replace(_custom(plural, _CALICO), instead=instead, needed=needed)


TABLE = (
    Listed(resource=PODS, file="pods"),
    Listed(resource=NODES, file="nodes", namespaced=False),
    Listed(resource=SERVICES, file="services"),
    Listed(
        resource=Resource("endpointslices", "discovery.k8s.io"),
        file="endpointslices",
        instead="endpoints",
    ),
    Listed(resource=Resource("endpoints"), file="endpoints", when=When.INSTEAD),
    Listed(resource=NAMESPACES, file="namespaces", namespaced=False),
    Listed(resource=Resource("networkpolicies", "networking.k8s.io"), file="networkpolicies"),
    Listed(resource=DAEMON_SETS, file="daemonsets"),
    Listed(resource=DEPLOYMENTS, file="deployments", when=When.NAMED),
    Listed(
        resource=Resource("servicecidrs", "networking.k8s.io"),
        file="servicecidrs",
        when=When.NAMED,
    ),
    _calico("ippools"),
    # A block says the same as its affinity, and lists each of its addresses besides.
    _calico("blockaffinities", instead=f"ipamblocks.{_CALICO}"),
    replace(_calico("ipamblocks"), when=When.INSTEAD),
    _calico("felixconfigurations"),
    _calico("bgppeers", needed=needs.bgp),
    _calico("bgpconfigurations", needed=needs.bgp),
    _custom("installations", "operator.tigera.io"),
    _calico("networkpolicies"),
    _calico("globalnetworkpolicies"),
    _calico("tiers", needed=needs.tiers),
    _calico("networksets", needed=needs.network_sets),
    _calico("globalnetworksets", needed=needs.network_sets),
    _calico("hostendpoints"),
    Listed(
        resource=Resource("serviceaccounts"),
        file="serviceaccounts",
        when=When.SERVED,
        along_with=f"{_CALICO}/v1",
        needed=needs.service_accounts,
    ),
    _custom("adminnetworkpolicies", _POLICY, "v1alpha1"),
    _custom("baselineadminnetworkpolicies", _POLICY, "v1alpha1"),
    _custom("clusternetworkpolicies", _POLICY, "v1alpha2"),
)
_BY_POLICIES = (needs.tiers, needs.network_sets, needs.service_accounts)
REFERRED = frozenset(each.file for each in TABLE if each.needed in _BY_POLICIES)
"""What policies refer to, for those who try policies that the cluster does not have yet."""
NAMED = frozenset(each.file for each in TABLE if each.needed or each.when is When.NAMED)
"""What most questions do without, for those who want all."""


def rules() -> tuple[Mapping[str, list[str]], ...]:
    """The least privilege that reading a cluster takes, as the rules of a ClusterRole."""
    groups: dict[str, list[str]] = {}
    for each in TABLE:
        groups.setdefault(each.resource.group, []).append(each.resource.plural)
    listed = tuple(
        {"apiGroups": [group], "resources": sorted(plurals), "verbs": ["list"]}
        for group, plurals in sorted(groups.items())
    )
    single = {"apiGroups": [""], "resources": [CONFIG_MAPS.plural], "verbs": ["get"]}
    return (*listed, single)
