"""What a lab cluster is, as frozen data: addresses and all, so that a part can be left out and the
rest stays as it was."""

from __future__ import annotations

import msgspec
from msgspec import Struct

CLUSTER_CIDR = "10.244.0.0/16"
CLUSTER_CIDR6 = "fd00:244::/48"
SERVICE_CIDR = "10.96.0.0/16"
SERVICE_CIDR6 = "fd00:96::/112"
OUTSIDE_IP = "172.30.1.250"
OUTSIDE_IP6 = "fd00:30:1::250"
OUTSIDE_PORT = 9999
NODE_PORT = 10250
"""What every node itself listens on, as a kubelet does."""


class Listener(Struct, frozen=True):
    """A server's socket; an empty address is the wildcard. A service mesh of one: it answers who it
    is and whom it saw."""

    protocol: str
    port: int
    address: str = ""


class HostPort(Struct, frozen=True):
    """A port of the node that the CNI forwards to the pod."""

    host_port: int
    port: int
    protocol: str = "tcp"


class Pod(Struct, frozen=True, kw_only=True):
    """A pod. One on the host network has its node's addresses. `mtu` 0 is the network's own."""

    name: str
    node: str
    ip: str
    ip6: str = ""
    namespace: str = "lab"
    host_network: bool = False
    mtu: int = 0
    listeners: tuple[Listener, ...] = ()
    host_ports: tuple[HostPort, ...] = ()

    @property
    def id(self) -> str:
        """How a query names it."""
        return f"pod/{self.namespace}/{self.name}"


class Backend(Struct, frozen=True):
    """An endpoint of a Service as its EndpointSlice tells it. `port` is its own answer to a named
    targetPort, 0 for the Service's number; an endpoint of a slice made by hand has no pod."""

    pod: str
    node: str
    ip: str
    ip6: str = ""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    port: int = 0
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


class ServicePort(Struct, frozen=True):
    """A port of a Service; `node_port` 0 is none. `target_port` is what its slices say, `wanted`
    its targetPort where they are behind it (0: they are not)."""

    name: str
    port: int
    target_port: int
    protocol: str = "tcp"
    node_port: int = 0
    wanted: int = 0


class Service(Struct, frozen=True, kw_only=True):
    """A Service, with the endpoints kube-proxy was told about. `*_local` are traffic policies;
    `proxied_ips` are balancer addresses with ipMode Proxy."""

    name: str
    cluster_ip: str
    cluster_ip6: str = ""
    namespace: str = "lab"
    ports: tuple[ServicePort, ...] = ()
    backends: tuple[Backend, ...] = ()
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()
    proxied_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    external_local: bool = False
    internal_local: bool = False
    affinity: bool = False

    @property
    def id(self) -> str:
        """How a query names it."""
        return f"svc/{self.namespace}/{self.name}"

    @property
    def kind(self) -> str:
        """The `type` of the API object."""
        if self.load_balancer_ips or self.proxied_ips:
            return "LoadBalancer"
        return "NodePort" if any(p.node_port for p in self.ports) else "ClusterIP"


