"""A running cluster as the state that a question is asked of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from skoop.cli.collectors import Collectors
    from skoop.cluster.api import ApiClient
    from skoop.collector.source import NodeSource
    from skoop.model.kube import Inventory
    from skoop.network.live import LiveSession
    from skoop.network.walks import LiveFactory


class LiveFlags(NamedTuple):
    """What the command line says about a running cluster. `timeout` is in seconds; `steady` when
    answers are printed while the cluster is asked."""

    kubeconfig: str = ""
    context: str = ""
    timeout: float = 60.0
    max_nodes: int = 20
    verbose: bool = False
    quiet: bool = False
    steady: bool = False
    collectors: Collectors | None = None


@contextmanager
def live_session(flags: LiveFlags, create_network: LiveFactory) -> Iterator[LiveSession]:
    """A session with a running cluster; nothing is left in the cluster when it ends. Raises
    UsageError or AccessError."""
    from skoop.cli.narrate import observing
    from skoop.cli.output import remark
    from skoop.network.live import LiveSession, Reach

    client = _client(flags)
    source = node_source(client, flags.collectors)
    with observing(verbose=flags.verbose, quiet=flags.quiet, steady=flags.steady) as observe:
        reach = Reach(nodes=flags.max_nodes)
        session = LiveSession(client, source, create_network, observe=observe, reach=reach)
        try:
            yield session
        finally:
            session.close()
    if flags.verbose:
        remark(_requests(client))


def live_objects(flags: LiveFlags, *, settings: bool = False) -> Inventory:
    """A running cluster's objects, without a look at its nodes; with `settings` the ConfigMaps that
    say how its network is set up too. What cannot be listed is said on stderr. Raises
    AccessError."""
    from skoop.cli.narrate import observing
    from skoop.network.objects import read_cluster

    client = _client(flags)
    try:
        with observing(verbose=flags.verbose, quiet=flags.quiet) as observe:
            return read_cluster(client, observe, settings=settings)
    finally:
        client.close()


def _client(flags: LiveFlags) -> ApiClient:
    from skoop.cluster.api import Patience, connect
    from skoop.errors import UsageError

    if flags.timeout <= 0 or flags.max_nodes < 1:
        raise UsageError("--request-timeout and --max-nodes are numbers above 0.")
    patience = Patience(connect=min(flags.timeout, 10.0), read=flags.timeout)
    return connect(flags.kubeconfig, flags.context, patience)


def node_source(client: ApiClient, collectors: Collectors | None) -> NodeSource:
    """What collects nodes."""
    from skoop.collector.live import LiveNodes
    from skoop.collector.options import CollectorOptions

    return LiveNodes(client, collectors.options() if collectors else CollectorOptions())


def _requests(client: ApiClient) -> str:
    calls = sorted(client.requests_by_call.items())
    listed = ", ".join(f"{call} {count}" if count > 1 else call for call, count in calls)
    return f"{client.requests} requests to the API server: {listed}."
