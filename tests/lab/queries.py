"""Questions, in the words of `skoop diagnose --batch`, and how the lab asks the kernel the same."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from tests.lab.faults import Target
from tests.lab.lab import Lab
from tests.lab.probe import Shot, speaks_sctp
from tests.lab.rules.settings import interface_addresses
from tests.lab.topology import (
    NODE_PORT,
    OUTSIDE_IP,
    OUTSIDE_IP6,
    OUTSIDE_PORT,
    Cluster,
    Pod,
    Service,
)


class Query(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question. `src` and `dst` are endpoints of the contract; the outside client is its
    address."""

    id: str
    src: str
    dst: str
    port: int
    protocol: str = "tcp"
    sport: int = 0
    size: int = 0
    df: bool = False

    def plain(self) -> dict[str, Any]:
        """The line of a batch."""
        line: dict[str, Any] = {
            "id": self.id,
            "src": self.src,
            "dst": self.dst,
            "port": self.port,
            "protocol": self.protocol,
        }
        if self.protocol == "icmp":
            del line["port"]
        if self.sport:
            line["sport"] = self.sport
        if self.size:
            line["size"] = self.size
        if self.df:
            line["df"] = True
        return line

    def __str__(self) -> str:
        extra = "".join(
            f" {name}={value}"
            for name, value in (("sport", self.sport), ("size", self.size), ("df", self.df))
            if value
        )
        return f"{self.src} -> {self.dst} {self.protocol}/{self.port}{extra}"


def shot(lab: Lab, query: Query) -> Shot:
    """How to ask the kernel."""
    kind, _, name = query.src.partition("/")
    if kind == "pod":
        namespace = lab.pod(name.partition("/")[2])
    elif kind == "node":
        namespace = lab.node(name)
    else:
        namespace = lab.outside
    return Shot(
        namespace=namespace,
        address=address(lab.cluster, query.dst),
        port=query.port,
        protocol=query.protocol,
        sport=query.sport,
        size=query.size,
        df=query.df,
    )


def address(cluster: Cluster, endpoint: str) -> str:
    """The address behind an endpoint's name."""
    kind, _, name = endpoint.partition("/")
    if kind == "pod":
        pod = cluster.pod(name.partition("/")[2])
        return pod.ip or pod.ip6
    if kind == "svc":
        service = cluster.service(name.partition("/")[2])
        return service.cluster_ip or service.cluster_ip6
    if kind == "node":
        node = cluster.node(name)
        return node.ip6 if cluster.ipv6_only else node.ip
    return endpoint


def behind(cluster: Cluster, query: Query) -> Service | None:
    """The Service that a question goes to, by whatever address or port."""
    target = address(cluster, query.dst)
    nodes = node_addresses(cluster)
    for service in cluster.services:
        own = {
            service.cluster_ip,
            service.cluster_ip6,
            *service.external_ips,
            *service.load_balancer_ips,
        }
        for port in service.ports:
            if port.protocol != query.protocol:
                continue
            by_node = target in nodes and port.node_port == query.port
            if by_node or (target in own and port.port == query.port):
                return service
    return None


def pinged(queries: Iterable[Query]) -> tuple[Query, ...]:
    """The same ends, asked for an echo."""
    ends = dict.fromkeys((query.src, query.dst) for query in queries)
    return tuple(
        Query(id=f"q{number}", src=src, dst=dst, port=0, protocol="icmp")
        for number, (src, dst) in enumerate(ends, 1)
    )


def node_addresses(cluster: Cluster) -> frozenset[str]:
    """What nodes' interfaces have."""
    return frozenset(
        address
        for node in cluster.nodes
        for family in (4, 6)
        for address in interface_addresses(cluster, node, family=family)
    )


