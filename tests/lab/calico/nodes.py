"""What Calico sets up on a node and in its pods, by hand: cni-plugin/pkg/dataplane/linux and
felix/dataplane/linux of projectcalico/calico."""

from __future__ import annotations

import hashlib

from tests.felix.nft import nft_text
from tests.felix.tables import ipset_text, tables_text
from tests.felix.words import Endpoint, Policy, Rule, veth
from tests.felix.words import Node as FelixNode
from tests.lab import commands
from tests.lab.lab import Lab
from tests.lab.topology import CLUSTER_CIDR, CLUSTER_CIDR6, Cluster, Node, Pod

GATEWAY = "169.254.1.1"
GATEWAY6 = "fe80::ecee:eeff:feee:eeee"
"""The link-local address that the kernel makes of HOST_MAC."""
HOST_MAC = "ee:ee:ee:ee:ee:ee"
_DEVICES = {(4, "vxlan"): "vxlan.calico", (6, "vxlan"): "vxlan-v6.calico", (4, "ipip"): "tunl0"}
_VXLAN_MTU = {4: 1450, 6: 1430}


class Ends:
    """The addresses of nodes in one family."""

    def __init__(self, family: int) -> None:
        self.family = family
        self.bits = 32 if family == 4 else 128

    def ip(self, node: Node) -> str:
        """Its own."""
        return node.ip if self.family == 4 else node.ip6

    def gateway(self, node: Node) -> str:
        """The router's."""
        return node.gateway if self.family == 4 else node.gateway6

    def vtep(self, node: Node) -> str:
        """That of its tunnel device."""
        return node.vtep if self.family == 4 else node.vtep6

    def block(self, node: Node) -> str:
        """Those of its pods."""
        return node.block if self.family == 4 else node.block6

    def pod(self, pod: Pod) -> str:
        """A pod's."""
        return pod.ip if self.family == 4 else pod.ip6


def mac(node: Node, family: int) -> str:
    """The MAC of a node's VXLAN device: 66 and a hash of its name."""
    name = node.name if family == 4 else f"{node.name}-v6"
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return ":".join(("66", *(digest[i : i + 2] for i in range(0, 10, 2))))


def device(cluster: Cluster, family: int) -> str:
    """The tunnel device, "" without tunnels."""
    if cluster.calico is None or family not in cluster.families:
        return ""
    return _DEVICES.get((family, cluster.calico.pool(family).tunnel), "")


def way(cluster: Cluster, node: Node, other: Node, family: int) -> str:
    """The route of a node to another node's block, as `ip route` takes it."""
    ends, tunnel = Ends(family), device(cluster, family)
    by = "proto 80" if "vxlan" in tunnel else "proto bird"
    block = ends.block(other)
    if not cluster.direct(node, other, family=family):
        via = ends.vtep(other) if "vxlan" in tunnel else ends.ip(other)
        return f"{block} via {via} dev {tunnel} onlink {by}"
    via = ends.ip(other) if node.subnet == other.subnet else ends.gateway(node)
    return f"{block} via {via} dev eth0 {by}"


def node_lines(cluster: Cluster, node: Node) -> tuple[list[str], list[str]]:
    """Lines of `ip` and of `bridge` for the node's own routes and tunnels."""
    lines: list[str] = []
    fdb: list[str] = []
    for family in cluster.families:
        lines.append(f"route add blackhole {Ends(family).block(node)} proto bird")
        lines += _tunnel_lines(cluster, node, family)
        for other in cluster.nodes:
            if other is not node:
                ways, entries = _to_peer(cluster, node, other, family)
                lines += ways
                fdb += entries
    return lines, fdb


def _tunnel_lines(cluster: Cluster, node: Node, family: int) -> list[str]:
    ends, name = Ends(family), device(cluster, family)
    address = f"addr add {ends.vtep(node)}/{ends.bits} dev {name}"
    if name == "tunl0":
        return ["link set tunl0 mtu 1480 up", address]
    if not name:
        return []
    kind = f"type vxlan id 4096 local {ends.ip(node)} dev eth0 dstport 4789 nolearning"
    return [
        f"link add {name} address {mac(node, family)} mtu {_VXLAN_MTU[family]} {kind}",
        address,
        f"link set {name} up",
    ]


def _to_peer(cluster: Cluster, node: Node, other: Node, family: int) -> tuple[list[str], list[str]]:
    ends, tunnel = Ends(family), device(cluster, family)
    lines = [f"route add {way(cluster, node, other, family)}"]
    if "vxlan" not in tunnel or cluster.direct(node, other, family=family):
        return lines, []
    address = mac(other, family)
    lines.append(f"neigh add {ends.vtep(other)} lladdr {address} dev {tunnel} nud permanent")
    return lines, [f"fdb append {address} dev {tunnel} dst {ends.ip(other)} self permanent"]


