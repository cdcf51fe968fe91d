"""Nodes of a running cluster as documents: a pod on each, all at the same time, gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skoop.cluster.api import ApiClient
from skoop.collector.interrupt import stoppable
from skoop.collector.options import CollectorOptions
from skoop.collector.run import Run
from skoop.collector.source import Gathered
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Inventory
from skoop.model.progress import Observer
from skoop.snapshot import NodeDocument


class LiveNodes:
    """A NodeSource by short-lived pods, or by the collectors that `skoop collector install` made.

    Every call is a run with an id of its own, so that two at once do not meet. Whatever ends it
    (its end, an exception, Ctrl-C, SIGTERM), the pods it made are deleted; those that could not be
    are told to the observer, end by themselves, and are removed by `skoop collector gc`.
    """

    def __init__(self, client: ApiClient, options: CollectorOptions) -> None:
        self._client, self._options = client, options

    def collect(
        self, nodes: Sequence[str], inventory: Inventory, observe: Observer
    ) -> Gathered:  # fmt: skip
        """See NodeSource."""
        documents: list[NodeDocument] = []
        failures = self.each(nodes, inventory, observe, documents.append)
        documents.sort(key=lambda one: one.node)
        return Gathered(tuple(documents), failures)

    def each(
        self,
        nodes: Sequence[str],
        inventory: Inventory,
        observe: Observer,
        take: Callable[[NodeDocument], None],
    ) -> tuple[NotChecked, ...]:
        """The same, each document handed over as it comes and not kept; the failures."""
        failures: list[NotChecked] = []
        run = Run(self._client, inventory, self._options, observe)
        with stoppable() as stop:
            try:
                for result in run.results(tuple(dict.fromkeys(nodes))):
                    if isinstance(result, NodeDocument):
                        take(result)
                    else:
                        failures.append(NotChecked(f"node {result.node}", result.why))
            finally:
                stop.deaf = True
                run.clean_up()
        return tuple(sorted(failures, key=lambda one: one.what))

    def close(self) -> None:
        """Nothing is left: each call has cleaned up after itself."""
