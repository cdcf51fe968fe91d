"""Calico's own objects of a lab cluster, as the API would list them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.lab.topology import CLUSTER_CIDR, Calico, Cluster, Node

Object = dict[str, Any]
_GROUP = "crd.projectcalico.org"


def annotations(cluster: Cluster, node: Node) -> dict[str, str]:
    """What calico-node writes to its Node."""
    notes = {"projectcalico.org/IPv4Address": f"{node.ip}/24"}
    tunnel = cluster.calico.tunnel if cluster.calico else ""
    if tunnel:
        notes[f"projectcalico.org/IPv4{tunnel.upper()}TunnelAddr"] = node.vtep
    return notes


def resources(cluster: Cluster) -> dict[str, tuple[str, str, Iterable[Object]]]:
    """Resource name to version, kind and items."""
    calico = cluster.calico
    if calico is None:
        return {}
    peers = [] if calico.tunnel or calico.mesh else _peers(cluster)
    found = {
        "ippools": ("IPPool", [_pool(calico)]),
        "blockaffinities": ("BlockAffinity", [_affinity(node) for node in cluster.nodes]),
        "felixconfigurations": ("FelixConfiguration", [_named("default", {})]),
        "bgpconfigurations": ("BGPConfiguration", []),
        "bgppeers": ("BGPPeer", peers),
        "networkpolicies": ("NetworkPolicy", []),
        "globalnetworkpolicies": ("GlobalNetworkPolicy", []),
    }
    return {
        f"{name}.{_GROUP}": (f"{_GROUP}/v1", kind, items) for name, (kind, items) in found.items()
    }


def config_map() -> Object:
    """ConfigMap calico-config of the manifest."""
    return {
        "metadata": {"name": "calico-config", "namespace": "kube-system"},
        "data": {"calico_backend": "bird", "veth_mtu": "0", "typha_service_name": "none"},
    }


def _named(name: str, spec: Object) -> Object:
    return {"metadata": {"name": name}, "spec": spec}


def _pool(calico: Calico) -> Object:
    mode = "CrossSubnet" if calico.cross else "Always"
    spec: Object = {"cidr": CLUSTER_CIDR, "blockSize": 26, "nodeSelector": "all()"}
    spec["ipipMode"] = mode if calico.tunnel == "ipip" else "Never"
    spec["vxlanMode"] = mode if calico.tunnel == "vxlan" else "Never"
    spec["natOutgoing"] = calico.nat_outgoing
    return _named("default-ipv4-ippool", spec)


def _affinity(node: Node) -> Object:
    spec = {"cidr": node.block, "node": node.name, "state": "confirmed", "deleted": "false"}
    return _named(f"{node.name}-{node.block.translate({46: 45, 47: 45})}", spec)


def _peers(cluster: Cluster) -> list[Object]:
    """The routers."""
    routers = sorted({node.gateway for node in cluster.nodes})
    return [
        _named(f"router-{n}", {"peerIP": ip, "asNumber": 64512}) for n, ip in enumerate(routers)
    ]
