"""Random clusters: every flavour the lab can build, drawn from a seed."""

from __future__ import annotations

import random

import msgspec

from tests.lab.cni import plugin_folder
from tests.lab.topology import (
    Backend,
    Calico,
    Cluster,
    HostPort,
    Listener,
    Node,
    Pod,
    Pool,
    Service,
    ServicePort,
)

HTTP = Listener("tcp", 8080)
DNS = Listener("udp", 5353)


def standard(
    *, subnets: tuple[int, ...] = (0, 0, 0), plugin: bool = False, **flavour: object
) -> Cluster:
    """Three nodes, seven pods and the usual Services: the cluster that fault tests use."""
    nodes = tuple(Node(name=f"k{i}", index=i, subnet=s) for i, s in enumerate(subnets, 1))
    six = bool(flavour.get("dual_stack") or flavour.get("ipv6_only"))
    pods = [
        _pod(f"p{n}", node, 10 + n, six=six, listeners=(HTTP, DNS))
        for n, node in enumerate((*nodes, *nodes), 1)
    ]
    pods[3] = _with_host_port(pods[3], 8888)
    pods.append(_on_host("h1", nodes[0], 7070, six=six))
    ports = (
        ServicePort("http", 80, 8080, "tcp", 30080),
        ServicePort("dns", 53, 5353, "udp", 30053),
    )
    web = Service(
        name="web",
        cluster_ip="10.96.0.10",
        cluster_ip6="fd00:96::10" if six else "",
        ports=ports,
        backends=tuple(_backend(p) for p in pods[:3]),
        load_balancer_ips=("172.30.9.9",),
        external_ips=("172.30.8.8",),
    )
    api = Service(
        name="api",
        cluster_ip="10.96.0.11",
        cluster_ip6="fd00:96::11" if six else "",
        ports=(ServicePort("http", 80, 8080, "tcp", 30081),),
        backends=(_backend(pods[1]), _backend(pods[4])),
        external_local=True,
    )
    host = Service(
        name="host",
        cluster_ip="10.96.0.12",
        cluster_ip6="fd00:96::12" if six else "",
        ports=(ServicePort("agent", 7070, 7070),),
        backends=(_backend(pods[6]),),
    )
    made = Cluster(
        nodes=nodes,
        pods=tuple(pods),
        services=(web, api, host),
        cni="plugin" if plugin else "hand",
        **flavour,  # type: ignore[arg-type]
    )
    return without_four(made) if made.ipv6_only else made


def random_cluster(rng: random.Random) -> Cluster:
    """A cluster of two to four nodes in a random flavour."""
    backend = rng.choice(("vxlan", "vxlan", "host-gw"))
    apart = backend == "vxlan" and rng.random() < 0.35
    six = rng.random() < 0.2
    nodes = tuple(
        Node(name=f"k{i}", index=i, subnet=rng.randrange(2) if apart else 0)
        for i in range(1, rng.choice((2, 3, 3, 4)) + 1)
    )
    pods = _pods(rng, nodes, six=six)
    by_plugin = plugin_folder() is not None and rng.random() < 0.2
    return Cluster(
        nodes=nodes,
        pods=pods,
        services=_services(rng, pods, six=six),
        backend=backend,
        direct_routing=backend == "vxlan" and rng.random() < 0.4,
        cni="plugin" if by_plugin else "hand",
        iptables=rng.choice(("legacy", "nft")),
        bridge_nf_call=0 if rng.random() < 0.1 else 1,
        rp_filter=rng.choice((0, 0, 1, 2)),
        hairpin=rng.random() < 0.85,
        dual_stack=six,
    )


def random_calico_cluster(rng: random.Random) -> Cluster:
    """A Calico cluster of two to four nodes on one or two subnets, in IPv4, IPv6 or both."""
    tunnel, families = rng.choice(("", "vxlan", "vxlan")), rng.choice(((4,), (6,), (4, 6), (4, 6)))
    apart = rng.random() < 0.6
    nodes = tuple(
        Node(name=f"k{i}", index=i, subnet=rng.randrange(2) if apart else 0)
        for i in range(1, rng.choice((2, 3, 3, 4)) + 1)
    )
    six = 6 in families
    pods = _pods(rng, nodes, six=six)
    made = Cluster(
        nodes=nodes,
        pods=pods,
        services=_services(rng, pods, six=six),
        iptables=rng.choice(("legacy", "nft")),
        rp_filter=rng.choice((0, 0, 1, 2)),
        dual_stack=families == (4, 6),
        ipv6_only=families == (6,),
        calico=Calico(
            tunnel,
            bool(tunnel) and rng.random() < 0.5,
            rng.random() < 0.8,
            six=_pool6(rng) if six else Pool(),
        ),
    )
    return without_four(made) if made.ipv6_only else made