class Node(Struct, frozen=True, kw_only=True):
    """A node. `subnet` counts the layer-2 segments of the underlay; `index` names its pod CIDR.
    `announced` is flannel's public-ip, "" for the node's own address."""

    name: str
    index: int
    subnet: int = 0
    announced: str = ""

    @property
    def id(self) -> str:
        """How a query names it."""
        return f"node/{self.name}"

    @property
    def zone(self) -> str:
        """Its zone's label: odd nodes are in one, even ones in another."""
        return f"z{self.index % 2}"

    @property
    def ip(self) -> str:
        """Its address on the underlay."""
        return f"172.30.{self.subnet + 1}.{10 + self.index}"

    @property
    def ip6(self) -> str:
        """Its IPv6 address on the underlay."""
        return f"fd00:30:{self.subnet + 1}::{10 + self.index}"

    @property
    def gateway(self) -> str:
        """The underlay's router."""
        return f"172.30.{self.subnet + 1}.1"

    @property
    def gateway6(self) -> str:
        """The underlay's router."""
        return f"fd00:30:{self.subnet + 1}::1"

    @property
    def pod_cidr(self) -> str:
        """The addresses of its pods."""
        return f"10.244.{self.index}.0/24"

    @property
    def block(self) -> str:
        """The addresses of its pods with Calico."""
        return f"10.244.{self.index}.0/26"

    @property
    def half_block(self) -> str:
        """The lower half of that."""
        return f"10.244.{self.index}.0/27"

    @property
    def block6(self) -> str:
        """The IPv6 addresses of its pods with Calico."""
        return f"fd00:244:0:{self.index}::/122"

    @property
    def half_block6(self) -> str:
        """The lower half of that."""
        return f"fd00:244:0:{self.index}::/123"

    @property
    def pod_cidr6(self) -> str:
        """The IPv6 addresses of its pods."""
        return f"fd00:244:0:{self.index}::/64"

    @property
    def pod_gateway(self) -> str:
        """cni0's address."""
        return f"10.244.{self.index}.1"

    @property
    def pod_gateway6(self) -> str:
        """cni0's IPv6 address."""
        return f"fd00:244:0:{self.index}::1"

    @property
    def vtep(self) -> str:
        """flannel.1's address."""
        return f"10.244.{self.index}.0"

    @property
    def vtep6(self) -> str:
        """flannel-v6.1's address."""
        return f"fd00:244:0:{self.index}::"

    @property
    def vtep_mac(self) -> str:
        """flannel.1's MAC."""
        return f"02:42:0a:f4:{self.index:02x}:00"

    @property
    def vtep6_mac(self) -> str:
        """flannel-v6.1's MAC."""
        return f"02:42:0a:f6:{self.index:02x}:00"


class Pool(Struct, frozen=True):
    """How Calico carries packets of a pool: `tunnel` is "vxlan", "ipip" or "" (none), `cross` means
    that only packets between subnets are tunnelled."""

    tunnel: str = ""
    cross: bool = False
    nat_outgoing: bool = True


class Calico(Struct, frozen=True):
    """Calico instead of flannel: its IPv4 pool as a `Pool`, and `six`, its IPv6 pool (for which
    there is no "ipip"). `nft` means that Felix writes nftables, `mesh` that nodes speak BGP with
    each other alone and the routers between them know no pods."""

    tunnel: str = ""
    cross: bool = False
    nat_outgoing: bool = True
    nft: bool = False
    mesh: bool = False
    six: Pool = Pool()

    def pool(self, family: int) -> Pool:
        """The pool of a family."""
        return self.six if family == 6 else Pool(self.tunnel, self.cross, self.nat_outgoing)


_CALICO_MTU = {(4, ""): 1500, (6, ""): 1500, (4, "vxlan"): 1450, (6, "vxlan"): 1430,
               (4, "ipip"): 1480}  # fmt: skip


class KubeProxy(Struct, frozen=True, kw_only=True):
    """kube-proxy's configuration beside its mode: detectLocalMode with the bridge or prefix it
    names, clusterCIDR (None for the pods' networks), nodePortAddresses, and whether NodePorts
    answer on localhost (iptables mode). `kubelet` says that kubelet keeps KUBE-FIREWALL too."""

    detect: str = "ClusterCIDR"
    interface: str = ""
    cidrs: tuple[str, ...] | None = None
    node_ports: tuple[str, ...] = ()
    localhost: bool = True
    kubelet: bool = True


