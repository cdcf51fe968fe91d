"""Where a live diagnosis has the state of nodes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Inventory
from skoop.model.progress import Observer
from skoop.snapshot import NodeDocument


class Gathered(Struct, frozen=True):
    """What came of collecting some nodes. Each node asked for has a document or is among the
    `failures`, as "node NAME" and a clause saying why."""

    documents: tuple[NodeDocument, ...] = ()
    failures: tuple[NotChecked, ...] = ()


class NodeSource(Protocol):
    """Collects nodes of one cluster."""

    def collect(
        self, nodes: Sequence[str], inventory: Inventory, observe: Observer
    ) -> Gathered:  # fmt: skip
        """Collect nodes by name, in parallel; `inventory` says which pods are on them. A node that
        cannot be collected is a failure, not an error. May be called again for more nodes. Raises
        AccessError when none can be, whatever their state (the API server is gone)."""

    def close(self) -> None:
        """Leave nothing behind in the cluster. Called in every exit path, more than once."""
