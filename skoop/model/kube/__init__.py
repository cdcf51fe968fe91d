"""Kubernetes objects, with just the fields a network diagnosis uses.

All are frozen; addresses are `(Family, int)`; mappings are read-only by type. A field the API left
out holds Kubernetes' own default, or "" / 0 / () where there is none.
"""

from skoop.model.kube.inventory import Index, Inventory, build_inventory
from skoop.model.kube.meta import Address, Condition, LabelSelector, Owner, Requirement
from skoop.model.kube.node import Node, NodeAddress
from skoop.model.kube.policy import IpBlock, NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule
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
    Namespace,
    Pod,
    PodContainer,
    ServiceCidr,
    Workload,
)

__all__ = [
    "Address",
    "Condition",
    "ConfigMap",
    "Container",
    "ContainerPort",
    "EndpointPort",
    "EndpointSlice",
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
    "Service",
    "ServiceCidr",
    "ServicePort",
    "SliceEndpoint",
    "Workload",
    "build_inventory",
]
