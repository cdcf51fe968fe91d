"""Small clusters by hand: two nodes with a bridge and two pods each, joined in several ways.

Pods a1, a2 live on k1 (10.244.1.2, .3), b1 and b2 on k2 (10.244.2.2, .3). Nodes are 172.30.0.1 and
172.30.0.2. Everything listens on tcp 80 and udp 53.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from skoop.diagnose.conversation import Conversation
from skoop.diagnose.flight import Flight
from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.question import Client, Question
from skoop.diagnose.story import Row
from skoop.diagnose.verdict import Settled, settle
from skoop.diagnose.world import Machine, World
from skoop.model.address import Prefix, parse_ip, parse_prefix
from skoop.model.disposition import Result
from skoop.model.packet import EPHEMERAL, Proto
from skoop.netstack.state import (
    BridgePort,
    FdbEntry,
    IpTunnel,
    Link,
    Namespace,
    Route,
    Vxlan,
    Wireguard,
    WireguardPeer,
)
from skoop.netstack.walk.events import Reason
from tests.netstack.builders import (
    bridge,
    ip,
    link,
    listen,
    namespace,
    neighbour,
    port,
    route,
)

SOCKETS = tuple(listen(text) for text in ("tcp *:80", "udp *:53"))
_TUNNEL_MTU = {"vxlan": 1450, "ipip": 1480, "host-gw": 1500, "wireguard": 1420}


def vtep(node: int) -> str:
    return f"02:00:00:00:ee:{node:02x}"


def wg_key(node: int) -> str:
    return f"k{node}" + 41 * "A" + "="


def wireguard(node: int, **fields: Any) -> Wireguard:
    """A node's device; `fields` are of its one peer, the other node."""
    other = 3 - node
    peer = WireguardPeer(
        wg_key(other),
        (*parse_ip(f"172.30.0.{other}"), 51820),
        (parse_prefix(f"10.244.{other}.0/24"),),
        met=True,
    )
    return Wireguard(wg_key(node), 51820, peers=(replace(peer, **fields),))


def pod_mac(node: int, number: int) -> str:
    return f"02:00:00:0{node}:00:{number:02x}"


def pod(node: int, number: int, *, mtu: int = 1500) -> Namespace:
    name = "ab"[node - 1] + str(number)
    index = 10 + number
    eth0 = link("eth0", 2, mac=pod_mac(node, number), peer_index=index, peer_nsid=0, mtu=mtu)
    return namespace(
        f"pod/t/{name}",
        inode=node * 100 + number,
        nsids=((0, node * 100),),
        links=(eth0,),
        addresses=(f"10.244.{node}.{number + 1}/24 eth0", f"fd44:{node}::{number + 1}/64 eth0"),
        routes=(f"default via 10.244.{node}.1 dev eth0", f"default via fd44:{node}::1 dev eth0"),
        sockets=SOCKETS,
    )


def host(node: int, backend: str, *, mtu: int = 1500) -> Namespace:
    other = 3 - node
    links: list[Link] = [
        link("eth0", 2, kind="", mac=f"02:00:00:00:00:{node:02x}"),
        bridge("cni0", 3, mac=f"02:00:00:00:cc:{node:02x}"),
        *(port(f"veth{n}", 10 + n, "cni0", 2, n, hairpin=True) for n in (1, 2)),
    ]
    links = [replace(one, mtu=mtu) if one.kind == "veth" else one for one in links]
    addresses = [f"172.30.0.{node}/24 eth0", f"10.244.{node}.1/24 cni0", f"fd44:{node}::1/64 cni0"]
    routes = ["default via 172.30.0.254 dev eth0"]
    neighbours, fdb, sockets = [], [], SOCKETS
    local = parse_ip(f"172.30.0.{node}")
    if backend == "vxlan":
        device = Vxlan(1, 8472, local, underlay="eth0", learning=False)
        links.append(link("flannel.1", 4, kind="vxlan", mac=vtep(node), mtu=1450, vxlan=device))
        addresses.append(f"10.244.{node}.0/32 flannel.1")
        routes.append(f"10.244.{other}.0/24 via 10.244.{other}.0 dev flannel.1 onlink")
        neighbours.append(neighbour(f"10.244.{other}.0", "flannel.1", vtep(other)))
        far = parse_ip(f"172.30.0.{other}")
        fdb.append(
            FdbEntry("flannel.1", vtep(other), self_=True, remote=far, permanent=True, raw="fdb")
        )
    if backend == "ipip":
        links.append(
            link("tunl0", 4, kind="ipip", mac="", mtu=1480, arp=False,
                 tunnel=IpTunnel(local[0], local[1]))
        )  # fmt: skip
        addresses.append(f"10.244.{node}.0/32 tunl0")
        routes.append(f"10.244.{other}.0/24 via 172.30.0.{other} dev tunl0 onlink")
    if backend == "wireguard":
        links.append(
            link("flannel-wg", 4, kind="wireguard", mac="", mtu=1420, arp=False,
                 wireguard=wireguard(node))
        )  # fmt: skip
        addresses.append(f"10.244.{node}.0/32 flannel-wg")
        routes.append("10.244.0.0/16 dev flannel-wg")
        sockets = (*SOCKETS, listen("udp 0.0.0.0:51820"), listen("udp [::]:51820"))
    if backend == "host-gw":
        routes.append(f"10.244.{other}.0/24 via 172.30.0.{other} dev eth0")
    return namespace(
        f"node/k{node}",
        inode=node * 100,
        nsids=tuple((n, node * 100 + n) for n in (1, 2)),
        links=links,
        addresses=addresses,
        routes=routes,
        neighbours=tuple(neighbours),
        fdb=tuple(fdb),
        sockets=sockets,
    )


