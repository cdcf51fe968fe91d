"""What goes wrong before the first packet to a server: its name.

The findings of group DNS, from the API alone; whether the name server is reached is walked like any
connection (`skoop.network.names`).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.diagnose.cluster import Cluster
from skoop.findings import dns
from skoop.model.address import format_ip
from skoop.model.diagnosis import Diagnosis, Suspicion, Where
from skoop.model.disposition import Direction, Verdict
from skoop.model.kube import Address, Pod
from skoop.model.trace import Evidence
from skoop.service.dns import Answer, ClusterDns, PodResolver
from skoop.service.dns.resolver import Source
from skoop.service.endpoints import collect
from skoop.service.topology import Place, usable_endpoints


class Naming(Struct, frozen=True, kw_only=True):
    """A name, who asks, what its resolver tries, and the answer that ends the search. `server` are
    the addresses it asks."""

    name: str
    pod: Pod
    resolver: PodResolver
    cluster: ClusterDns
    domain: str
    answers: tuple[Answer, ...]

    @property
    def found(self) -> Answer | None:
        """The first answer that exists; None for a name that nothing in the cluster has."""
        return next((each for each in self.answers if each.exists), None)

    @property
    def is_inside(self) -> bool:
        """Whether only the cluster's own zone could hold the name."""
        bare = self.name.rstrip(".")
        return "." not in bare or bare.endswith("." + self.domain) or ".svc" in f".{bare}"

    @property
    def where(self) -> Where:
        """The pod that asks."""
        return Where("pod", f"{self.pod.namespace}/{self.pod.name}")


def naming_causes(cluster: Cluster, naming: Naming) -> tuple[Suspicion, ...]:
    """Findings about the name, its resolver and its servers, the gravest first."""
    return (
        *_policy(naming),
        *_missing(cluster, naming),
        *_servers(naming),
        *_readiness(cluster, naming),
        *_node_local(cluster, naming),
        *_ndots(naming),
    )


def _missing(cluster: Cluster, naming: Naming) -> Iterator[Suspicion]:
    """The name does not exist, or only in another namespace."""
    if naming.found is not None or not naming.is_inside or not naming.resolver.search:
        return
    tried = ", ".join(each.name for each in naming.answers)
    evidence = (Evidence(f"names tried by {naming.where.name}", tried),)
    label = naming.name.partition(".")[0]
    elsewhere = sorted(
        each.namespace for each in cluster.inventory.services if each.name == label
    )  # fmt: skip
    bare = naming.name.rstrip(".")
    if elsewhere and "." not in bare:
        yield dns.DnsWrongSearch.suspect(
            where=naming.where, direction=Direction.FORWARD,
            message=f"{bare} is no Service of namespace {naming.pod.namespace}; there is one in "
            f"{', '.join(elsewhere)}",
            evidence=evidence, blocking=True,
            why="the search list completes a short name with the pod's own namespace only",
            fix=f"write {bare}.{elsewhere[0]}",
        )  # fmt: skip
        return
    yield dns.DnsNxdomain.suspect(
        where=naming.where, direction=Direction.FORWARD,
        message=f"The name {bare} does not exist in the cluster's DNS",
        evidence=evidence, blocking=True,
        why="so the client has no address to send to",
        fix="kubectl get services -A | grep " + label,
    )  # fmt: skip


def _policy(naming: Naming) -> Iterator[Suspicion]:
    """dnsPolicy keeps the pod from the cluster's DNS."""
    resolver, pod = naming.resolver, naming.pod
    if resolver.source is Source.CLUSTER or not naming.is_inside:
        return
    if resolver.source is Source.POD and any(
        server in naming.cluster.given + naming.cluster.local for server in resolver.nameservers
    ):
        return
    network = " and hostNetwork" if pod.host_network else ""
    yield dns.DnspolicyWrong.suspect(
        where=naming.where, direction=Direction.FORWARD,
        message=f"Pod {naming.where.name} asks {resolver.source.value}, not the cluster's DNS, for "
        f"{naming.name}",
        evidence=(
            Evidence(f"pod {naming.where.name}", f"dnsPolicy: {pod.dns_policy}{network}"),
        ),
        blocking=resolver.source is Source.POD,
        why="names of Services are known to the cluster's DNS only",
        fix="set dnsPolicy: ClusterFirst" + ("WithHostNet" if pod.host_network else ""),
    )  # fmt: skip


def _servers(naming: Naming) -> Iterator[Suspicion]:
    """A name server that is neither the cluster's DNS Service nor a cache on the node."""
    service = naming.cluster.service
    if service is None or naming.resolver.source is Source.NODE or not naming.is_inside:
        return
    known = service.cluster_ips + naming.cluster.local
    servers = naming.resolver.nameservers
    if not servers or any(server in known for server in servers):
        return
    asked = ", ".join(format_ip(*server) for server in servers)
    right = ", ".join(format_ip(*server) for server in service.cluster_ips)
    yield dns.DnsBadNameserver.suspect(
        where=naming.where, direction=Direction.FORWARD,
        message=f"Pod {naming.where.name} asks {asked} for names; the cluster's DNS is {right}",
        evidence=(
            Evidence(f"resolv.conf of {naming.where.name}, as kubelet writes it",
                     naming.resolver.text()),
            Evidence(f"Service {service.namespace}/{service.name}", f"clusterIP: {right}"),
        ),
        blocking=True,
        why="names of the cluster are unknown there, or nobody answers",
        fix="set clusterDNS in kubelet's configuration and create the pod again",
    )  # fmt: skip


