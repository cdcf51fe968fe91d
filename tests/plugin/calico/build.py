"""A small Calico cluster by hand: k1 and k2 on one subnet, k3 behind a router; two pods on k1 and
one on each other node. A block of 64 addresses for every node."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from skoop.cluster.detect.detect import detect
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.kube import ConfigMap, Container, Node, NodeAddress, Pod, Workload, build_inventory
from skoop.model.kube.calico import BlockAffinity, CalicoObjects, IpPool, Tunnelling
from skoop.model.kube.meta import Condition
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.state import (
    FdbEntry,
    IpTunnel,
    Link,
    Namespace,
    Neighbour,
    Route,
    Vxlan,
)
from skoop.plugin.base import ClusterView
from skoop.plugin.calico.registered import derived_mac
from tests.plugin.build import RULES, address, connected, lo, route

NODES = {"k1": "172.30.0.1", "k2": "172.30.0.2", "k3": "172.31.0.3"}
ROUTERS = {"k1": "172.30.0.254", "k2": "172.30.0.254", "k3": "172.31.0.254"}
BLOCKS = {"k1": "10.244.0.0/26", "k2": "10.244.0.64/26", "k3": "10.244.0.128/26"}
TUNNELS = {"k1": "10.244.0.60", "k2": "10.244.0.124", "k3": "10.244.0.188"}
PODS = {
    "web": ("k1", "10.244.0.2"),
    "cli": ("k1", "10.244.0.3"),
    "api": ("k2", "10.244.0.66"),
    "db": ("k3", "10.244.0.130"),
}
POOL = "10.244.0.0/16"
_NAT = """*nat
:POSTROUTING ACCEPT [0:0]
:cali-POSTROUTING - [0:0]
:cali-nat-outgoing - [0:0]
-A POSTROUTING -m comment --comment "cali:O3lYWMrLQYEMJtB5" -j cali-POSTROUTING
-A cali-POSTROUTING -m comment --comment "cali:nYKhEzDlr11Jccal" -j cali-nat-outgoing
-A cali-nat-outgoing -m comment --comment "cali:flqWnvo8yq4ULQLa" -m set --match-set \
cali40masq-ipam-pools src -m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE
COMMIT
"""
SETS = f"""create cali40masq-ipam-pools hash:net family inet hashsize 1024 maxelem 1048576
add cali40masq-ipam-pools {POOL}
create cali40all-ipam-pools hash:net family inet hashsize 1024 maxelem 1048576
add cali40all-ipam-pools {POOL}
"""


def pool(**changes: Any) -> IpPool:
    """The only pool; natOutgoing unless told otherwise."""
    plain = IpPool(name="default", cidr=parse_prefix(POOL), nat_outgoing=True)
    return structs.replace(plain, **changes)


POOLS = {
    "no tunnel": pool(),
    "IPIP": pool(ipip=Tunnelling.ALWAYS),
    "IPIP between subnets": pool(ipip=Tunnelling.CROSS_SUBNET),
    "VXLAN": pool(vxlan=Tunnelling.ALWAYS),
    "VXLAN between subnets": pool(vxlan=Tunnelling.CROSS_SUBNET),
}


def near(one: str, other: str) -> bool:
    """Whether two nodes are on one subnet."""
    return ROUTERS[one] == ROUTERS[other]


def pods_of(node: str) -> list[str]:
    """The pods of a node."""
    return [name for name, (where, _) in PODS.items() if where == node]


def host(node: str, used: IpPool, *, sets: str = SETS) -> Namespace:
    """A node's namespace as Calico leaves it."""
    ip = NODES[node]
    links = [lo(), Link(index=2, name="eth0", kind="", mac=f"0a:00:00:00:02:0{node[1]}")]
    addresses = [address("127.0.0.1/8", "lo"), address(f"{ip}/24", "eth0")]
    routes = [*connected(f"{ip}/24", "eth0"), route(f"default via {ROUTERS[node]} dev eth0")]
    routes.append(route(f"blackhole {BLOCKS[node]}", protocol="bird"))
    neighbours: list[Neighbour] = []
    fdb: list[FdbEntry] = []
    if used.ipip is not Tunnelling.NEVER:
        tunnel = IpTunnel(Family.V4)
        links.append(Link(index=3, name="tunl0", kind="ipip", mtu=1480, arp=False, tunnel=tunnel))
        addresses.append(address(f"{TUNNELS[node]}/32", "tunl0"))
        routes += connected(f"{TUNNELS[node]}/32", "tunl0")
    if used.vxlan is not Tunnelling.NEVER:
        vxlan = Vxlan(4096, 4789, parse_ip(ip), underlay="eth0", learning=False)
        mac = derived_mac(node, Family.V4)
        links.append(
            Link(index=4, name="vxlan.calico", kind="vxlan", mac=mac, mtu=1450, vxlan=vxlan)
        )
        addresses.append(address(f"{TUNNELS[node]}/32", "vxlan.calico"))
        routes += connected(f"{TUNNELS[node]}/32", "vxlan.calico")
    for peer in NODES:
        if peer != node:
            routes.append(_way(node, peer, used))
            if routes[-1].nexthops[0].device == "vxlan.calico":
                mac = derived_mac(peer, Family.V4)
                vtep = parse_ip(TUNNELS[peer])
                neighbours.append(Neighbour("vxlan.calico", *vtep, mac, "PERMANENT"))
                remote = parse_ip(NODES[peer])
                entry = FdbEntry("vxlan.calico", mac, self_=True, remote=remote, permanent=True)
                fdb.append(entry)
    for index, name in enumerate(pods_of(node)):
        end = f"cali{name}"
        links.append(
            Link(
                index=10 + index,
                name=end,
                kind="veth",
                mac="ee:ee:ee:ee:ee:ee",
                mtu=1450,
                peer_index=2,
                peer_nsid=index,
            )
        )
        routes.append(route(f"{PODS[name][1]}/32 dev {end}", scope="link"))
    rules = read_ruleset(_NAT, engine="iptables-nft", family=Family.V4, source=f"node {node}")
    return Namespace(
        id=f"node/{node}",
        inode=100 + int(node[1]),
        nsids=tuple((i, 200 + list(PODS).index(name)) for i, name in enumerate(pods_of(node))),
        links=tuple(links),
        addresses=tuple(addresses),
        rules=RULES,
        routes=tuple(routes),
        neighbours=tuple(neighbours),
        fdb=tuple(fdb),
        sysctls=_sysctls(links),
        rulesets=(rules,),
        ipsets=read_ipsets(sets, "ipset"),
    )


