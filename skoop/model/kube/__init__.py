"""Kubernetes objects, with just the fields a network diagnosis uses.

All are frozen; addresses are `(Family, int)`; mappings are read-only by type. A field the API left
out holds Kubernetes' own default, or "" / 0 / () where there is none.
"""

from skoop.model.kube.inventory import Index, Inventory, build_inventory
from skoop.model.kube.meta import Address, Condition, LabelSelector, Owner, Requirement
from skoop.model.kube.node import Node, NodeAddress
from skoop.model.kube.policy import IpBlock, NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule
from skoop.model.kube.policy_calico import (
    CalicoEntity,
    CalicoIcmp,
    CalicoNetworkSet,
    CalicoPolicies,
    CalicoPolicy,
    CalicoProfile,
    CalicoRule,
    CalicoTier,
    HostEndpoint,
)
from skoop.model.kube.policy_cluster import (
    ClusterPeer,
    ClusterPolicy,
    ClusterPort,
    ClusterRule,
    SelectedPods,
)
from skoop.model.kube.service import (
    EndpointPort,
    EndpointSlice,
    Ingress,
    Service,
    ServicePort,
    SliceEndpoint,
)
from skoop.model.kube.workload import (
    ConfigMap,
    Container,
    ContainerPort,
    DnsConfig,
    Namespace,
    Pod,
    PodContainer,
    ServiceAccount,
    ServiceCidr,
    Workload,
)

__all__ = [
    "Address",
    "CalicoEntity",
    "CalicoIcmp",
    "CalicoNetworkSet",
    "CalicoPolicies",
    "CalicoPolicy",
    "CalicoProfile",
    "CalicoRule",
    "CalicoTier",
    "ClusterPeer",
    "ClusterPolicy",
    "ClusterPort",
    "ClusterRule",
    "Condition",
    "ConfigMap",
    "Container",
    "ContainerPort",
    "DnsConfig",
    "EndpointPort",
    "EndpointSlice",
    "HostEndpoint",
    "Index",
    "Ingress",
    "Inventory",
    "IpBlock",
    "LabelSelector",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "NodeAddress",
    "Owner",
    "Pod",
    "PodContainer",
    "PolicyPeer",
    "PolicyPort",
    "PolicyRule",
    "Requirement",
    "SelectedPods",
    "Service",
    "ServiceAccount",
    "ServiceCidr",
    "ServicePort",
    "SliceEndpoint",
    "Workload",
    "build_inventory",
]
