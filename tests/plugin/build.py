"""A small flannel cluster by hand: three nodes, two pods on k1 and one on each other node."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from msgspec import structs

from skoop.cluster.detect.detect import detect
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.kube import (
    Condition,
    ConfigMap,
    Node,
    NodeAddress,
    Pod,
    Service,
    ServicePort,
    build_inventory,
)
from skoop.netstack.state import (
    Address,
    BridgePort,
    BridgeSettings,
    FdbEntry,
    IpTunnel,
    Link,
    Namespace,
    Neighbour,
    NextHop,
    PolicyRule,
    Route,
    RouteType,
    Vxlan,
    Wireguard,
    WireguardPeer,
)
from skoop.plugin.base import ClusterView

NODES = ("k1", "k2", "k3")
PODS = {"web": ("k1", 2), "cli": ("k1", 3), "api": ("k2", 2), "db": ("k3", 2)}
VIP = "10.96.0.10"
_PROXY = "kind: KubeProxyConfiguration\nmode: iptables\n"
PREFIX = "flannel.alpha.coreos.com/"


def number(node: str) -> int:
    return int(node[1:])


def vtep_mac(node: str) -> str:
    return f"02:42:0a:f4:{number(node):02x}:00"


def pod_mac(name: str) -> str:
    return f"0a:00:00:00:00:{sorted(PODS).index(name) + 1:02x}"


def bridge_mac(node: str) -> str:
    return f"0a:00:00:00:01:{number(node):02x}"


def address(text: str, device: str) -> Address:
    ip, _, length = text.partition("/")
    family, value = parse_ip(ip)
    prefix = parse_prefix(f"{ip}/{length}")
    scope = "host" if device == "lo" and ip.startswith("127.") else "global"
    return Address(device, family, value, prefix, scope)


def route(text: str, **changes: Any) -> Route:
    """ "10.0.0.0/8 via 10.0.0.1 dev eth0 onlink", "blackhole 10.0.0.0/8", "default dev x"."""
    words = text.split()
    kind = RouteType.UNICAST
    if words[0] in {each.value for each in RouteType}:
        kind = RouteType(words.pop(0))
    target = words[0]
    if target == "default":
        target = "::/0" if "via" in words and ":" in words[words.index("via") + 1] else "0.0.0.0/0"
    device = words[words.index("dev") + 1] if "dev" in words else ""
    via = parse_ip(words[words.index("via") + 1]) if "via" in words else None
    flags = ("onlink",) if "onlink" in words else ()
    hops = (NextHop(device, via, flags=flags),) if device else ()
    made = Route(destination=parse_prefix(target), type=kind, nexthops=hops, raw=text)
    return structs.replace(made, **changes)


def connected(text: str, device: str) -> tuple[Route, ...]:
    """The routes that come with an address."""
    ip = text.partition("/")[0]
    subnet = parse_prefix(text)
    routes = [route(f"local {ip} dev {device}", table="local")]
    if subnet.length < subnet.family.bits:
        routes.append(route(f"{subnet} dev {device}", scope="link", protocol="kernel"))
    return tuple(routes)


RULES = tuple(
    PolicyRule(family=family, priority=priority, target=table, raw=f"{priority}: {table}")
    for family in Family
    for priority, table in ((0, "local"), (32766, "main"), (32767, "default"))
)


def lo() -> Link:
    return Link(index=1, name="lo", kind="loopback", mtu=65536)


def public_key(node: str) -> str:
    return f"{node}{41 * 'k'}="


def wireguard(node: str) -> Wireguard:
    """A node's device, with a peer for each other node."""
    peers = tuple(
        WireguardPeer(
            public_key(peer),
            (*parse_ip(f"172.30.0.{number(peer)}"), 51820),
            (parse_prefix(f"10.244.{number(peer)}.0/24"),),
            met=True,
        )
        for peer in NODES
        if peer != node
    )
    return Wireguard(public_key(node), 51820, peers=peers)