def _way(node: str, peer: str, used: IpPool) -> Route:
    """The route to a peer's block."""
    for mode, device in ((used.ipip, "tunl0"), (used.vxlan, "vxlan.calico")):
        if mode is Tunnelling.ALWAYS or (mode is Tunnelling.CROSS_SUBNET and not near(node, peer)):
            via = NODES[peer] if device == "tunl0" else TUNNELS[peer]
            return route(f"{BLOCKS[peer]} via {via} dev {device} onlink")
    via = NODES[peer] if near(node, peer) else ROUTERS[node]
    return route(f"{BLOCKS[peer]} via {via} dev eth0", protocol="bird")


def _sysctls(links: list[Link]) -> dict[str, str]:
    found = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "0"}
    for link in links:
        name = link.name.replace(".", "/")
        found[f"net.ipv4.conf.{name}.forwarding"] = "1"
        found[f"net.ipv4.conf.{name}.rp_filter"] = "0"
        found[f"net.ipv4.conf.{name}.proxy_arp"] = str(int(link.kind == "veth"))
    return found


def pod_namespace(name: str) -> Namespace:
    """A pod's namespace as Calico leaves it."""
    node, ip = PODS[name]
    index = pods_of(node).index(name)
    device = Link(
        index=2,
        name="eth0",
        kind="veth",
        mac=f"0a:00:00:00:00:0{list(PODS).index(name)}",
        mtu=1450,
        peer_index=10 + index,
        peer_nsid=0,
    )
    routes = [
        *connected(f"{ip}/32", "eth0"),
        route("169.254.1.1/32 dev eth0", scope="link"),
        route("default via 169.254.1.1 dev eth0"),
    ]
    return Namespace(
        id=f"pod/shop/{name}",
        inode=200 + list(PODS).index(name),
        nsids=((0, 100 + int(node[1])),),
        links=(lo(), device),
        addresses=(address("127.0.0.1/8", "lo"), address(f"{ip}/32", "eth0")),
        rules=RULES,
        routes=tuple(routes),
        sysctls={"net.ipv4.conf.all.rp_filter": "0"},
    )


def api_node(node: str, used: IpPool) -> Node:
    """A Node with what Calico writes to it. Its podCIDR is not what its pods have."""
    notes = {"projectcalico.org/IPv4Address": f"{NODES[node]}/24"}
    if used.ipip is not Tunnelling.NEVER:
        notes["projectcalico.org/IPv4IPIPTunnelAddr"] = TUNNELS[node]
    if used.vxlan is not Tunnelling.NEVER:
        notes["projectcalico.org/IPv4VXLANTunnelAddr"] = TUNNELS[node]
    return Node(
        name=node,
        addresses=(NodeAddress("InternalIP", parse_ip(NODES[node])),),
        pod_cidrs=(parse_prefix(f"10.244.{4 - int(node[1])}.0/24"),),
        annotations=notes,
        ready=True,
        conditions=(Condition("Ready", "True"),),
    )


def cluster(
    used: IpPool, *, calico: CalicoObjects | None = None, nodes: list[Node] | None = None
) -> ClusterView:
    """A clean cluster with one pool."""
    objects = calico or CalicoObjects(
        pools=(used,),
        affinities=tuple(BlockAffinity(n, parse_prefix(cidr)) for n, cidr in BLOCKS.items()),
        known=("ippools", "blockaffinities"),
    )
    agent = Workload(
        kind="DaemonSet",
        namespace="kube-system",
        name="calico-node",
        containers=(Container(name="calico-node", image="calico/node"),),
        desired=3,
        ready=3,
    )
    proxy = {"config.conf": "kind: KubeProxyConfiguration\nmode: iptables\n"}
    inventory = build_inventory(
        nodes=nodes or [api_node(node, used) for node in NODES],
        pods=[
            Pod(
                namespace="shop",
                name=name,
                node=node,
                ips=(parse_ip(ip),),
                phase="Running",
                ready=True,
            )
            for name, (node, ip) in PODS.items()
        ],
        daemon_sets=[agent],
        config_maps=[ConfigMap("kube-system", "kube-proxy", proxy)],
        calico=objects,
    )
    hosts = {node: host(node, used) for node in NODES}
    pods = [pod_namespace(name) for name in PODS]
    return ClusterView(inventory, detect(inventory, hosts), hosts, {each.id: each for each in pods})
