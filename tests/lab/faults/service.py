"""Faults of Services: in the API objects, and in what kube-proxy wrote."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.lab import commands
from tests.lab.faults.base import Fault, Scene, Step, Target, at, fault
from tests.lab.rules import nftables
from tests.lab.topology import OUTSIDE_IP, Cluster, Service, ServicePort, with_service


def _changed(cluster: Cluster, target: Target, **fields: object) -> Cluster:
    service = cluster.service(target.service)
    return with_service(cluster, msgspec.structs.replace(service, **fields))


def _without_ipvs(cluster: Cluster, _: Target) -> Cluster:
    """kube-proxy asks the kernel for IPVS first (CanUseIPVSProxier), and ends without."""
    return msgspec.structs.replace(cluster, proxy="ipvs-refused")


def _has_no_ipvs(cluster: Cluster, _: Target) -> bool:
    return cluster.proxy == "iptables" and not Path("/proc/net/ip_vs").exists()


def _no_endpoints(cluster: Cluster, target: Target) -> Cluster:
    return _changed(cluster, target, backends=())


def _unready(cluster: Cluster, target: Target) -> Cluster:
    old = cluster.service(target.service).backends
    return _changed(
        cluster, target, backends=tuple(msgspec.structs.replace(b, ready=False) for b in old)
    )


def _wrong_target(cluster: Cluster, target: Target) -> Cluster:
    ports = cluster.service(target.service).ports
    wrong: tuple[ServicePort, ...] = tuple(
        msgspec.structs.replace(p, target_port=p.target_port + 11) for p in ports
    )
    return _changed(cluster, target, ports=wrong)


def _slice_behind(cluster: Cluster, target: Target) -> Cluster:
    """The Service's targetPort was corrected, and the slices were not written since."""
    behind: tuple[ServicePort, ...] = tuple(
        msgspec.structs.replace(p, target_port=p.target_port + 11, wanted=p.target_port)
        for p in cluster.service(target.service).ports
    )
    return _changed(cluster, target, ports=behind)


def _by_number(cluster: Cluster, target: Target) -> bool:
    return not any(b.port for b in cluster.service(target.service).backends)


def _stale(cluster: Cluster, target: Target) -> Cluster:
    """A pod was made again with another address, and the slice still has the old one."""
    first, *rest = cluster.service(target.service).backends
    old = msgspec.structs.replace(first, ip=first.ip.rpartition(".")[0] + ".222")
    return _changed(cluster, target, backends=(old, *rest))


def _all_stale(cluster: Cluster, target: Target) -> Cluster:
    backends = tuple(
        msgspec.structs.replace(b, ip=b.ip.rpartition(".")[0] + f".{230 + i}")
        for i, b in enumerate(cluster.service(target.service).backends)
    )
    return _changed(cluster, target, backends=backends)


def _local_only(cluster: Cluster, target: Target) -> Cluster:
    """Both policies Local, and no endpoint on the target node."""
    service = cluster.service(target.service)
    elsewhere = tuple(b for b in service.backends if b.node != target.node)
    return _changed(cluster, target, backends=elsewhere, internal_local=True, external_local=True)


def _external_local(cluster: Cluster, target: Target) -> Cluster:
    service = cluster.service(target.service)
    elsewhere = tuple(b for b in service.backends if b.node != target.node)
    return _changed(cluster, target, backends=elsewhere, external_local=True)


def _away(cluster: Cluster, target: Target) -> bool:
    return any(b.node != target.node and b.ready for b in cluster.service(target.service).backends)


def _ranges(cluster: Cluster, target: Target) -> Cluster:
    return _changed(
        cluster, target, source_ranges=("192.0.2.0/24",), load_balancer_ips=("172.30.9.90",)
    )


def _affinity(cluster: Cluster, target: Target) -> Cluster:
    return _changed(cluster, target, affinity=True)


def _without_rules(text: str, *, table: str = "nat") -> Step:
    """Every rule of a node that holds a text, deleted; the chains stay."""

    def step(scene: Scene) -> None:
        node, backend = scene.lab.node(scene.node.name), scene.lab.cluster.iptables
        wanted = text.format(service=_named(scene.service), sep=scene.field("sep_chain"))
        saved = commands.run(node, (f"iptables-{backend}-save", "-t", table))
        # By number, the last first: iptables does not find every rule by its own text again.
        for chain, number in reversed(_places(saved, wanted)):
            scene.lab.iptables(node, f"-t {table} -D {chain} {number}")

    return step