def sysctls() -> dict[str, str]:
    on = {
        f"net.ipv4.conf.{device}.forwarding": "1"
        for device in ("all", "eth0", "cni0", "flannel/1", "flannel/ipip")
    }
    return {
        **on,
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        "net.bridge.bridge-nf-call-iptables": "1",
        "net.bridge.bridge-nf-call-ip6tables": "1",
        "net.ipv4.conf.all.rp_filter": "0",
        "net.ipv4.conf.flannel/1.rp_filter": "0",
        "net.ipv4.conf.cni0.rp_filter": "0",
    }


def host(node: str, backend: str, *, dual: bool, routed: tuple[str, ...]) -> Namespace:
    """A node's namespace as flannel leaves it; `routed` are peers reached without a tunnel."""
    n = number(node)
    links = [lo(), Link(index=2, name="eth0", kind="", mac=f"0a:00:00:00:02:{n:02x}")]
    addresses = [address("127.0.0.1/8", "lo"), address(f"172.30.0.{n}/24", "eth0")]
    routes = [*connected(f"172.30.0.{n}/24", "eth0"), route("default via 172.30.0.254 dev eth0")]
    neighbours: list[Neighbour] = []
    fdb: list[FdbEntry] = []
    local = parse_ip(f"172.30.0.{n}")
    if backend == "vxlan":
        vxlan = Vxlan(1, 8472, local, underlay="eth0", learning=False)
        mac = vtep_mac(node)
        links.append(Link(index=3, name="flannel.1", kind="vxlan", mac=mac, mtu=1450, vxlan=vxlan))
        addresses.append(address(f"10.244.{n}.0/32", "flannel.1"))
    if backend == "ipip":
        tunnel = IpTunnel(Family.V4, local[1])
        links.append(
            Link(index=3, name="flannel.ipip", kind="ipip", mtu=1480, arp=False, tunnel=tunnel)
        )
        addresses.append(address(f"10.244.{n}.0/32", "flannel.ipip"))
    if backend == "wireguard":
        links.append(
            Link(
                index=3,
                name="flannel-wg",
                kind="wireguard",
                mtu=1420,
                arp=False,
                wireguard=wireguard(node),
            )
        )
        routes.append(route("10.244.0.0/16 dev flannel-wg", scope="link"))
    if dual:
        _add_v6(n, node, links, addresses, routes)
    links.append(
        Link(
            index=4,
            name="cni0",
            kind="bridge",
            mac=bridge_mac(node),
            mtu=1400,
            bridge=BridgeSettings(),
        )
    )
    addresses.append(address(f"10.244.{n}.1/24", "cni0"))
    routes += connected(f"10.244.{n}.1/24", "cni0")
    for peer in NODES:
        if peer != node:
            _add_peer(backend, peer, routes, neighbours, fdb, direct=peer in routed, dual=dual)
    for index, name in enumerate(name for name, (where, _) in PODS.items() if where == node):
        links.append(
            Link(
                index=10 + index,
                name=f"veth{name}",
                kind="veth",
                mac=f"0a:00:00:00:03:{n:02x}",
                mtu=1400,
                master="cni0",
                peer_index=2,
                peer_nsid=index,
                port=BridgePort(hairpin=True),
            )
        )
    return Namespace(
        id=f"node/{node}",
        inode=100 + n,
        nsids=tuple(
            (index, inode(name))
            for index, name in enumerate(name for name, (where, _) in PODS.items() if where == node)
        ),
        links=tuple(links),
        addresses=tuple(addresses),
        rules=RULES,
        routes=tuple(routes),
        neighbours=tuple(neighbours),
        fdb=tuple(fdb),
        sysctls=sysctls(),
    )


