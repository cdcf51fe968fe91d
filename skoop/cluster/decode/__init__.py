"""Kubernetes List JSON, as the API server or `kubectl get -o json` gives it, to model objects.

Each function takes the document's bytes and the name to call it by in errors ("pods"), and raises
`InputError` naming that, the item and the field. Unknown fields are ignored, null lists are empty,
items may lack kind and apiVersion.
"""

from skoop.cluster.decode.calico_policies import (
    decode_calico_global_network_sets,
    decode_calico_global_policies,
    decode_calico_host_endpoints,
    decode_calico_network_sets,
    decode_calico_policies,
    decode_calico_profiles,
    decode_calico_tiers,
)
from skoop.cluster.decode.cluster_policies import (
    decode_admin_policies,
    decode_baseline_policies,
    decode_cluster_policies,
)
from skoop.cluster.decode.endpoints import decode_endpoints
from skoop.cluster.decode.nodes import decode_nodes
from skoop.cluster.decode.pods import decode_pods
from skoop.cluster.decode.policies import decode_network_policies
from skoop.cluster.decode.services import decode_endpoint_slices, decode_services
from skoop.cluster.decode.workloads import (
    decode_config_maps,
    decode_daemon_sets,
    decode_deployments,
    decode_namespaces,
    decode_service_accounts,
    decode_service_cidrs,
)

__all__ = [
    "decode_admin_policies",
    "decode_baseline_policies",
    "decode_calico_global_network_sets",
    "decode_calico_global_policies",
    "decode_calico_host_endpoints",
    "decode_calico_network_sets",
    "decode_calico_policies",
    "decode_calico_profiles",
    "decode_calico_tiers",
    "decode_cluster_policies",
    "decode_config_maps",
    "decode_daemon_sets",
    "decode_deployments",
    "decode_endpoint_slices",
    "decode_endpoints",
    "decode_namespaces",
    "decode_network_policies",
    "decode_nodes",
    "decode_pods",
    "decode_service_accounts",
    "decode_service_cidrs",
    "decode_services",
]
