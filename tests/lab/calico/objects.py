"""Calico's own objects of a lab cluster, as the API would list them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.lab.calico.nodes import Ends
from tests.lab.topology import CLUSTER_CIDR, CLUSTER_CIDR6, Calico, Cluster, Node

Object = dict[str, Any]
_GROUP = "crd.projectcalico.org"


def annotations(cluster: Cluster, node: Node) -> dict[str, str]:
    """What calico-node writes to its Node."""
    notes = {}
    for family in cluster.families:
        ends, prefix = Ends(family), f"projectcalico.org/IPv{family}"
        notes[f"{prefix}Address"] = f"{ends.ip(node)}/{24 if family == 4 else 64}"
        tunnel = cluster.calico.pool(family).tunnel if cluster.calico else ""
        if tunnel:
            notes[f"{prefix}{tunnel.upper()}TunnelAddr"] = ends.vtep(node)
    return notes


def resources(cluster: Cluster) -> dict[str, tuple[str, str, Iterable[Object]]]:
    """Resource name to version, kind and items."""
    calico = cluster.calico
    if calico is None:
        return {}
    affinities = [_affinity(node, each) for node in cluster.nodes for each in cluster.families]
    found = {
        "ippools": ("IPPool", [_pool(calico, family) for family in cluster.families]),
        "blockaffinities": ("BlockAffinity", affinities),
        "felixconfigurations": ("FelixConfiguration", [_named("default", {})]),
        "bgpconfigurations": ("BGPConfiguration", []),
        "bgppeers": ("BGPPeer", _peers(cluster, calico)),
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


def _pool(calico: Calico, family: int) -> Object:
    pool = calico.pool(family)
    mode = "CrossSubnet" if pool.cross else "Always"
    cidr, size = (CLUSTER_CIDR, 26) if family == 4 else (CLUSTER_CIDR6, 122)
    spec: Object = {"cidr": cidr, "blockSize": size, "nodeSelector": "all()"}
    spec["ipipMode"] = mode if pool.tunnel == "ipip" else "Never"
    spec["vxlanMode"] = mode if pool.tunnel == "vxlan" else "Never"
    spec["natOutgoing"] = pool.nat_outgoing
    return _named(f"default-ipv{family}-ippool", spec)


def _affinity(node: Node, family: int) -> Object:
    block = Ends(family).block(node)
    spec = {"cidr": block, "node": node.name, "state": "confirmed", "deleted": "false"}
    return _named(f"{node.name}-{block.translate({46: 45, 47: 45, 58: 45})}", spec)


def _peers(cluster: Cluster, calico: Calico) -> list[Object]:
    """The routers, where they are told of pods."""
    routers = sorted(
        {
            Ends(family).gateway(node)
            for family in cluster.families
            if not (calico.mesh or calico.pool(family).tunnel)
            for node in cluster.nodes
        }
    )
    return [
        _named(f"router-{n}", {"peerIP": ip, "asNumber": 64512}) for n, ip in enumerate(routers)
    ]
