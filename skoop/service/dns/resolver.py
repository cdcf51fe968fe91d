"""A pod's /etc/resolv.conf as kubelet writes it, and the names that a resolver tries with it.

pkg/kubelet/network/dns/dns.go (GetPodDNS); resolv.conf(5) for search and ndots.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.address import format_ip, parse_ip
from skoop.model.kube import Address, Inventory, Pod, Service

_NDOTS = 5
_NAMES = ("kube-dns", "coredns", "dns-default", "rke2-coredns-rke2-coredns")
_LABEL = "k8s-app"
_LOCAL = ("node-local-dns", "nodelocaldns")


class Source(Enum):
    """Where a pod's resolver configuration comes from."""

    CLUSTER = "the cluster's DNS"
    POD = "the pod's dnsConfig"
    NODE = "the node's own resolv.conf"


class ClusterDns(Struct, frozen=True):
    """The cluster's DNS: its Service (None when there is none), the addresses that kubelet gives
    pods, those of a cache on every node, and the name of that cache's DaemonSet."""

    service: Service | None = None
    given: tuple[Address, ...] = ()
    local: tuple[Address, ...] = ()
    local_set: str = ""


class PodResolver(Struct, frozen=True, kw_only=True):
    """What a pod's resolver is told. `source` NODE means that only the node knows the servers."""

    nameservers: tuple[Address, ...]
    search: tuple[str, ...]
    ndots: int
    source: Source
    policy: str

    def tried(self, name: str) -> tuple[str, ...]:
        """The names asked for, in order, until one exists: a name with fewer dots than `ndots` is
        completed first and taken as it stands last, others the other way round. A dot at the end
        leaves nothing to complete."""
        if name.endswith("."):
            return (name.rstrip("."),)
        completed = tuple(f"{name}.{each}" for each in self.search)
        if name.count(".") >= self.ndots:
            return (name, *completed)
        return (*completed, name)

    def text(self) -> str:
        """As /etc/resolv.conf would have it, on one line."""
        servers = " ".join(format_ip(*each) for each in self.nameservers)
        search = f"; search {' '.join(self.search)}" if self.search else ""
        return f"nameserver {servers or '?'}{search}; options ndots:{self.ndots}"


def cluster_dns(inventory: Inventory) -> ClusterDns:
    """The cluster's DNS from its objects: by its usual name or label in kube-system (or OpenShift's
    openshift-dns), and what kubelet is told in its ConfigMap."""
    service = next(iter(_services(inventory)), None)
    local, name = _node_local(inventory)
    given = _of_kubelet(inventory) or (service.cluster_ips if service else ())
    return ClusterDns(service, given, local, name)


def _services(inventory: Inventory) -> list[Service]:
    found = [
        each
        for each in inventory.services
        if each.namespace in ("kube-system", "openshift-dns")
        and (each.name in _NAMES or each.labels.get(_LABEL) in ("kube-dns", "coredns"))
        and any(port.port == 53 for port in each.ports)
        and each.cluster_ips
    ]
    return sorted(found, key=lambda each: (each.name not in _NAMES, each.name))


def _node_local(inventory: Inventory) -> tuple[tuple[Address, ...], str]:
    for each in inventory.daemon_sets:
        if each.name not in _LOCAL:
            continue
        words = [w for c in each.containers for w in (*c.command, *c.args)]
        listed = [words[n + 1] for n, word in enumerate(words[:-1]) if word == "-localip"]
        listed += [word.partition("=")[2] for word in words if word.startswith("-localip=")]
        ips = [part for text in listed for part in text.split(",") if part]
        return _addresses(ips or ["169.254.20.10"]), f"{each.namespace}/{each.name}"
    return (), ""


def _of_kubelet(inventory: Inventory) -> tuple[Address, ...]:
    """clusterDNS of kubeadm's ConfigMap kubelet-config."""
    for each in inventory.config_maps:
        if each.namespace != "kube-system" or not each.name.startswith("kubelet-config"):
            continue
        lines = each.data.get("kubelet", "").splitlines()
        listed, inside = [], False
        for line in lines:
            if not line.startswith((" ", "-")):
                inside = line.startswith("clusterDNS:")
            elif inside and line.strip().startswith("-"):
                listed.append(line.strip().lstrip("- ").strip("\"'"))
        return _addresses(listed)
    return ()


def _addresses(texts: list[str]) -> tuple[Address, ...]:
    found = []
    for text in texts:
        try:
            found.append(parse_ip(text.strip()))
        except ValueError:
            continue
    return tuple(found)


def resolver_of(pod: Pod, cluster: ClusterDns, domain: str) -> PodResolver:
    """What kubelet writes for a pod."""
    own = pod.dns_config
    policy = pod.dns_policy
    if pod.host_network and policy == "ClusterFirst":
        policy = "Default"  # ClusterFirst does not hold for the host network
    in_cluster = policy in ("ClusterFirst", "ClusterFirstWithHostNet")
    servers = cluster.given if in_cluster else ()
    search: tuple[str, ...] = ()
    source = Source.NODE
    if in_cluster:
        search = (f"{pod.namespace}.svc.{domain}", f"svc.{domain}", domain)
        source = Source.CLUSTER
    elif policy == "None":
        source = Source.POD
    ndots = _NDOTS if in_cluster else 1
    return PodResolver(
        nameservers=tuple(dict.fromkeys((*servers, *own.nameservers)))[:3],
        search=tuple(dict.fromkeys((*search, *own.searches))),
        ndots=ndots if own.ndots < 0 else own.ndots,
        source=source,
        policy=pod.dns_policy,
    )