def router_lines(cluster: Cluster) -> list[str]:
    """Routes of the routers between the nodes: they take part in BGP where nothing is tunnelled."""
    if cluster.calico is None or cluster.calico.mesh:
        return []
    return [
        f"route add {Ends(family).block(node)} via {Ends(family).ip(node)}"
        for family in cluster.families
        if not cluster.calico.pool(family).tunnel
        for node in cluster.nodes
    ]


def add_pods(lab: Lab, node: Node) -> None:
    """Connect all pods of a node."""
    cluster = lab.cluster
    pods = cluster.pods_on(node.name)
    lines: list[str] = []
    settings: dict[str, object] = {}
    for pod in pods:
        name, mtu = veth(pod.namespace, pod.name), pod.mtu or cluster.mtu
        peer = f"peer name eth0 mtu {mtu} netns {lab.pod(pod.name).path}"
        lines += [
            f"link add {name} address {HOST_MAC} mtu {mtu} type veth {peer}",
            f"link set {name} up",
            *(f"route add {Ends(f).pod(pod)} dev {name} scope link" for f in cluster.families),
        ]
        settings |= _veth_settings(cluster, name)
    commands.ip(lab.node(node.name), *lines)
    commands.sysctl(lab.node(node.name), settings)
    for pod in pods:
        commands.ip(lab.pod(pod.name), *_pod_lines(cluster, pod))


def _veth_settings(cluster: Cluster, name: str) -> dict[str, object]:
    settings: dict[str, object] = {}
    if 4 in cluster.families:
        settings |= {
            f"ipv4/conf/{name}/proxy_arp": 1,
            f"ipv4/neigh/{name}/proxy_delay": 0,
        }
    if 6 in cluster.families:
        settings |= {f"ipv6/conf/{name}/proxy_ndp": 1, f"ipv6/conf/{name}/forwarding": 1}
    return settings


def _pod_lines(cluster: Cluster, pod: Pod) -> list[str]:
    """In IPv6 the gateway is the link-local address of the node's end, which needs no route."""
    lines = ["link set lo up", "link set eth0 up"]
    if 4 in cluster.families:
        lines += [
            f"addr add {pod.ip}/32 dev eth0",
            f"route add {GATEWAY} dev eth0 scope link",
            f"route add default via {GATEWAY} dev eth0",
        ]
    if 6 in cluster.families:
        lines += [
            f"addr add {pod.ip6}/128 dev eth0",
            f"route add default via {GATEWAY6} dev eth0",
        ]
    return lines


def felix(cluster: Cluster, node: Node, family: int) -> FelixNode:
    """A node without policies: every workload has the profile of its namespace, which allows."""
    pods = cluster.pods_on(node.name)
    allow = (Rule("allow"),)
    masqueraded = cluster.calico is not None and cluster.calico.pool(family).nat_outgoing
    spaces = dict.fromkeys(pod.namespace for pod in pods)
    everywhere = CLUSTER_CIDR if family == 4 else CLUSTER_CIDR6
    tunnel = device(cluster, family)
    return FelixNode(
        endpoints=tuple(
            Endpoint(interface=veth(p.namespace, p.name), profiles=(f"kns.{p.namespace}",))
            for p in pods
        ),
        profiles=tuple(Policy(name=f"kns.{s}", ingress=allow, egress=allow) for s in spaces),
        pools=(everywhere,),
        masqueraded=(everywhere,) if masqueraded else (),
        to_host="ACCEPT",
        family=family,
        vxlan=tunnel if "vxlan" in tunnel else "",
        vxlan_peers=tuple(Ends(family).ip(each) for each in cluster.nodes if each is not node),
    )


def add_rules(lab: Lab, node: Node, family: int) -> None:
    """Felix' sets, then its tables."""
    namespace, cluster = lab.node(node.name), lab.cluster
    wanted = felix(cluster, node, family)
    if cluster.calico is not None and cluster.calico.nft:
        commands.nft(namespace, nft_text(wanted))
        return
    commands.run(namespace, ("ipset", "restore"), text=ipset_text(wanted))
    restore = f"{'ip' if family == 4 else 'ip6'}tables-{cluster.iptables}-restore"
    commands.run(namespace, (restore, "--noflush", "-w", "5"), text=tables_text(wanted))
