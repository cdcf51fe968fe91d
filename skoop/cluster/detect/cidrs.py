"""Where pods and Services have their addresses."""

from __future__ import annotations

from collections.abc import Iterable

from skoop.cluster.detect.arguments import component_flag
from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.cluster.detect.distribution import server_arguments
from skoop.cluster.detect.facts import UNKNOWN_SOURCE, Fact, FlannelConfig
from skoop.cluster.detect.kubeproxy import cidrs
from skoop.model.address import Family, Prefix
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Address, Inventory
from skoop.service.config import ProxyConfig

Cidrs = Fact[tuple[Prefix, ...]]


def detect_pod_cidrs(
    inventory: Inventory,
    proxy: Fact[ProxyConfig],
    flannel: Fact[FlannelConfig],
    calico: Fact[CalicoConfig] | None = None,
) -> tuple[Cidrs, tuple[NotChecked, ...]]:
    """The pods' ranges: Calico's pools where its IPAM gives out addresses, kube-proxy's
    clusterCIDR, the controller manager's, flannel's, or the union of the nodes' podCIDRs. Sources
    that contradict each other are noted; Calico's IPAM does not look at the nodes' podCIDRs."""
    text, pod = component_flag(inventory, "kube-controller-manager", "cluster-cidr")
    manager, notes = _readable(text, pod)
    networks = (flannel.value.network, flannel.value.ipv6_network)
    of_nodes = dict.fromkeys(each for node in inventory.nodes for each in node.pod_cidrs)
    candidates = [
        Fact(proxy.value.cluster_cidrs, f"clusterCIDR in {proxy.source}"),
        Fact(manager, pod),
        Fact(tuple(each for each in networks if each is not None), flannel.source),
        Fact(tuple(of_nodes), "podCIDRs of the nodes"),
    ]
    if calico is not None and calico.value.pools:
        ranges = tuple(pool.cidr for pool in calico.value.pools)
        candidates = [Fact(ranges, calico.source, calico.certain), *candidates[:2]]
    known = [each for each in candidates if each.value]
    if not known:
        return Fact((), UNKNOWN_SOURCE, certain=False), notes
    chosen = known[0]
    disagreeing = (
        NotChecked(
            "pod CIDRs", f"{chosen.source} says {_text(chosen)}, {each.source} says {_text(each)}"
        )
        for each in known[1:]
        if not all(_covered(prefix, chosen.value) for prefix in each.value)
    )
    return chosen, (*notes, *disagreeing)


def detect_service_cidrs(inventory: Inventory) -> tuple[Cidrs, tuple[NotChecked, ...]]:
    """The Services' ranges: the API server's flag, ServiceCIDR objects, or (not certain) the
    smallest ranges that hold every ClusterIP seen."""
    text, pod = component_flag(inventory, "kube-apiserver", "service-cluster-ip-range")
    configured, notes = _readable(text, pod)
    if configured:
        return Fact(configured, pod), notes
    server = server_arguments(inventory)
    if server is not None:
        inside, more = _readable(server.get("service-cidr") or "10.43.0.0/16", server.source)
        notes += more
        if inside:
            return Fact(inside, server.source, certain=bool(server.get("service-cidr"))), notes
    objects = dict.fromkeys(each for found in inventory.service_cidrs for each in found.cidrs)
    if objects:
        return Fact(tuple(objects), "ServiceCIDR objects"), notes
    seen = [ip for service in inventory.services for ip in service.cluster_ips]
    if not seen:
        return Fact((), UNKNOWN_SOURCE, certain=False), notes
    inferred = tuple(
        _hull(seen, family) for family in Family if any(ip[0] is family for ip in seen)
    )
    return Fact(inferred, f"the {len(seen)} ClusterIPs in use", certain=False), notes


def _hull(addresses: Iterable[Address], family: Family) -> Prefix:
    """The smallest prefix that holds all addresses of a family."""
    values = [value for each, value in addresses if each is family]
    low, high = min(values), max(values)
    host_bits = (low ^ high).bit_length()
    return Prefix(family, low >> host_bits << host_bits, family.bits - host_bits)


def _readable(text: str, source: str) -> tuple[tuple[Prefix, ...], tuple[NotChecked, ...]]:
    try:
        return cidrs(text), ()
    except ValueError as error:
        return (), (NotChecked(source, f"cannot be read: {error}"),)


def _covered(prefix: Prefix, ranges: tuple[Prefix, ...]) -> bool:
    """Whether a prefix lies in one of the ranges, or its family is not spoken of at all."""
    same = [each for each in ranges if each.family is prefix.family]
    return not same or any(
        each.length <= prefix.length and each.contains(prefix.network) for each in same
    )


def _text(fact: Cidrs) -> str:
    return ", ".join(str(each) for each in fact.value)
