"""From a cluster's description to a standing lab."""

from __future__ import annotations

from pathlib import Path

from tests.lab import cni, commands, wireguard
from tests.lab.calico import nodes as calico
from tests.lab.lab import Lab, underlay_port
from tests.lab.namespaces import Netns, inside
from tests.lab.rules import ipvs, nftables
from tests.lab.rules.flannel import flannel, portmap, restore_text
from tests.lab.rules.kubeproxy import Tables, tables
from tests.lab.rules.settings import localhost_node_ports
from tests.lab.topology import OUTSIDE_IP, OUTSIDE_IP6, Cluster, Node

# A reject must never be left out by a rate limit, a neighbour that does not answer must fail before
# a probe gives up, and what SCTP lost be sent again: the outcome would be chance otherwise.
_PROMPT = {
    "ipv4/icmp_ratelimit": 0,
    "ipv4/icmp_msgs_per_sec": 1000000,
    "ipv4/icmp_msgs_burst": 100000,
    "ipv6/icmp/ratelimit": 0,
    "ipv4/neigh/default/retrans_time_ms": 40,
    "ipv4/neigh/default/mcast_solicit": 2,
    "ipv6/neigh/default/retrans_time_ms": 40,
    "ipv6/neigh/default/mcast_solicit": 2,
    "sctp/rto_min": 200,
    "sctp/rto_initial": 500,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/rp_filter": 0,
    # Who may ping without a raw socket.
    "ipv4/ping_group_range": "0 2147483647",
}


def build(cluster: Cluster) -> Lab:
    """Make the cluster. The caller closes the lab; on any error nothing is left behind."""
    lab = Lab(cluster)
    try:
        for namespace in lab.namespaces.values():
            _settle(namespace, six=6 in cluster.families)
        _underlay(lab)
        for node in cluster.nodes:
            _node(lab, node)
            if cluster.calico:
                calico.add_pods(lab, node)
            else:
                cni.add_pods(lab, node)
            _rules(lab, node)
    except BaseException:
        lab.close()
        raise
    return lab


def _settle(namespace: Netns, *, six: bool) -> None:
    settings: dict[str, object] = dict(_PROMPT)
    if not six:
        settings["ipv6/conf/all/disable_ipv6"] = 1
        settings["ipv6/conf/default/disable_ipv6"] = 1
    with inside(namespace):
        present = {k: v for k, v in settings.items() if Path("/proc/sys/net", k).exists()}
    commands.sysctl(namespace, present)


def _underlay(lab: Lab) -> None:
    """One bridge for each subnet, and the router between them, in one namespace.

    What the router does with addresses beyond it no diagnosis can know; here it is silent.
    """
    cluster, lines = lab.cluster, ["link set lo up", "route add blackhole default"]
    if 6 in cluster.families:
        lines.append("route add blackhole ::/0")
    for subnet in sorted({0, *(n.subnet for n in cluster.nodes)}):
        lines += [
            f"link add br{subnet} type bridge",
            f"addr add 172.30.{subnet + 1}.1/24 brd + dev br{subnet}",
            f"link set br{subnet} up",
        ]
        if 6 in cluster.families:
            lines.append(f"addr add fd00:30:{subnet + 1}::1/64 dev br{subnet} nodad")
    for node in cluster.nodes:
        port, inner = underlay_port(node), lab.node(node.name).path
        lines += [
            f"link add {port} type veth peer name eth0 netns {inner}",
            f"link set {port} master br{node.subnet} up",
        ]
    lines += [
        f"link add uoutside type veth peer name eth0 netns {lab.outside.path}",
        "link set uoutside master br0 up",
    ]
    commands.sysctl(lab.underlay, {"ipv4/ip_forward": 1})
    if 6 in cluster.families:
        commands.sysctl(lab.underlay, {"ipv6/conf/all/forwarding": 1})
    if cluster.backend == "alloc":
        lines += [f"route add {node.pod_cidr} via {node.ip}" for node in cluster.nodes]
    commands.ip(lab.underlay, *lines, *calico.router_lines(cluster))
    commands.sysctl(lab.underlay, {"bridge/bridge-nf-call-iptables": 0})
    outside = [
        "link set lo up",
        f"addr add {OUTSIDE_IP}/24 brd + dev eth0",
        "link set eth0 up",
        "route add default via 172.30.1.1",
    ]
    if 6 in cluster.families:
        outside += [
            f"addr add {OUTSIDE_IP6}/64 dev eth0 nodad",
            "route add default via fd00:30:1::1",
        ]
    commands.ip(lab.outside, *outside)