def _add_v6(
    n: int, node: str, links: list[Link], addresses: list[Address], routes: list[Route]
) -> None:
    local = parse_ip(f"fd30::{n}")
    vxlan = Vxlan(1, 8472, local, underlay="eth0", learning=False)
    links.append(
        Link(index=5, name="flannel-v6.1", kind="vxlan", mac=vtep_mac(node), mtu=1430, vxlan=vxlan)
    )
    for text, device in (
        (f"fd30::{n}/64", "eth0"),
        (f"fd44:0:0:{n}::/128", "flannel-v6.1"),
        (f"fd44:0:0:{n}::1/64", "cni0"),
    ):
        addresses.append(address(text, device))
        routes += connected(text, device)


def _add_peer(
    backend: str,
    peer: str,
    routes: list[Route],
    neighbours: list[Neighbour],
    fdb: list[FdbEntry],
    *,
    direct: bool,
    dual: bool,
) -> None:
    p = number(peer)
    subnet, public = f"10.244.{p}.0/24", f"172.30.0.{p}"
    if direct:
        routes.append(route(f"{subnet} via {public} dev eth0"))
    elif backend == "vxlan":
        routes.append(route(f"{subnet} via 10.244.{p}.0 dev flannel.1 onlink"))
        family, vtep = parse_ip(f"10.244.{p}.0")
        neighbours.append(Neighbour("flannel.1", family, vtep, vtep_mac(peer), "PERMANENT"))
        fdb.append(
            FdbEntry(
                "flannel.1", vtep_mac(peer), self_=True, remote=parse_ip(public), permanent=True
            )
        )
    elif backend == "ipip":
        routes.append(route(f"{subnet} via {public} dev flannel.ipip onlink"))
    if dual:
        routes.append(route(f"fd44:0:0:{p}::/64 via fd44:0:0:{p}:: dev flannel-v6.1 onlink"))
        family, vtep = parse_ip(f"fd44:0:0:{p}::")
        neighbours.append(Neighbour("flannel-v6.1", family, vtep, vtep_mac(peer), "PERMANENT"))
        remote = parse_ip(f"fd30::{p}")
        fdb.append(FdbEntry("flannel-v6.1", vtep_mac(peer), self_=True, remote=remote))


def inode(name: str) -> int:
    return 200 + sorted(PODS).index(name)


def pod_namespace(name: str, *, dual: bool) -> Namespace:
    node, last = PODS[name]
    n = number(node)
    index = [each for each, (where, _) in PODS.items() if where == node].index(name)
    device = Link(
        index=2,
        name="eth0",
        kind="veth",
        mac=pod_mac(name),
        mtu=1400,
        peer_index=10 + index,
        peer_nsid=0,
    )
    ip = f"10.244.{n}.{last}/24"
    addresses = [address("127.0.0.1/8", "lo"), address(ip, "eth0")]
    routes = [*connected(ip, "eth0"), route(f"default via 10.244.{n}.1 dev eth0")]
    if dual:
        ip6 = f"fd44:0:0:{n}::{last}/64"
        addresses.append(address(ip6, "eth0"))
        routes += [*connected(ip6, "eth0"), route(f"default via fd44:0:0:{n}::1 dev eth0")]
    return Namespace(
        id=f"pod/shop/{name}",
        inode=inode(name),
        nsids=((0, 100 + n),),
        links=(lo(), device),
        addresses=tuple(addresses),
        rules=RULES,
        routes=tuple(routes),
        sysctls={"net.ipv4.conf.all.rp_filter": "0"},
    )


