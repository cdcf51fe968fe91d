"""What Calico sets up on a node and in its pods, by hand."""

from __future__ import annotations

import hashlib

from tests.felix.nft import nft_text
from tests.felix.tables import ipset_text, tables_text
from tests.felix.words import Endpoint, Policy, Rule, veth
from tests.felix.words import Node as FelixNode
from tests.lab import commands
from tests.lab.lab import Lab
from tests.lab.topology import CLUSTER_CIDR, Cluster, Node, Pod

GATEWAY = "169.254.1.1"
HOST_MAC = "ee:ee:ee:ee:ee:ee"


def mac(node: Node) -> str:
    """The MAC of a node's vxlan.calico: 66 and a hash of its name."""
    digest = hashlib.sha1(node.name.encode(), usedforsecurity=False).hexdigest()
    return ":".join(("66", *(digest[i : i + 2] for i in range(0, 10, 2))))


def device(cluster: Cluster) -> str:
    """The tunnel device, "" without tunnels."""
    tunnel = cluster.calico.tunnel if cluster.calico else ""
    return {"vxlan": "vxlan.calico", "ipip": "tunl0"}.get(tunnel, "")


def way(cluster: Cluster, node: Node, other: Node) -> str:
    """The route of a node to another node's block, as `ip route` takes it."""
    by = "proto 80" if cluster.calico and cluster.calico.tunnel == "vxlan" else "proto bird"
    if not cluster.direct(node, other):
        via = other.vtep if device(cluster) == "vxlan.calico" else other.ip
        return f"{other.block} via {via} dev {device(cluster)} onlink {by}"
    via = other.ip if node.subnet == other.subnet else node.gateway
    return f"{other.block} via {via} dev eth0 {by}"


def node_lines(cluster: Cluster, node: Node) -> tuple[list[str], list[str]]:
    """Lines of `ip` and of `bridge` for the node's own routes and tunnel."""
    lines = [f"route add blackhole {node.block} proto bird"]
    fdb: list[str] = []
    tunnel = device(cluster)
    if tunnel == "vxlan.calico":
        kind = f"type vxlan id 4096 local {node.ip} dev eth0 dstport 4789 nolearning"
        lines += [
            f"link add {tunnel} address {mac(node)} mtu 1450 {kind}",
            f"addr add {node.vtep}/32 dev {tunnel}",
            f"link set {tunnel} up",
        ]
    elif tunnel == "tunl0":
        lines += [
            "link set tunl0 mtu 1480 up",
            f"addr add {node.vtep}/32 dev tunl0",
        ]
    for other in cluster.nodes:
        if other is node:
            continue
        lines.append(f"route add {way(cluster, node, other)}")
        if tunnel == "vxlan.calico" and not cluster.direct(node, other):
            lines.append(f"neigh add {other.vtep} lladdr {mac(other)} dev {tunnel} nud permanent")
            fdb.append(f"fdb append {mac(other)} dev {tunnel} dst {other.ip} self permanent")
    return lines, fdb


def router_lines(cluster: Cluster) -> list[str]:
    """Routes of the routers between the nodes: they take part in BGP where nothing is tunnelled."""
    if cluster.calico is None or cluster.calico.tunnel or cluster.calico.mesh:
        return []
    return [f"route add {node.block} via {node.ip}" for node in cluster.nodes]


def add_pods(lab: Lab, node: Node) -> None:
    """Connect all pods of a node."""
    cluster = lab.cluster
    pods = cluster.pods_on(node.name)
    lines, settings = [], {}
    for pod in pods:
        name, mtu = veth(pod.namespace, pod.name), pod.mtu or cluster.mtu
        peer = f"peer name eth0 mtu {mtu} netns {lab.pod(pod.name).path}"
        lines += [
            f"link add {name} address {HOST_MAC} mtu {mtu} type veth {peer}",
            f"link set {name} up",
            f"route add {pod.ip} dev {name} scope link",
        ]
        settings |= {
            f"ipv4/conf/{name}/proxy_arp": 1,
            f"ipv4/neigh/{name}/proxy_delay": 0,
        }
    commands.ip(lab.node(node.name), *lines)
    commands.sysctl(lab.node(node.name), settings)
    for pod in pods:
        commands.ip(
            lab.pod(pod.name),
            "link set lo up",
            f"addr add {pod.ip}/32 dev eth0",
            "link set eth0 up",
            f"route add {GATEWAY} dev eth0 scope link",
            f"route add default via {GATEWAY} dev eth0",
        )


def felix(cluster: Cluster, pods: tuple[Pod, ...]) -> FelixNode:
    """A node without policies: every workload has the profile of its namespace, which allows."""
    allow = (Rule("allow"),)
    masqueraded = cluster.calico is not None and cluster.calico.nat_outgoing
    spaces = dict.fromkeys(pod.namespace for pod in pods)
    return FelixNode(
        endpoints=tuple(
            Endpoint(interface=veth(p.namespace, p.name), profiles=(f"kns.{p.namespace}",))
            for p in pods
        ),
        profiles=tuple(Policy(name=f"kns.{s}", ingress=allow, egress=allow) for s in spaces),
        pools=(CLUSTER_CIDR,),
        masqueraded=(CLUSTER_CIDR,) if masqueraded else (),
        to_host="ACCEPT",
    )


def add_rules(lab: Lab, node: Node) -> None:
    """Felix' sets, then its tables."""
    namespace, cluster = lab.node(node.name), lab.cluster
    wanted = felix(cluster, cluster.pods_on(node.name))
    if cluster.calico is not None and cluster.calico.nft:
        commands.nft(namespace, nft_text(wanted))
        return
    commands.run(namespace, ("ipset", "restore"), text=ipset_text(wanted))
    restore = f"iptables-{cluster.iptables}-restore"
    commands.run(namespace, (restore, "--noflush", "-w", "5"), text=tables_text(wanted))
