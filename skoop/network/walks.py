"""The nodes of a running cluster, as they come, and the sessions over what there is by then."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from skoop.cluster.resolve import Lookup
from skoop.collector.source import Gathered
from skoop.model.diagnosis import NotChecked
from skoop.network.base import Context, Network
from skoop.network.build import NodeReader, collected
from skoop.network.objects import LiveObjects
from skoop.network.session import Session
from skoop.snapshot import Snapshot

LiveFactory = Callable[[Context, Snapshot], Network]
"""As NetworkFactory; the snapshot holds the cluster's lists, without pods and nodes' documents."""


class Walks:
    """What `live` puts off until nodes are awaited: the modules that read and walk them."""

    def __init__(self, create_network: LiveFactory, lookup: Lookup) -> None:
        self._create_network, self._lookup = create_network, lookup
        self._reader = NodeReader()
        self._failed: dict[str, NotChecked] = {}
        self._made: tuple[object, Session] | None = None

    def add(self, gathered: Gathered) -> None:
        """Read nodes. Raises InputError."""
        for document in gathered.documents:
            self._reader.add(document)
        self._failed.update((each.what, each) for each in gathered.failures)

    def session(self, cluster: LiveObjects, left_out: Iterable[NotChecked]) -> Session:
        """The session over what there is by now; the one before, while that is the same."""
        notes = (*self._reader.notes, *self._failed.values(), *left_out)
        state = (frozenset(self._reader.machines), len(cluster.inventory.config_maps), notes)
        if self._made is None or self._made[0] != state:
            objects = Snapshot(cluster=dict(cluster.documents))
            session = Session(
                collected(cluster.inventory, self._reader, notes),
                lambda context: self._create_network(context, objects),
                self._lookup,
            )
            self._made = state, session
        return self._made[1]