def api_node(node: str, backend: str, *, dual: bool) -> Node:
    n = number(node)
    written = {
        "vxlan": {"VNI": 1, "VtepMAC": vtep_mac(node)},
        "wireguard": {"PublicKey": public_key(node)},
    }
    data = json.dumps(written.get(backend))
    annotations = {
        PREFIX + "backend-type": backend,
        PREFIX + "backend-data": data,
        PREFIX + "public-ip": f"172.30.0.{n}",
    }
    ips = [f"172.30.0.{n}"]
    cidrs = [f"10.244.{n}.0/24"]
    if dual:
        annotations |= {PREFIX + "backend-v6-data": data, PREFIX + "public-ipv6": f"fd30::{n}"}
        ips.append(f"fd30::{n}")
        cidrs.append(f"fd44:0:0:{n}::/64")
    return Node(
        name=node,
        addresses=tuple(NodeAddress("InternalIP", parse_ip(ip)) for ip in ips),
        pod_cidrs=tuple(parse_prefix(each) for each in cidrs),
        annotations=annotations,
        ready=True,
        conditions=(Condition("Ready", "True"),),
    )


def cluster(
    backend: str = "vxlan",
    *,
    dual: bool = False,
    direct: bool = False,
    change_node: Callable[[Node], Node] = lambda node: node,
    bridge: str = "",
    hairpin: bool = False,
    **options: Any,
) -> ClusterView:
    """A clean cluster. `options` go into the Backend of net-conf.json."""
    if direct:
        options["DirectRouting"] = True
    conf: dict[str, Any] = {"Network": "10.244.0.0/16", "Backend": {"Type": backend, **options}}
    if dual:
        conf |= {"EnableIPv6": True, "IPv6Network": "fd44::/48"}
    delegate: dict[str, Any] = {"isDefaultGateway": True, "hairpinMode": hairpin}
    delegate |= {"bridge": bridge} if bridge else {}
    cni = {"plugins": [{"type": "flannel", "delegate": delegate}]}
    data = {"net-conf.json": json.dumps(conf), "cni-conf.json": json.dumps(cni)}
    pods = []
    for name, (node, last) in PODS.items():
        ips = [parse_ip(f"10.244.{number(node)}.{last}")]
        ips += [parse_ip(f"fd44:0:0:{number(node)}::{last}")] if dual else []
        pods.append(
            Pod(namespace="shop", name=name, node=node, ips=tuple(ips), phase="Running", ready=True)
        )
    config_maps = (
        ConfigMap("kube-flannel", "kube-flannel-cfg", data),
        ConfigMap("kube-system", "kube-proxy", {"config.conf": _PROXY}),
    )
    inventory = build_inventory(
        nodes=[change_node(api_node(node, backend, dual=dual)) for node in NODES],
        pods=pods,
        services=[
            Service(
                namespace="shop",
                name="web",
                cluster_ips=(parse_ip(VIP),),
                ports=(ServicePort(port=80, node_port=30080),),
            )
        ],
        config_maps=config_maps,
    )
    routed = NODES if direct or backend == "host-gw" else ()
    hosts = {node: host(node, backend, dual=dual, routed=routed) for node in NODES}
    namespaces = [pod_namespace(name, dual=dual) for name in PODS]
    return ClusterView(
        inventory, detect(inventory, hosts), hosts, {each.id: each for each in namespaces}
    )


def with_namespace(view: ClusterView, namespace: Namespace) -> ClusterView:
    """The view with one namespace exchanged."""
    kind, _, name = namespace.id.partition("/")
    if kind == "node":
        return structs.replace(view, hosts={**view.hosts, name: namespace})
    return structs.replace(view, pods={**view.pods, namespace.id: namespace})


def namespace_of(view: ClusterView, identity: str) -> Namespace:
    """A namespace by id."""
    kind, _, name = identity.partition("/")
    return view.hosts[name] if kind == "node" else view.pods[identity]


def with_inventory(view: ClusterView, **lists: Any) -> ClusterView:
    """The view with some lists of its inventory exchanged, and everything detected anew."""
    old = {
        name: getattr(view.inventory, name)
        for name in ("nodes", "pods", "services", "config_maps", "daemon_sets")
    }
    inventory = build_inventory(**(old | lists))
    return structs.replace(view, inventory=inventory, facts=detect(inventory, view.hosts))
