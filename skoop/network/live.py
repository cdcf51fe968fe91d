"""Questions to a running cluster: its objects are fetched once, a node when a question needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from skoop.cluster.api import ApiClient
from skoop.cluster.detect import detect
from skoop.cluster.fetch import DNS, fetch_lists, require
from skoop.cluster.parallel import begin
from skoop.cluster.resolve import Lookup, Resolver, Target, system_lookup
from skoop.cluster.resolve.target import service_target
from skoop.collector.source import Gathered, NodeSource
from skoop.errors import EndpointError
from skoop.model.diagnosis import Diagnosis, NotChecked
from skoop.model.kube import Inventory
from skoop.model.progress import Observer, Stage, ignore
from skoop.model.request import Request
from skoop.network.asked import PREFIX, is_name
from skoop.network.involved import nodes_met, nodes_of
from skoop.network.objects import LiveObjects
from skoop.service.dns import cluster_dns

if TYPE_CHECKING:
    from skoop.network.walks import LiveFactory, Walks

_DOMAIN = "cluster.local"
_ENDS = ("pods", "services", "nodes")
_DEPLOYMENTS = ("deploy/", "deployment/", "deployments/")


class Reach(Struct, frozen=True, kw_only=True):
    """How far a question goes: at most `nodes` nodes are collected for it, and it is walked at most
    `walks` times, each time with the nodes that the walk before turned out to need."""

    nodes: int = 20
    walks: int = 4


_DEFAULT_REACH = Reach()


class LiveSession:
    """A running cluster, asked one question or many. Answers as `Session` does."""

    def __init__(
        self,
        client: ApiClient,
        source: NodeSource,
        create_network: LiveFactory,
        *,
        observe: Observer = ignore,
        reach: Reach = _DEFAULT_REACH,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._client, self._source = client, source
        self._create_network = create_network
        self._observe, self._reach, self._lookup = observe, reach, lookup
        self._cluster: LiveObjects | None = None
        self._asked: set[str] = set()
        self._loaded: Walks | None = None

    def diagnose(self, request: Request) -> Diagnosis:
        """Answer one request, from the cluster's state as it was when it was first needed. Raises
        UsageError or EndpointError as `Session.diagnose`, AccessError when the cluster cannot be
        asked."""
        cluster = self._opened(request)
        nodes = self._first_nodes(request, cluster)
        for walk in range(1, self._reach.walks + 1):
            left_out = self._collect(nodes, cluster)
            self._observe(Stage("Walking the packet"))
            diagnosis = self._walks().session(cluster, left_out).diagnose(request)
            met = nodes_met(diagnosis, cluster.inventory)
            nodes = [each for each in met if each not in self._asked]
            if not nodes or walk == self._reach.walks or self._is_full():
                break
        return diagnosis

    def close(self) -> None:
        """Leave nothing behind."""
        self._source.close()
        self._client.close()

    def _opened(self, request: Request) -> LiveObjects:
        if self._cluster is None:
            self._observe(Stage(f"Reading the cluster at {self._client.host}"))
            texts = (request.src, request.dst)
            named = ("deployments",) if any(t.startswith(_DEPLOYMENTS) for t in texts) else ()
            lists = fetch_lists(
                self._client, named=named, within=_namespaces(request), observe=self._observe
            )
            self._cluster = LiveObjects(self._client, lists, self._observe)
        return self._cluster

    def _first_nodes(self, request: Request, cluster: LiveObjects) -> Sequence[str]:
        if is_name(request.dst, _DOMAIN):
            cluster.settle(DNS)
        try:
            ends = self._ends(request, cluster.inventory, _DOMAIN)
        except EndpointError:
            # Perhaps a name in the cluster's own zone, which its DNS server's settings tell.
            cluster.settle(DNS)
            facts = detect(cluster.inventory, {}, overrides=request.overrides)
            try:
                ends = self._ends(request, cluster.inventory, facts.cluster_domain.value)
            except EndpointError:
                require(cluster.inventory.absent, _ENDS)
                raise
        return nodes_of(ends, request.port, cluster.inventory)

    def _ends(self, request: Request, inventory: Inventory, domain: str) -> tuple[Target, ...]:
        resolver = Resolver(
            inventory=inventory,
            namespace=request.namespace,
            lookup=self._lookup,
            cluster_domain=domain,
        )
        source = resolver.resolve(request.src)
        if not is_name(request.dst, domain):
            return source, resolver.resolve(request.dst)
        return source, *_named(request.dst, resolver)

    def _collect(self, nodes: Iterable[str], cluster: LiveObjects) -> tuple[NotChecked, ...]:
        """Collect what is new, while the settings come and the walk's modules are loaded; the nodes
        that were too many."""
        new = [each for each in dict.fromkeys(nodes) if each and each not in self._asked]
        room = max(0, self._reach.nodes - len(self._asked))
        self._asked.update(new[:room])
        settled, loaded = begin(cluster.settle), begin(self._walks)
        gathered = Gathered()
        if new[:room]:
            gathered = self._source.collect(new[:room], cluster.inventory, self._observe)
        settled()
        loaded().add(gathered)
        if not new[room:]:
            return ()
        return (NotChecked(_nodes(new[room:]), _TOO_MANY.format(self._reach.nodes)),)

    def _walks(self) -> Walks:
        from skoop.network.walks import Walks

        if self._loaded is None:
            self._loaded = Walks(self._create_network, self._lookup)
        return self._loaded

    def _is_full(self) -> bool:
        return len(self._asked) >= self._reach.nodes


def _named(text: str, resolver: Resolver) -> Iterator[Target]:
    """What a question about a name leads to: the cluster's DNS, and what the name stands for as far
    as its objects tell."""
    service = cluster_dns(resolver.inventory).service
    if service is not None:
        yield service_target(service, service.cluster_ips)
    with suppress(EndpointError):
        yield resolver.resolve(text.removeprefix(PREFIX))


def _namespaces(request: Request) -> tuple[str, ...]:
    """The namespaces that the ends' texts name, for those who may not list all of them."""
    found = []
    for text in (request.src, request.dst):
        parts = text.partition(":")[0].split("/")
        found.append(parts[-2] if len(parts) > 1 else request.namespace)
    return tuple(dict.fromkeys(found))


def _nodes(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"nodes {shown}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_TOO_MANY = "at most {} nodes are collected for a question; --max-nodes takes another number"