def _readiness(cluster: Cluster, naming: Naming) -> Iterator[Suspicion]:
    """Endpoints of the DNS Service that are not ready, or none at all."""
    service = naming.cluster.service
    if service is None or naming.resolver.source is Source.NODE:
        return
    port = next(each for each in service.ports if each.port == 53)
    family = service.cluster_ips[0][0]
    listed = collect(cluster.inventory, service, port, family, node="").endpoints
    usable = usable_endpoints(listed, Place(naming.pod.node), uses_cluster=True)
    name = f"{service.namespace}/{service.name}"
    where, unready = Where("service", name), [each for each in listed if not each.ready]
    shown = tuple(
        Evidence(f"EndpointSlice {each.slice}", f"{each} ({each.who}) is not ready")
        for each in unready[:4]
    )
    if not usable.anywhere:
        yield dns.CorednsNoEndpoints.suspect(
            where=where, direction=Direction.FORWARD,
            message=f"The cluster's DNS Service {name} has no endpoint that could answer",
            evidence=shown or (Evidence(f"EndpointSlices of {name}", "no endpoint"),),
            blocking=True, why="so every lookup of a pod fails",
            fix=f"kubectl -n {service.namespace} get pods -l k8s-app=kube-dns",
        )  # fmt: skip
    elif unready:
        yield dns.CorednsUnready.suspect(
            where=where, direction=Direction.FORWARD,
            message=f"{len(unready)} of {len(listed)} servers of the cluster's DNS are not ready",
            evidence=shown, blocking=False, why="lookups are left to the others",
            fix=f"kubectl -n {service.namespace} get pods -l k8s-app=kube-dns",
        )  # fmt: skip


def _node_local(cluster: Cluster, naming: Naming) -> Iterator[Suspicion]:
    """The pod asks a cache on its node that does not run there."""
    asked = [each for each in naming.resolver.nameservers if each in naming.cluster.local]
    asked = [each for each in asked if not _is_service(naming, each)]
    if not asked:
        return
    namespace, _, name = naming.cluster.local_set.partition("/")
    pods = [
        each
        for each in cluster.inventory.pods_on_node(naming.pod.node)
        if each.namespace == namespace and each.owner.name == name
    ]
    if any(each.ready for each in pods):
        return
    state = "is not ready" if pods else "does not exist"
    yield dns.NodeLocalDnsDown.suspect(
        where=Where("node", naming.pod.node), direction=Direction.FORWARD,
        message=f"Pod {naming.where.name} asks the DNS cache of its node, {format_ip(*asked[0])}, "
        f"whose pod on {naming.pod.node} {state}",
        evidence=(
            Evidence(f"DaemonSet {naming.cluster.local_set}", f"pod on {naming.pod.node} {state}"),
        ),
        blocking=True, why="so lookups fail on this node",
        fix=f"kubectl -n {namespace} get pods -o wide | grep {naming.pod.node}",
    )  # fmt: skip


def _is_service(naming: Naming, address: Address) -> bool:
    service = naming.cluster.service
    return service is not None and address in service.cluster_ips


def _ndots(naming: Naming) -> Iterator[Suspicion]:
    """A name of the world outside that is asked for with every search domain first."""
    resolver = naming.resolver
    outside = naming.found is None and not naming.is_inside
    wasted = len(resolver.tried(naming.name)) - 1
    if not outside or not wasted or naming.name.count(".") >= resolver.ndots:
        return
    yield dns.DnsNdots.suspect(
        where=naming.where, direction=Direction.FORWARD,
        message=f"{naming.name} is first asked for with {wasted} search domains, as it has fewer "
        f"than {resolver.ndots} dots",
        evidence=(Evidence(f"resolv.conf of {naming.where.name}, as kubelet writes it",
                           resolver.text()),),
        blocking=False, why="each of these lookups fails before the right one is made",
        fix=f"write {naming.name}. with a dot at the end, or set ndots in the pod's dnsConfig",
    )  # fmt: skip


def blocked_lookup(naming: Naming, lookup: Diagnosis) -> Suspicion | None:
    """Port 53 stopped by a rule or a policy on the way to the server."""
    if lookup.verdict is not Verdict.UNREACHABLE:
        return None
    first = lookup.suspicions[0] if lookup.suspicions else None
    if first is None or not first.code.startswith(("NF", "POL")):
        return None
    return dns.PolicyBlocks53.suspect(
        where=naming.where, direction=first.direction,
        message=f"Lookups of pod {naming.where.name} ({lookup.protocol} port 53) are stopped: "
        f"{first.message}",
        evidence=first.evidence, blocking=True,
        why="so names do not resolve, while connections by address may work",
        fix=first.fix,
    )  # fmt: skip
