"""One state, many questions: load once, then answer each request."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.cluster.resolve import (
    Lookup,
    Resolver,
    Target,
    asked_of_service,
    by_address,
    meet,
    no_lookup,
    only_port,
)
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.diagnostor import Case
from skoop.errors import UsageError
from skoop.model.address import format_ip, is_private
from skoop.model.diagnosis import Diagnosis, EndpointKind
from skoop.model.kube import Address
from skoop.model.packet import Proto
from skoop.model.request import Overrides, Request
from skoop.network.asked import is_name, split_name
from skoop.network.base import Collected, Context, Network, NetworkFactory
from skoop.network.build import read
from skoop.network.generic import generic_network
from skoop.network.names import diagnose_name
from skoop.snapshot import Snapshot

_PROTOCOLS = {"tcp": Proto.TCP, "udp": Proto.UDP, "sctp": Proto.SCTP, "icmp": Proto.ICMP}


class Session:
    """A snapshot that has been read, and the networks built over it."""

    def __init__(
        self,
        collected: Collected,
        create_network: NetworkFactory = generic_network,
        lookup: Lookup = no_lookup,
    ) -> None:
        """`lookup` finds names outside the cluster."""
        self._collected = collected
        self._lookup = lookup
        self._create_network = create_network
        self._networks: dict[Overrides, Network] = {}

    @classmethod
    def open(cls, snapshot: Snapshot, create_network: NetworkFactory = generic_network) -> Session:
        """Read everything; `create_network` is the provider's. Raises SnapshotError or
        InputError."""
        return cls(read(snapshot), create_network)

    def diagnose(self, request: Request) -> Diagnosis:
        """Answer one request. Raises UsageError or EndpointError for a question that cannot be
        asked of this cluster."""
        network = self._network(request.overrides)
        if is_name(request.dst, network.cluster.facts.cluster_domain.value):
            return self._by_name(network, request)
        return network.diagnose(_case(request, network.cluster, self._lookup))

    def _by_name(self, network: Network, request: Request) -> Diagnosis:
        """As the source's own resolver reads the name."""
        name, port = split_name(request.dst)
        source = _resolver(request, network.cluster, self._lookup).resolve(request.src)

        def walk(server: Address, proto: int) -> Diagnosis:
            ends = meet(source, by_address(server, network.cluster.inventory))
            return network.diagnose(Case(ends=ends, proto=proto, port=53))

        def connect(target: str) -> Diagnosis:
            text = f"[{target}]" if target.count(":") > 1 and port else target
            dst = f"{text}:{port}" if port else target
            case = _case(replace(request, dst=dst), network.cluster, self._lookup)
            return network.diagnose(case)

        return diagnose_name(network.cluster, source, name, request.protocol, walk, connect)

    def _network(self, overrides: Overrides) -> Network:
        if overrides not in self._networks:
            context = Context(collected=self._collected, overrides=overrides)
            self._networks[overrides] = self._create_network(context)
        return self._networks[overrides]


def _resolver(request: Request, cluster: Cluster, lookup: Lookup) -> Resolver:
    return Resolver(
        inventory=cluster.inventory,
        namespace=request.namespace,
        lookup=lookup,
        cluster_domain=cluster.facts.cluster_domain.value,
    )


def _case(request: Request, cluster: Cluster, lookup: Lookup) -> Case:
    resolver = _resolver(request, cluster, lookup)
    found = [resolver.resolve(text) for text in (request.src, request.dst)]
    ends = asked_of_service(found[0], asked_from(found[0], found[1]))
    return Case(
        ends=ends,
        proto=_PROTOCOLS[request.protocol],
        port=_port(request, ends.destination),
        sport=request.sport,
        size=request.size,
        df=request.df,
    )


def asked_from(source: Target, destination: Target) -> Target:
    """A Service as its client asks for it: a public address at its load balancer's address, or an
    external IP, because nothing out there knows its ClusterIP. A neighbour of the nodes may have a
    route to ClusterIPs, so for it `svc/` means that address as it does for everybody inside, and
    the others are named."""
    service = destination.service
    if source.endpoint.kind is not EndpointKind.EXTERNAL or service is None:
        return destination
    if not set(destination.ips) & set(service.cluster_ips):
        return destination
    outside = tuple(each.ip for each in service.ingress if each.ip is not None)
    outside += service.external_ips
    if not outside:
        return destination
    text = format_ip(*outside[0])
    if is_private(*source.ips[0]):
        said = f"{destination.endpoint} is asked for at its ClusterIP; outside it is {text}"
        return replace(destination, assumptions=(*destination.assumptions, said))
    said = f"from outside, {destination.endpoint} is asked for at {text}"
    return replace(
        destination,
        ips=outside,
        endpoint=replace(destination.endpoint, ip=text),
        assumptions=(*destination.assumptions, said),
    )


def _port(request: Request, destination: Target) -> int:
    """The destination port: as asked, as the endpoint says, or the only one there is."""
    if request.protocol == "icmp":
        return 0
    if isinstance(request.port, int):
        return request.port
    if isinstance(request.port, str):
        return _named_port(request.port, destination)
    if destination.port:
        return destination.port
    only = only_port(destination)
    if only is not None:
        return only.port
    raise UsageError(f"Which port of {destination.endpoint}? Give one with -p.")


def _named_port(name: str, destination: Target) -> int:
    service = destination.service
    ports = {port.name: port.port for port in service.ports} if service else {}
    if destination.pod is not None:
        ports = {p.name: p.port for c in destination.pod.containers for p in c.ports if p.name}
    if name in ports:
        return ports[name]
    known = ", ".join(sorted(filter(None, ports))) or "none"
    raise UsageError(f"{destination.endpoint} has no port named {name!r}; it has: {known}.")
