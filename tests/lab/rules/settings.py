"""What kube-proxy's configuration decides about its rules on a node: whose packets count as a
pod's (detectLocalMode), and on which addresses NodePorts answer (nodePortAddresses).

cmd/kube-proxy/app/server_linux.go, pkg/proxy/util/localdetector.go and nodeport_addresses.go.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from msgspec import Struct

from tests.lab.topology import CLUSTER_CIDR, CLUSTER_CIDR6, Cluster, Node

LOOPBACK = "127.0.0.1"


class Detector(Struct, frozen=True):
    """By what packets of the node's own pods are told: a prefix, or the name of an interface as nft
    writes it ("veth*"); by neither none are."""

    ip: str
    cidr: str = ""
    interface: str = ""

    def __bool__(self) -> bool:
        return bool(self.cidr or self.interface)

    def iptables(self, *, negated: bool = False) -> str:
        """Matches of iptables, with a space behind them."""
        option = f"-s {self.cidr}" if self.cidr else f"-i {self.interface.replace('*', '+')}"
        return f"! {option} " if negated else f"{option} "

    def nft(self, *, negated: bool = False) -> str:
        """A match of nft, with a space behind it."""
        operator = "!= " if negated else ""
        if self.cidr:
            return f"{self.ip} saddr {operator}{self.cidr} "
        return f'iifname {operator}"{self.interface}" '


def detector(cluster: Cluster, node: str, *, family: int) -> Detector:
    """getLocalDetectors() of one node."""
    settings, ip = cluster.settings, "ip" if family == 4 else "ip6"
    if settings.detect == "BridgeInterface":
        return Detector(ip, interface=settings.interface)
    if settings.detect == "InterfaceNamePrefix":
        return Detector(ip, interface=f"{settings.interface}*")
    if settings.detect == "NodeCIDR":
        own = cluster.node(node)
        listed = (own.pod_cidr, own.pod_cidr6)
    else:
        listed = cluster_cidrs(cluster)
    return Detector(ip, cidr=next(iter(_of(family, listed)), ""))


def cluster_cidrs(cluster: Cluster) -> tuple[str, ...]:
    """clusterCIDR: the pods' networks, unless the settings say otherwise."""
    if cluster.settings.cidrs is not None:
        return cluster.settings.cidrs
    every = {4: CLUSTER_CIDR, 6: CLUSTER_CIDR6}
    return tuple(every[family] for family in cluster.families)


def node_port_ips(cluster: Cluster, node: str, *, family: int) -> tuple[str, ...] | None:
    """NodePortAddresses: the addresses NodePorts answer on, loopback ones included; None for every
    one. A family without a range of its own has every address."""
    ranges = _of(family, _listed(cluster, cluster.node(node)))
    if not ranges or any(each.endswith("/0") for each in ranges):
        return None
    owned = interface_addresses(cluster, cluster.node(node), family=family)
    networks = [ip_network(each) for each in ranges]
    return tuple(ip for ip in owned if any(ip_address(ip) in each for each in networks))


def localhost_node_ports(cluster: Cluster, node: str, *, family: int) -> bool:
    """iptables mode: whether NodePorts answer on 127.0.0.1. NewProxier() says so only where the
    addresses hold a loopback one."""
    if family == 6 or not cluster.settings.localhost:
        return False
    ranges = _of(4, _listed(cluster, cluster.node(node)))
    start = ip_address("127.0.0.0")
    return not ranges or any(
        start in ip_network(each) or ip_network(each).is_loopback for each in ranges
    )


def _listed(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """nodePortAddresses; "primary" stands for the node's own, and is nftables mode's default."""
    listed = cluster.settings.node_ports
    if not listed and cluster.proxy.startswith("nftables"):
        listed = ("primary",)
    if listed != ("primary",):
        return listed
    own = {4: f"{node.ip}/32", 6: f"{node.ip6}/128"}
    return tuple(own[family] for family in cluster.families)


def interface_addresses(cluster: Cluster, node: Node, *, family: int) -> tuple[str, ...]:
    """What a node's interfaces have once its pods are there, link-local addresses and those of
    Calico's tunnels aside."""
    v4, bridged = family == 4, cluster.cni == "hand" or cluster.pods_on(node.name)
    found = [LOOPBACK, node.ip] if v4 else ["::1", node.ip6]
    if cluster.calico:
        return tuple(found)
    if bridged:
        found.append(node.pod_gateway if v4 else node.pod_gateway6)
    if cluster.backend == "vxlan":
        found.append(node.vtep if v4 else node.vtep6)
    return tuple(found)


def _of(family: int, listed: tuple[str, ...]) -> list[str]:
    return [each for each in listed if (":" in each) == (family == 6)]
