"""The catalogue of causes: one small class each. Codes and names live here and nowhere else."""

from __future__ import annotations

from skoop.findings import (
    bridge,
    cloud,
    conntrack,
    dns,
    endpoints,
    mtu,
    neighbour,
    netfilter,
    node,
    overlay,
    pod,
    policy,
    route,
    service,
    sysctl,
    veth,
)
from skoop.findings.base import Explanation, Finding

GROUPS = {
    "POD": ("Pods and their sockets", pod),
    "VETH": ("A pod's link to its node", veth),
    "BR": ("Bridges", bridge),
    "RT": ("Routes and policy rules", route),
    "OVL": ("Overlay tunnels", overlay),
    "NB": ("Neighbours and forwarding databases", neighbour),
    "MTU": ("Packet sizes", mtu),
    "NF": ("iptables, nftables and ipset", netfilter),
    "CT": ("Connection tracking", conntrack),
    "SYS": ("Kernel settings", sysctl),
    "SVC": ("Services and kube-proxy", service),
    "EP": ("Endpoints", endpoints),
    "DNS": ("Name resolution", dns),
    "POL": ("Network policies", policy),
    "NODE": ("Nodes", node),
    "CLOUD": ("The cloud under the nodes", cloud),
}
"""The prefix of a code: what the group is about, and the module that holds it, in layer order."""


def catalogue() -> tuple[type[Finding], ...]:
    """Every finding, by group in the order of `GROUPS`, then by code."""
    return tuple(finding for _, module in GROUPS.values() for finding in module.FINDINGS)


def find(code_or_name: str) -> type[Finding] | None:
    """The finding with this code ("OVL007", in any case) or name ("fdb-missing")."""
    wanted = code_or_name.strip().lower()
    for finding in catalogue():
        if wanted in (finding.code.lower(), finding.name):
            return finding
    return None


__all__ = ["GROUPS", "Explanation", "Finding", "catalogue", "find"]
