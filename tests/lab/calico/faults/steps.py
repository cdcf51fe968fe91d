"""Steps and conditions of Calico's faults."""

from __future__ import annotations

from tests.felix.words import chain_name
from tests.felix.words import veth as veth_name
from tests.lab import commands
from tests.lab.calico.nodes import device, mac
from tests.lab.faults.base import Fits, Scene, Step, Target, at, tunnelled
from tests.lab.topology import Cluster


def vxlan(cluster: Cluster, target: Target) -> bool:
    """The node reaches the peer's pods through VXLAN."""
    return _tunnel(cluster) == "vxlan" and tunnelled(cluster, target)


def ipip(cluster: Cluster, target: Target) -> bool:
    """The node reaches the peer's pods through IPIP."""
    return _tunnel(cluster) == "ipip" and tunnelled(cluster, target)


def in_tunnel(cluster: Cluster, target: Target) -> bool:
    """The node reaches the peer's pods through a tunnel."""
    return bool(_tunnel(cluster)) and tunnelled(cluster, target)


def past_tunnel(cluster: Cluster, target: Target) -> bool:
    """There is a tunnel, and the peer is reached without it."""
    return bool(_tunnel(cluster)) and not tunnelled(cluster, target)


def by_routers(cluster: Cluster, target: Target) -> bool:
    """The router between the nodes knows where the pods are."""
    apart = cluster.node(target.node).subnet != cluster.node(target.peer).subnet
    return apart and not _tunnel(cluster)


def near(cluster: Cluster, target: Target) -> bool:
    """The third node is on the node's own link."""
    third = bool(target.third)
    return third and cluster.node(target.node).subnet == cluster.node(target.third).subnet


def negated(fits: Fits) -> Fits:
    """Where the other does not."""
    return lambda cluster, target: not fits(cluster, target)


def _tunnel(cluster: Cluster) -> str:
    return cluster.calico.tunnel if cluster.calico else ""


def with_tunnel(*lines: str, where: str = "node") -> Step:
    """Steps on the node; TUNNEL is the cluster's device, END the address a route through it goes
    to, by what stands before the dot: "peer.END"."""

    def step(scene: Scene) -> None:
        name = device(scene.lab.cluster, scene.family)
        end = "ip" if name == "tunl0" else "vtep"
        for line in lines:
            at(where, line.replace("TUNNEL", name).replace("END", end))(scene)

    return step


def instead(line: str) -> Step:
    """Another route than the one to the peer's block."""
    return at("node", "ip route del {peer.block}", f"ip route add {line}")


def felix(*rules: str, kind: str = "tw", table: str = "filter") -> Step:
    """Rules of iptables; CHAIN is the pod's own chain, VETH its interface."""

    def step(scene: Scene) -> None:
        own = veth_name(scene.pod.namespace, scene.pod.name)
        for rule in rules:
            text = rule.replace("CHAIN", chain_name(kind, own)).replace("VETH", own)
            namespace = scene.lab.node(scene.node.name)
            line = f"-t {table} {text.format(pod=scene.pod)}"
            scene.lab.iptables(namespace, line, family=scene.family)

    return step


def dispatch_lost(direction: str) -> Step:
    """The dispatch rule of the pod is gone; its interface is unknown then."""

    def step(scene: Scene) -> None:
        own = veth_name(scene.pod.namespace, scene.pod.name)
        namespace = scene.lab.node(scene.node.name)
        chain = f"cali-{direction}-wl-dispatch"
        rule = f"-D {chain} {_position(scene, chain, own)}"
        scene.lab.iptables(namespace, rule, family=scene.family)

    return step


def _position(scene: Scene, chain: str, word: str) -> int:
    """The number of the rule of a chain that speaks of something."""
    tool = "iptables" if scene.family == 4 else "ip6tables"
    name = f"{tool}-{scene.lab.cluster.iptables}"
    text = commands.run(scene.lab.node(scene.node.name), (name, "-w", "5", "-S", chain))
    rules = [line for line in text.splitlines() if line.startswith("-A")]
    return next(n for n, line in enumerate(rules, 1) if word in line)


def peer_mac_lost(scene: Scene) -> None:
    """The entry that says behind which node the peer's end of the tunnel is."""
    address = mac(scene.peer, scene.family)
    with_tunnel(f"bridge fdb del {address} dev TUNNEL dst {scene.peer.ip} self")(scene)


def peer_mac_elsewhere(scene: Scene) -> None:
    """It says another node."""
    address = mac(scene.peer, scene.family)
    with_tunnel(f"bridge fdb replace {address} dev TUNNEL dst {scene.third.ip} self")(scene)


def other_vni(scene: Scene) -> None:
    """The device made anew for another network."""
    mtu = 1450 if scene.family == 4 else 1430
    with_tunnel(
        "ip link del TUNNEL",
        f"ip link add TUNNEL mtu {mtu} type vxlan id 4097 local {{node.ip}} dev eth0 "
        "dstport 4789 nolearning",
        "ip addr add {node.vtep}/32 dev TUNNEL",
        "ip link set TUNNEL up",
    )(scene)