Spaces = dict[str, Namespace]
Change = Callable[[Namespace], Namespace]


def cluster(backend: str = "vxlan", *, pod_mtu: int = 0) -> Spaces:
    """Every namespace by id."""
    mtu = pod_mtu or _TUNNEL_MTU[backend]
    made = [host(node, backend, mtu=mtu) for node in (1, 2)]
    made += [pod(node, number, mtu=mtu) for node in (1, 2) for number in (1, 2)]
    return {each.id: each for each in made}


def world(spaces: Spaces) -> World:
    machines = []
    for node, letter in ((1, "a"), (2, "b")):
        pods = tuple(s for s in spaces.values() if s.id.startswith(f"pod/t/{letter}"))
        if f"node/k{node}" in spaces:
            machines.append(Machine(f"k{node}", spaces[f"node/k{node}"], pods))
    return World.of(machines)


def change(spaces: Spaces, id: str, *changes: Change, **fields: Any) -> Spaces:  # noqa: A002
    """The cluster with one namespace changed: by functions, or by fields."""
    made = spaces[id]
    for each in changes:
        made = each(made)
    return {**spaces, id: replace(made, **fields)}


def with_link(name: str, **fields: Any) -> Change:
    """A device changed."""

    def apply(space: Namespace) -> Namespace:
        links = tuple(replace(e, **fields) if e.name == name else e for e in space.links)
        assert links != space.links
        return replace(space, links=links)

    return apply


def with_port(name: str, **settings: Any) -> Change:
    """A bridge port's settings changed."""

    def apply(space: Namespace) -> Namespace:
        links = tuple(
            replace(e, port=replace(e.port or BridgePort(), **settings)) if e.name == name else e
            for e in space.links
        )
        return replace(space, links=links)

    return apply


def with_sysctls(**values: str) -> Change:
    """Settings by name, "__" for a dot."""
    named = {key.replace("__", "."): value for key, value in values.items()}
    return lambda space: replace(space, sysctls={**space.sysctls, **named})


def with_rules(*rulesets: Any) -> Change:
    return lambda space: replace(space, rulesets=(*space.rulesets, *rulesets))


def with_routes(*texts: str) -> Change:
    return lambda space: replace(space, routes=(*space.routes, *(route(t) for t in texts)))


def without_routes(matches: Callable[[Route], bool]) -> Change:
    def apply(space: Namespace) -> Namespace:
        routes = tuple(each for each in space.routes if not matches(each))
        assert routes != space.routes
        return replace(space, routes=routes)

    return apply


def to(prefix: str) -> Callable[[Route], bool]:
    """Routes of the main table to a prefix."""
    wanted = parse_prefix("0.0.0.0/0" if prefix == "default" else prefix)
    return lambda each: each.destination == wanted and each.table == "main"


def converse(
    spaces: Spaces, source: str, target: str, *, proto: str = "tcp",
    unroutable: Iterable[Prefix] = (), **fields: Any,
) -> list[Row]:  # fmt: skip
    """The rows of a question from a namespace (a1, k1) to "address:port"."""
    made = world(spaces)
    known = tuple(unroutable)
    flight = Flight(made, lambda one: PlainUnderlay(one, known))
    number = Proto[proto.upper()]
    host_text, _, digits = target.rpartition(":") if number in (6, 17, 132) else (target, "", "0")
    family, value = parse_ip(host_text.strip("[]"))
    stack = made.stacks[f"node/{source}" if source.startswith("k") else f"pod/t/{source}"]
    question = Question(
        family=family, proto=number, dst=value, dport=int(digits),
        sport=fields.pop("sport", EPHEMERAL if digits != "0" else 0), **fields,
    )  # fmt: skip
    return Conversation(flight, Client(stack), question).run()


def ask(spaces: Spaces, source: str, target: str, **fields: Any) -> Settled:
    return settle(converse(spaces, source, target, **fields))


def results(settled: Settled) -> dict[str, float]:
    """Share of connections by result."""
    shares: dict[str, float] = {}
    for row in settled.rows:
        shares[row.result.value] = round(shares.get(row.result.value, 0.0) + row.weight, 6)
    return shares


def result(settled: Settled) -> str:
    """The only result there is."""
    (found,) = results(settled)
    return found


def reasons(settled: Settled) -> set[Reason]:
    """What stopped packets."""
    return {blocker.stop.reason for row in settled.rows for blocker in row.blockers}


def seen_source(settled: Settled) -> str:
    """The client's address as the one server sees it."""
    (row,) = settled.rows
    assert row.at is not None
    return row.at.source


def failed(settled: Settled) -> list[Row]:
    return [row for row in settled.rows if row.result is not Result.OK]


def evidence(settled: Settled) -> str:
    """All evidence of all blockers."""
    return "\n".join(
        item.text
        for row in settled.rows
        for blocker in row.blockers
        for item in blocker.stop.evidence
    )


A1, A2, B1, B2 = "10.244.1.2", "10.244.1.3", "10.244.2.2", "10.244.2.3"
K1, K2 = "172.30.0.1", "172.30.0.2"
VIP = "10.96.0.10"
assert ip(VIP)