class Cluster(Struct, frozen=True, kw_only=True):
    """A whole cluster. `backend` is flannel's ("vxlan", "wireguard", "host-gw", or "alloc", which
    leaves routes between nodes to the network's router, as a cloud's), `cni` who builds the veths
    ("hand" or "plugin"), `iptables` the userland's ("legacy" or "nft"), `proxy` kube-proxy's mode
    ("iptables", "nftables", "nftables-chains" for the form up to 1.35, "ipvs", or "ipvs-refused"
    where it ended because the kernel has no IPVS). With `ipv6_only` (Calico's) pods and Services
    have no other addresses; the nodes keep theirs, unannounced."""

    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    services: tuple[Service, ...] = ()
    backend: str = "vxlan"
    direct_routing: bool = False
    cni: str = "hand"
    iptables: str = "legacy"
    proxy: str = "iptables"
    masquerade_all: bool = False
    settings: KubeProxy = KubeProxy()
    bridge_nf_call: int = 1
    rp_filter: int = 0
    hairpin: bool = True
    dual_stack: bool = False
    calico: Calico | None = None
    ipv6_only: bool = False

    @property
    def families(self) -> tuple[int, ...]:
        """Those of its pods and Services."""
        if self.ipv6_only:
            return (6,)
        return (4, 6) if self.dual_stack else (4,)

    @property
    def mtu(self) -> int:
        """What pods are given: the underlay's 1500 less the tunnel's headers."""
        if self.calico is not None:
            return min(_CALICO_MTU[f, self.calico.pool(f).tunnel] for f in self.families)
        if self.backend == "wireguard":
            return 1420
        if self.backend != "vxlan":
            return 1500
        return 1430 if self.dual_stack else 1450

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(n for n in self.nodes if n.name == name)

    def pod(self, name: str) -> Pod:
        """The pod of that name."""
        return next(p for p in self.pods if p.name == name)

    def service(self, name: str) -> Service:
        """The Service of that name."""
        return next(s for s in self.services if s.name == name)

    def pods_on(self, node: str) -> tuple[Pod, ...]:
        """Pods of a node that have a namespace of their own."""
        return tuple(p for p in self.pods if p.node == node and not p.host_network)

    def direct(self, one: Node, other: Node, *, family: int = 4) -> bool:
        """Whether packets between two nodes' pods go without a tunnel."""
        if self.calico is not None:
            pool = self.calico.pool(family)
            return not pool.tunnel or (pool.cross and one.subnet == other.subnet)
        if self.backend not in ("vxlan", "wireguard"):
            return True
        return self.direct_routing and one.subnet == other.subnet


def without_node(cluster: Cluster, name: str) -> Cluster:
    """The cluster less a node, its pods and their endpoints."""
    smaller = cluster
    for pod in cluster.pods:
        if pod.node == name:
            smaller = without_pod(smaller, pod.name)
    nodes = tuple(n for n in smaller.nodes if n.name != name)
    return msgspec.structs.replace(smaller, nodes=nodes)


def without_pod(cluster: Cluster, name: str) -> Cluster:
    """The cluster less a pod and its endpoints."""
    services = tuple(
        msgspec.structs.replace(s, backends=tuple(b for b in s.backends if b.pod != name))
        for s in cluster.services
    )
    pods = tuple(p for p in cluster.pods if p.name != name)
    return msgspec.structs.replace(cluster, pods=pods, services=services)


def without_service(cluster: Cluster, name: str) -> Cluster:
    """The cluster less a Service."""
    services = tuple(s for s in cluster.services if s.name != name)
    return msgspec.structs.replace(cluster, services=services)


def with_service(cluster: Cluster, service: Service) -> Cluster:
    """The cluster with one Service put in place of its namesake."""
    services = tuple(service if s.name == service.name else s for s in cluster.services)
    return msgspec.structs.replace(cluster, services=services)


def with_pod(cluster: Cluster, pod: Pod) -> Cluster:
    """The cluster with one pod put in place of its namesake."""
    pods = tuple(pod if p.name == pod.name else p for p in cluster.pods)
    return msgspec.structs.replace(cluster, pods=pods)