def _node(lab: Lab, node: Node) -> None:
    cluster, namespace = lab.cluster, lab.node(node.name)
    settings: dict[str, object] = {
        "ipv4/ip_forward": 1,
        "ipv4/conf/all/route_localnet": int(_routes_localnet(cluster, node)),
        "ipv4/conf/all/rp_filter": cluster.rp_filter,
        "ipv4/conf/default/rp_filter": cluster.rp_filter,
    }
    if 6 in cluster.families:
        settings["ipv6/conf/all/forwarding"] = 1
    commands.sysctl(namespace, settings)
    lines = [
        "link set lo up",
        f"addr add {node.ip}/24 brd + dev eth0",
        "link set eth0 up",
        f"route add default via {node.gateway}",
    ]
    if 6 in cluster.families:
        lines += [
            f"addr add {node.ip6}/64 dev eth0 nodad",
            f"route add default via {node.gateway6}",
        ]
    if cluster.calico:
        tunnel, fdb = calico.node_lines(cluster, node)
        commands.ip(namespace, *lines, *tunnel)
        commands.bridge(namespace, *fdb)
        return
    tunnel, fdb = overlay(cluster, node, families=cluster.families)
    by_hand = cni.add_bridge(cluster, node) if cluster.cni == "hand" else ()
    if cluster.backend == "wireguard":
        tunnel = wireguard.lines(node, cluster.families)
    commands.ip(namespace, *lines, *tunnel, *by_hand)
    commands.bridge(namespace, *fdb)
    if cluster.backend == "wireguard":
        wireguard.configure(namespace, cluster, node)
    commands.sysctl(
        namespace,
        {
            "bridge/bridge-nf-call-iptables": cluster.bridge_nf_call,
            "bridge/bridge-nf-call-ip6tables": cluster.bridge_nf_call,
        },
    )


def _routes_localnet(cluster: Cluster, node: Node) -> bool:
    """kube-proxy sets it in iptables mode for NodePorts on 127.0.0.1."""
    return cluster.proxy != "iptables" or localhost_node_ports(cluster, node.name, family=4)


def overlay(
    cluster: Cluster, node: Node, *, families: tuple[int, ...]
) -> tuple[list[str], list[str]]:
    """Lines of `ip` and of `bridge` for what flanneld sets up on a node."""
    lines, fdb = [], []
    for family in families:
        v4 = family == 4
        device, mtu = ("flannel.1", 1450) if v4 else ("flannel-v6.1", 1430)
        if cluster.backend == "vxlan":
            mac, local = (node.vtep_mac, node.ip) if v4 else (node.vtep6_mac, node.ip6)
            own = f"{node.vtep}/32" if v4 else f"{node.vtep6}/128"
            kind = f"type vxlan id 1 local {local} dev eth0 dstport 8472 nolearning"
            lines += [
                f"link add {device} address {mac} mtu {mtu} {kind}",
                f"addr add {own} dev {device}" + ("" if v4 else " nodad"),
                f"link set {device} up",
            ]
        for other in cluster.nodes:
            if other is node or cluster.backend in ("alloc", "wireguard"):
                continue
            cidr, address = (other.pod_cidr, other.ip) if v4 else (other.pod_cidr6, other.ip6)
            if cluster.direct(node, other):
                lines.append(f"route add {cidr} via {address} dev eth0")
                continue
            vtep, mac = (other.vtep, other.vtep_mac) if v4 else (other.vtep6, other.vtep6_mac)
            lines += [
                f"route add {cidr} via {vtep} dev {device} onlink",
                f"neigh add {vtep} lladdr {mac} dev {device} nud permanent",
            ]
            fdb.append(f"fdb append {mac} dev {device} dst {address} self permanent")
    return lines, fdb


def _rules(lab: Lab, node: Node) -> None:
    cluster, namespace = lab.cluster, lab.node(node.name)
    if cluster.proxy == "ipvs":
        _ipvs(lab, node)
    elif cluster.proxy.startswith("nftables"):
        written = (nftables.table(cluster, node.name, family=each) for each in cluster.families)
        commands.run(namespace, ("nft", "-f", "-"), text="".join(written))
    for family in cluster.families:
        hand = Tables() if cluster.cni == "plugin" else portmap(cluster, node, family=family)
        parts = [hand, _proxy_tables(cluster, node, family=family)]
        if not cluster.calico:
            parts.append(flannel(node, family=family))
        restore = f"{'ip' if family == 4 else 'ip6'}tables-{cluster.iptables}-restore"
        commands.run(namespace, (restore, "--noflush", "-w", "5"), text=restore_text(*parts))
        if cluster.calico:
            calico.add_rules(lab, node, family)


def _proxy_tables(cluster: Cluster, node: Node, *, family: int) -> Tables:
    """What kube-proxy gives iptables in its mode."""
    if cluster.proxy == "iptables":
        return tables(cluster, node.name, family=family)
    if cluster.proxy == "ipvs":
        return ipvs.tables(cluster, node.name, family=family)
    return Tables()


def _ipvs(lab: Lab, node: Node) -> None:
    """Virtual servers with their addresses on kube-ipvs0, and the sets that the rules ask."""
    cluster, namespace = lab.cluster, lab.node(node.name)
    families = cluster.families
    lines = ["link add kube-ipvs0 type dummy"]
    for family in families:
        width = 32 if family == 4 else 128
        lines += [f"addr add {ip}/{width} dev kube-ipvs0"
                  for ip in ipvs.addresses(cluster, node.name, family=family)]  # fmt: skip
    commands.ip(namespace, *lines)
    servers = "".join(ipvs.servers(cluster, node.name, family=family) for family in families)
    commands.run(namespace, ("ipvsadm", "-R"), text=servers)
    sets = "".join(ipvs.sets(cluster, node.name, family=family) for family in families)
    commands.run(namespace, ("ipset", "restore"), text=sets)
    commands.sysctl(namespace, {"ipv4/vs/conntrack": 1, "ipv4/vs/conn_reuse_mode": 0})
