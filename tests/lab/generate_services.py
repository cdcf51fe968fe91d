"""Random clusters for the sake of their Services: all fields that decide whom a client reaches."""

from __future__ import annotations

import random

import msgspec

from tests.lab.generate import DNS, HTTP, random_cluster
from tests.lab.generate_proxy import settings
from tests.lab.topology import (
    OUTSIDE_IP,
    OUTSIDE_PORT,
    Backend,
    Cluster,
    Listener,
    Pod,
    Service,
    ServicePort,
)

OTHER = Listener("tcp", 8081)
SIGNAL = Listener("sctp", 3868)


def service_cluster(rng: random.Random) -> Cluster:
    """A random cluster in any of kube-proxy's modes, with four to seven Services."""
    plain = random_cluster(rng)
    pods = tuple(
        msgspec.structs.replace(pod, listeners=pod.listeners if pod.host_network
                                else (HTTP, OTHER, DNS, SIGNAL))
        for pod in plain.pods
    )  # fmt: skip
    number = rng.choice((4, 5, 6))
    services = [_service(rng, plain, pods, n) for n in range(1, number + 1)]
    if rng.random() < 0.4:
        services.append(_by_hand(number + 1))
    made = msgspec.structs.replace(
        plain,
        pods=pods,
        services=tuple(services),
        proxy=rng.choice(("iptables", "nftables", "nftables", "nftables-chains")),
        masquerade_all=rng.random() < 0.15,
    )
    if rng.random() < 0.3:
        return made
    return msgspec.structs.replace(made, settings=settings(rng, made))


def _service(rng: random.Random, plain: Cluster, pods: tuple[Pod, ...], number: int) -> Service:
    kind = rng.choice(("ClusterIP", "ClusterIP", "NodePort", "NodePort", "LoadBalancer"))
    public = kind != "ClusterIP"
    ports = _ports(rng, number, public=public)
    balanced = kind == "LoadBalancer"
    proxied = balanced and rng.random() < 0.25
    external = rng.random() < 0.25
    return Service(
        name=f"s{number}",
        cluster_ip=f"10.96.0.{10 + number}",
        cluster_ip6=f"fd00:96::{10 + number}" if plain.dual_stack else "",
        ports=ports,
        backends=_backends(rng, plain, pods, ports),
        external_ips=(f"172.30.8.{number}",) if external else (),
        load_balancer_ips=(f"172.30.9.{number}",) if balanced and not proxied else (),
        proxied_ips=(f"172.30.9.{100 + number}",) if proxied else (),
        source_ranges=_ranges(rng) if balanced and rng.random() < 0.5 else (),
        external_local=(public or external) and rng.random() < 0.45,
        internal_local=rng.random() < 0.3,
        affinity=rng.random() < 0.15,
    )


def _ports(rng: random.Random, number: int, *, public: bool) -> tuple[ServicePort, ...]:
    """One port for TCP, and often more: for UDP, on the same number or another, and for SCTP."""
    door = 30000 + 10 * number if public else 0
    ports = [ServicePort("http", 80, 8080, "tcp", door)]
    if rng.random() < 0.6:
        own = rng.choice((53, 80))
        ports.append(ServicePort("dns", own, 5353, "udp", door))
    if rng.random() < 0.2:
        ports.append(ServicePort("other", 81, 8081, "tcp", door + 1 if door else 0))
    if rng.random() < 0.35:
        ports.append(ServicePort("signal", rng.choice((80, 3868)), 3868, "sctp", door))
    return tuple(ports)


def _ranges(rng: random.Random) -> tuple[str, ...]:
    every = ("10.244.1.0/24", "10.244.0.0/16", "172.30.1.0/24", "192.0.2.0/24", "172.30.1.11/32")
    return tuple(sorted(rng.sample(every, rng.choice((1, 2)))))


def _backends(
    rng: random.Random, plain: Cluster, pods: tuple[Pod, ...], ports: tuple[ServicePort, ...]
) -> tuple[Backend, ...]:
    own = [p for p in pods if not p.host_network]
    chosen = rng.sample(own, min(len(own), rng.choice((0, 1, 2, 2, 3, 4))))
    hinted = rng.choice(("", "", "", "zones", "nodes"))
    fading = rng.random() < 0.25
    named = len(ports) == 1 and rng.random() < 0.4
    made = []
    for pod in chosen:
        node = plain.node(pod.node)
        ready = not fading and rng.random() < 0.85
        terminating = not ready and rng.random() < 0.7
        made.append(
            Backend(
                pod.name,
                pod.node,
                pod.ip,
                pod.ip6,
                ready=ready,
                serving=rng.random() < 0.7,
                terminating=terminating,
                port=rng.choice((8080, 8081)) if named else 0,
                zones=(node.zone,) if hinted == "zones" and rng.random() < 0.95 else (),
                nodes=(node.name,) if hinted == "nodes" and rng.random() < 0.95 else (),
            )
        )
    return tuple(made)


def _by_hand(number: int) -> Service:
    """Without a selector: its slice names a server outside the cluster."""
    port = ServicePort("far", 99, OUTSIDE_PORT, "tcp")
    return Service(
        name=f"s{number}",
        cluster_ip=f"10.96.0.{10 + number}",
        ports=(port,),
        backends=(Backend("", "", OUTSIDE_IP),),
    )
