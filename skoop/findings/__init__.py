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
from skoop.findings.kinship import related

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


KNOWN_BY = {
    "POD": "The pod's API object, and the addresses, links and sockets of its network namespace "
    "(`ip addr`, `ip link`, /proc/net/tcp and its like).",
    "VETH": "Both ends of the pod's link: `ip -d link`, `ip addr` and `ip neigh` in the pod and on "
    "its node.",
    "BR": "The bridge and its ports on the node: `bridge -d link`, `bridge vlan`, `bridge fdb`, "
    "and the bridge-nf settings.",
    "RT": "`ip rule` and `ip route show table all` of the namespace, held against the routes that "
    "the CNI should have written.",
    "OVL": "The tunnel device (`ip -d link`), its neighbours and forwarding entries, held against "
    "what the CNI notes on the nodes' API objects.",
    "NB": "`ip neigh` and `bridge fdb`, and the addresses that the other nodes really have.",
    "MTU": "The MTU of every link and route on the way there and back, and what becomes of the "
    "ICMP error when one is too small.",
    "NF": "Every rule of iptables (both backends), nftables and ipset that the packet meets, "
    "evaluated in the kernel's order.",
    "CT": "Entries of /proc/net/nf_conntrack or `conntrack -L`, and conntrack's settings.",
    "SYS": "The settings below /proc/sys/net of the namespaces on the way.",
    "SVC": "The Service and its EndpointSlices, held against the rules that kube-proxy has "
    "written on the node.",
    "EP": "The Service, its EndpointSlices and the pods they name.",
    "DNS": "The pod's DNS settings, the cluster's DNS Service and its pods, and the same walk for "
    "a query.",
    "POL": "The policies' API objects evaluated for the two ends, held against the rules that "
    "enforce them on the nodes.",
    "NODE": "The node's API object and the state of its network namespace.",
    "CLOUD": "The cloud's own answers about the resources on the way: routes, groups, lists, "
    "gateways, load balancers.",
}
"""By prefix of a code: what shows a cause of the group. Each suspicion quotes its own evidence."""


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


def known_by(finding: type[Finding]) -> str:
    """How skoop knows: where its evidence is from."""
    return KNOWN_BY[finding.code.rstrip("0123456789")]


def related_to(finding: type[Finding]) -> tuple[type[Finding], ...]:
    """Causes worth a look when this one does not fit."""
    return related(finding, catalogue())


__all__ = [
    "GROUPS",
    "KNOWN_BY",
    "Explanation",
    "Finding",
    "catalogue",
    "find",
    "known_by",
    "related_to",
]