def _pool6(rng: random.Random) -> Pool:
    """Most who use IPv6 have addresses enough to do without NAT."""
    tunnel = rng.choice(("", "vxlan", "vxlan"))
    return Pool(tunnel, bool(tunnel) and rng.random() < 0.5, rng.random() < 0.5)


def without_four(cluster: Cluster) -> Cluster:
    """A dual-stack cluster's pods and Services with their IPv6 addresses alone."""
    replace = msgspec.structs.replace
    services = tuple(
        replace(
            service,
            cluster_ip="",
            backends=tuple(replace(each, ip="") for each in service.backends),
            external_ips=_in_six(service.external_ips),
            load_balancer_ips=_in_six(service.load_balancer_ips),
            source_ranges=tuple("fd00:244:0:1::/64" for _ in service.source_ranges),
        )
        for service in cluster.services
    )
    pods = tuple(replace(pod, ip="") for pod in cluster.pods)
    return replace(cluster, pods=pods, services=services)


def _in_six(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """172.30.9.1 as fd00:30:9::1."""
    parts = (each.split(".") for each in addresses)
    return tuple(f"fd00:30:{third}::{fourth}" for _, _, third, fourth in parts)


def _pods(rng: random.Random, nodes: tuple[Node, ...], *, six: bool) -> tuple[Pod, ...]:
    pods: list[Pod] = []
    for node in nodes:
        for _ in range(rng.choice((1, 2, 2, 3))):
            number = len(pods) + 1
            pod = _pod(f"p{number}", node, 10 + number, six=six, listeners=(HTTP, DNS))
            if rng.random() < 0.2:
                pod = _with_host_port(pod, 8800 + number)
            pods.append(pod)
    if rng.random() < 0.5:
        pods.append(_on_host("h1", rng.choice(nodes), 7070, six=six))
    return tuple(pods)


def _services(rng: random.Random, pods: tuple[Pod, ...], *, six: bool) -> tuple[Service, ...]:
    own = [p for p in pods if not p.host_network]
    made = []
    for number in range(1, rng.choice((1, 2, 3)) + 1):
        count = min(len(own), rng.choice((0, 1, 2, 2, 3, 4)) if number > 1 else 2)
        chosen = rng.sample(own, count)
        public = rng.random() < 0.7
        ports = [ServicePort("http", 80, 8080, "tcp", 30080 + number if public else 0)]
        if rng.random() < 0.6:
            ports.append(ServicePort("dns", 53, 5353, "udp", 30050 + number if public else 0))
        balanced = public and rng.random() < 0.3
        made.append(
            Service(
                name=f"s{number}",
                cluster_ip=f"10.96.0.{10 + number}",
                cluster_ip6=f"fd00:96::{10 + number}" if six else "",
                ports=tuple(ports),
                backends=tuple(_backend(p, ready=rng.random() < 0.9) for p in chosen),
                load_balancer_ips=(f"172.30.9.{number}",) if balanced else (),
                external_ips=(f"172.30.8.{number}",) if rng.random() < 0.2 else (),
                source_ranges=("10.244.1.0/24",) if balanced and rng.random() < 0.3 else (),
                external_local=public and rng.random() < 0.3,
                internal_local=rng.random() < 0.1,
                affinity=rng.random() < 0.1,
            )
        )
    hosts = [p for p in pods if p.host_network]
    if hosts:
        agent = ServicePort("agent", 7070, 7070)
        made.append(
            Service(
                name="host",
                cluster_ip="10.96.0.100",
                cluster_ip6="fd00:96::100" if six else "",
                ports=(agent,),
                backends=tuple(_backend(p) for p in hosts),
            )
        )
    return tuple(made)


def _pod(name: str, node: Node, number: int, *, six: bool, listeners: tuple[Listener, ...]) -> Pod:
    return Pod(
        name=name,
        node=node.name,
        ip=f"10.244.{node.index}.{number}",
        ip6=f"fd00:244:0:{node.index}::{number}" if six else "",
        listeners=listeners,
    )


def _with_host_port(pod: Pod, port: int) -> Pod:
    return Pod(
        name=pod.name,
        node=pod.node,
        ip=pod.ip,
        ip6=pod.ip6,
        listeners=pod.listeners,
        host_ports=(HostPort(port, 8080),),
    )


def _on_host(name: str, node: Node, port: int, *, six: bool) -> Pod:
    return Pod(
        name=name,
        node=node.name,
        ip=node.ip,
        ip6=node.ip6 if six else "",
        host_network=True,
        listeners=(Listener("tcp", port),),
    )


def _backend(pod: Pod, *, ready: bool = True) -> Backend:
    return Backend(pod.name, pod.node, pod.ip, pod.ip6, ready)