def _places(saved: str, wanted: str) -> list[tuple[str, int]]:
    """Chain and number of every rule that holds a text."""
    counted: dict[str, int] = {}
    places = []
    for line in saved.splitlines():
        if line.startswith("-A "):
            chain = line.split()[1]
            counted[chain] = counted.get(chain, 0) + 1
            if wanted in line:
                places.append((chain, counted[chain]))
    return places


def _named(service: Service) -> str:
    return f"{service.namespace}/{service.name}:"


def _stale_udp(scene: Scene) -> None:
    """A translation to an address nobody has any more, for one client port."""
    port = next((p for p in scene.service.ports if p.protocol == "udp"), None)
    if port is None:
        return
    commands.run(
        scene.lab.node(scene.node.name),
        (
            *("conntrack", "-I", "-p", "udp", "-t", "600"),
            *("-s", scene.pod.ip, "-d", scene.service.cluster_ip),
            *("--sport", "5555", "--dport", str(port.port)),
            *("-r", f"10.244.{scene.peer.index}.240", "-q", scene.pod.ip),
            *("--reply-port-src", str(port.target_port), "--reply-port-dst", "5555"),
        ),
    )


def _held_to_a_dead_one(cluster: Cluster, target: Target) -> Cluster:
    """Affinity, and an endpoint whose pod has gone since."""
    cluster = _changed(cluster, target, affinity=True)
    return _stale(cluster, target)


def _remembered(scene: Scene) -> None:
    """The node remembers the pod for the first endpoint, by which it went before."""
    service = scene.service
    first, port = service.backends[0], service.ports[0]
    name = nftables.set_of(service, port, f"{first.ip}:{first.port or port.target_port}")
    node = scene.lab.node(scene.node.name)
    commands.run(node, ("nft", f"add element ip kube-proxy {name} {{ {scene.pod.ip} }}"))


def _knows_its_clients(scene: Scene) -> None:
    """The backends let the client outside in, and nobody else."""
    for backend in scene.service.backends:
        for port in scene.service.ports if backend.pod else ():
            pod = scene.lab.pod(backend.pod)
            to = f"-p {port.protocol} --dport {backend.port or port.target_port}"
            for rule in (f"-s {OUTSIDE_IP} -j ACCEPT", "-j DROP"):
                scene.lab.iptables(pod, f"-A INPUT {to} {rule}")


def _in_nftables_mode(cluster: Cluster, target: Target) -> bool:
    ready = sum(b.ready for b in cluster.service(target.service).backends)
    return (
        cluster.proxy.startswith("nftables")
        and ready > 1
        and all(b.pod for b in cluster.service(target.service).backends)
    )


def _has_udp(cluster: Cluster, target: Target) -> bool:
    return any(p.protocol == "udp" for p in cluster.service(target.service).ports)


def _has_node_port(cluster: Cluster, target: Target) -> bool:
    return bool(cluster.service(target.service).ports[0].node_port)