class Asker:
    """Draws questions about a cluster, those near a fault's target more often than others."""

    def __init__(
        self,
        cluster: Cluster,
        rng: random.Random,
        targets: tuple[Target, ...],
        *,
        services_only: bool = False,
        protocol: str = "",
    ) -> None:
        self._cluster = cluster
        self._rng = rng
        self._near = targets
        self._services_only = services_only
        self._protocol = protocol

    def draw(self, count: int) -> tuple[Query, ...]:
        """So many different questions, none that this kernel cannot put."""
        found: dict[str, Query] = {}
        for _ in range(count * 8):
            query = self._one(f"q{len(found) + 1}")
            if self._protocol not in ("", query.protocol):
                continue
            if query.protocol != "sctp" or speaks_sctp():
                found.setdefault(str(query), query)
            if len(found) == count:
                break
        return tuple(found.values())

    def _one(self, identity: str) -> Query:
        rng, cluster = self._rng, self._cluster
        source = self._source()
        kinds = [self._to_pod, self._to_service, self._to_node, self._elsewhere]
        weights = [40, 36 if cluster.services else 0, 21, 3]
        if source == OUTSIDE_IP:
            kinds, weights = [self._to_node], [1]
        elif self._services_only:
            weights = [5, 60, 32, 3]
        dst, port, protocol = rng.choices(kinds, weights)[0]()
        if self._services_only and dst.startswith("node/") and rng.random() < 0.4:
            dst = self._door(source, dst)
            source = OUTSIDE_IP6 if source == OUTSIDE_IP and ":" in dst else source
        six = cluster.dual_stack and rng.random() < 0.4
        if six and (other := self._in_six(dst)):
            dst = other
            source = OUTSIDE_IP6 if source == OUTSIDE_IP else source
        if cluster.ipv6_only and source == OUTSIDE_IP:
            source = OUTSIDE_IP6
        query = Query(id=identity, src=source, dst=dst, port=port, protocol=protocol)
        return self._loaded(query)

    def _loaded(self, query: Query) -> Query:
        rng = self._rng
        size, df, sport = 0, False, 0
        if not self._services_only and rng.random() < 0.15:
            size = rng.choice((100, 800, 1000, 1300, 1390, 1400, 1440, 1460, 1472, 4000))
            # The outside client's own MTU, which would refuse first, is in no snapshot.
            df = query.protocol == "udp" and "/" in query.src and rng.random() < 0.5
        if query.protocol == "udp" and rng.random() < 0.1:
            sport = 5555
        return Query(**{**query.plain(), "size": size, "df": df, "sport": sport})

    def _source(self) -> str:
        rng, cluster = self._rng, self._cluster
        where = rng.random()
        if where < 0.1:
            return OUTSIDE_IP
        if where < 0.25:
            return rng.choice(cluster.nodes).id
        return self._pod().id

    def _pod(self) -> Pod:
        rng, cluster = self._rng, self._cluster
        if self._near and rng.random() < 0.65:
            target = rng.choice(self._near)
            names = [target.pod, target.pod, target.other, target.other, target.mate]
            return cluster.pod(rng.choice([n for n in names if n]))
        return rng.choice(cluster.pods)

    def _to_pod(self) -> tuple[str, int, str]:
        rng, pod = self._rng, self._pod()
        if not pod.listeners or rng.random() < 0.1:
            return pod.id, 81, rng.choice(("tcp", "udp"))
        listener = rng.choice(pod.listeners)
        return pod.id, listener.port, listener.protocol

    def _to_service(self) -> tuple[str, int, str]:
        rng, service = self._rng, self._service()
        port = rng.choice(service.ports)
        if rng.random() < 0.05:
            return service.id, port.port + 1, port.protocol
        addresses = [service.id] * 4 + [*service.load_balancer_ips, *service.external_ips]
        addresses += service.proxied_ips
        if self._services_only:
            addresses = addresses[3:]
        return rng.choice(addresses), port.port, port.protocol

    def _service(self) -> Service:
        rng = self._rng
        if self._near and rng.random() < 0.6:
            return self._cluster.service(rng.choice(self._near).service)
        return rng.choice(self._cluster.services)

    def _to_node(self) -> tuple[str, int, str]:
        rng, cluster = self._rng, self._cluster
        node = rng.choice(cluster.nodes)
        if self._near and rng.random() < 0.6:
            target = rng.choice(self._near)
            node = cluster.node(rng.choice((target.node, target.peer)))
        doors = [(NODE_PORT, "tcp"), (81, "tcp")]
        for service in cluster.services:
            doors += [(p.node_port, p.protocol) for p in service.ports if p.node_port] * 3
        for pod in cluster.pods_on(node.name):
            doors += [(h.host_port, h.protocol) for h in pod.host_ports] * 2
        return (node.id, *rng.choice(doors))

    def _door(self, source: str, target: str) -> str:
        """Another address of the node asked for; localhost where the node itself asks. Which node
        the world outside sends packets for pods' networks to, no snapshot tells."""
        node = self._cluster.node(target.removeprefix("node/"))
        family = 6 if self._cluster.dual_stack and self._rng.random() < 0.4 else 4
        loopback, primary, *others = interface_addresses(self._cluster, node, family=family)
        if source == OUTSIDE_IP:
            return primary
        others.append(primary)
        return self._rng.choice([loopback, *others] if source == target else others)

    def _elsewhere(self) -> tuple[str, int, str]:
        """Addresses nobody has, and the world outside."""
        node = self._rng.choice(self._cluster.nodes)
        if self._cluster.ipv6_only:
            return self._rng.choice(
                (
                    (f"fd00:244:0:{node.index}::251", 8080, "tcp"),
                    ("fd00:96::251", 80, "tcp"),
                    (OUTSIDE_IP6, OUTSIDE_PORT, "tcp"),
                    (OUTSIDE_IP6, OUTSIDE_PORT, "udp"),
                )
            )
        return self._rng.choice(
            (
                (f"10.244.{node.index}.251", 8080, "tcp"),
                ("10.96.0.251", 80, "tcp"),
                (OUTSIDE_IP, OUTSIDE_PORT, "tcp"),
                (OUTSIDE_IP, OUTSIDE_PORT, "udp"),
            )
        )

    def _in_six(self, dst: str) -> str:
        kind, _, name = dst.partition("/")
        if kind == "pod":
            return self._cluster.pod(name.partition("/")[2]).ip6
        if kind == "svc":
            return self._cluster.service(name.partition("/")[2]).cluster_ip6
        if kind == "node":
            return self._cluster.node(name).ip6
        return OUTSIDE_IP6 if dst == OUTSIDE_IP else ""
