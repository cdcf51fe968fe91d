"""The resources an API server has."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """How a resource is named and whether its objects live in namespaces."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


_ALL = (
    Kind("pods", "Pod"),
    Kind("nodes", "Node", namespaced=False),
    Kind("namespaces", "Namespace", namespaced=False),
    Kind("services", "Service"),
    Kind("endpoints", "Endpoints"),
    Kind("configmaps", "ConfigMap"),
    Kind("secrets", "Secret"),
    Kind("serviceaccounts", "ServiceAccount"),
    Kind("events", "Event"),
    Kind("daemonsets", "DaemonSet", "apps"),
    Kind("deployments", "Deployment", "apps"),
    Kind("statefulsets", "StatefulSet", "apps"),
    Kind("replicasets", "ReplicaSet", "apps"),
    Kind("jobs", "Job", "batch"),
    Kind("endpointslices", "EndpointSlice", "discovery.k8s.io"),
    Kind("networkpolicies", "NetworkPolicy", "networking.k8s.io"),
    Kind("servicecidrs", "ServiceCIDR", "networking.k8s.io", namespaced=False),
    Kind("clusterroles", "ClusterRole", "rbac.authorization.k8s.io", namespaced=False),
    Kind(
        "clusterrolebindings", "ClusterRoleBinding", "rbac.authorization.k8s.io", namespaced=False
    ),
    Kind("roles", "Role", "rbac.authorization.k8s.io"),
    Kind("rolebindings", "RoleBinding", "rbac.authorization.k8s.io"),
)
KINDS = {each.plural: each for each in _ALL}