FAULTS: tuple[Fault, ...] = (
    fault(
        "kernel-without-ipvs",
        "kernel-module-missing",
        reshape=_without_ipvs,
        fits=_has_no_ipvs,
        also=("proxy-not-running",),
    ),
    fault(
        "service-no-endpoints",
        "endpoints-none",
        reshape=_no_endpoints,
        also=("selector-matches-nothing",),
    ),
    fault(
        "service-all-unready",
        "endpoints-all-unready",
        reshape=_unready,
        also=("container-not-ready",),
    ),
    fault(
        "service-wrong-target-port",
        "targetport-mismatch",
        reshape=_wrong_target,
        also=("nothing-listening",),
    ),
    fault(
        "slice-port-behind",
        "slice-port-mismatch",
        reshape=_slice_behind,
        fits=_by_number,
    ),
    fault(
        "endpoint-stale",
        "slice-stale",
        reshape=_stale,
        also=("dnat-to-dead-endpoint",),
    ),
    fault(
        "endpoints-all-stale",
        "slice-stale",
        reshape=_all_stale,
        also=("dnat-to-dead-endpoint",),
    ),
    fault(
        "service-local-only",
        "itp-local-no-endpoint",
        reshape=_local_only,
        fits=_away,
        also=("etp-local-no-endpoint",),
    ),
    fault(
        "service-external-local",
        "etp-local-no-endpoint",
        reshape=_external_local,
        fits=lambda c, t: _away(c, t) and _has_node_port(c, t),
    ),
    fault("service-source-ranges", "source-range-deny", reshape=_ranges),
    fault(
        "service-affinity",
        "affinity-stale",
        reshape=_affinity,
        harmless="a fresh client has no memory; all endpoints can still be drawn",
    ),
    # Clients outside hear nothing either where a node's address stands for theirs.
    fault("servers-know-their-clients", "filter-drop", _knows_its_clients),
    fault(
        "affinity-held",
        "affinity-stale",
        _remembered,
        reshape=_held_to_a_dead_one,
        fits=_in_nftables_mode,
        # Others than the pod draw the dead endpoint by chance.
        also=("slice-stale", "dnat-to-dead-endpoint"),
    ),
    fault(
        "service-entry-missing",
        "svc-chain-missing",
        _without_rules("{service}"),
        also=("proxy-rules-stale", "netfilter-missing-chain"),
    ),
    fault(
        "service-chain-empty",
        "svc-chain-missing",
        at("node", "iptables -t nat -F {svc_chain}"),
        also=("proxy-rules-stale", "netfilter-missing-chain"),
    ),
    fault(
        "endpoint-chain-empty",
        "sep-chain-missing",
        at("node", "iptables -t nat -F {sep_chain}"),
        also=("proxy-rules-stale", "netfilter-missing-chain"),
    ),
    fault(
        "endpoint-dead",
        "dnat-to-dead-endpoint",
        at(
            "node",
            "iptables -t nat -I {sep_chain} -p {service_port.protocol} "
            "-j DNAT --to-destination 10.244.{peer.index}.241:{service_port.target_port}",
        ),
        also=("proxy-rules-stale",),
    ),
    fault(
        "proxy-hooks-missing",
        "proxy-not-running",
        at(
            "node",
            "iptables -t nat -D PREROUTING -m comment "
            '--comment "kubernetes service portals" -j KUBE-SERVICES',
        ),
        also=("svc-chain-missing", "netfilter-missing-chain", "proxy-rules-stale"),
    ),
    fault(
        "nat-flushed",
        "proxy-not-running",
        at("node", "iptables -t nat -F"),
        also=(
            "proxy-rules-stale",
            "svc-chain-missing",
            "netfilter-missing-chain",
            "masquerade-missing",
        ),
    ),
    fault(
        "kube-postrouting-empty",
        "masquerade-missing",
        at("node", "iptables -t nat -F KUBE-POSTROUTING"),
        also=("hairpin-masq-missing", "proxy-rules-stale"),
    ),
    fault(
        "mark-masq-empty",
        "masquerade-missing",
        at("node", "iptables -t nat -F KUBE-MARK-MASQ"),
        also=("hairpin-masq-missing", "proxy-rules-stale", "netfilter-missing-chain"),
    ),
    fault(
        "nodeport-blocked",
        "nodeport-blocked",
        at(
            "node",
            "iptables -t raw -I PREROUTING -p {service_port.protocol} "
            "--dport {service_port.node_port} -j DROP",
        ),
        fits=_has_node_port,
    ),
    fault(
        "nodeport-rules-missing",
        "svc-chain-missing",
        at("node", "iptables -t nat -F KUBE-NODEPORTS"),
        fits=_has_node_port,
        also=("proxy-rules-stale", "netfilter-missing-chain", "nodeport-blocked"),
    ),
    fault(
        "balancer-address-unprogrammed",
        "externalip-unprogrammed",
        _without_rules("{service}", table="nat"),
        reshape=lambda c, t: _changed(c, t, external_ips=("172.30.8.80",)),
        also=("svc-chain-missing", "proxy-rules-stale", "netfilter-missing-chain"),
    ),
    fault(
        "conntrack-stale-udp",
        "stale-udp-entry",
        _stale_udp,
        fits=_has_udp,
    ),
)
