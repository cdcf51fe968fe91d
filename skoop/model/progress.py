"""What skoop is doing right now, told while it waits for a cluster.

Events carry no time: who shows them has a clock.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class ListStarted(Struct, frozen=True):
    """A list ("pods", "networkpolicies.networking.k8s.io") was asked for."""

    resource: str


class ListFinished(Struct, frozen=True):
    """It came, with so many objects."""

    resource: str
    objects: int


class ListFailed(Struct, frozen=True):
    """It did not come; `why` is a clause."""

    resource: str
    why: str


class NodeStarted(Struct, frozen=True):
    """A node's network state is being collected."""

    node: str


class NodeStage(Struct, frozen=True):
    """How far a node is ("pulling the image", "reading")."""

    node: str
    stage: str


class NodeFinished(Struct, frozen=True):
    """A node was collected: so many bytes from so many network namespaces."""

    node: str
    namespaces: int
    bytes: int = 0


class NodeFailed(Struct, frozen=True):
    """A node could not be collected; `why` is a clause."""

    node: str
    why: str


class Warned(Struct, frozen=True):
    """A sentence without its full stop that has to be read, also when all is over."""

    text: str


class Stage(Struct, frozen=True):
    """What begins now, as a sentence without its full stop ("Connecting to https://...")."""

    text: str


Progress = (
    ListStarted
    | ListFinished
    | ListFailed
    | NodeStarted
    | NodeStage
    | NodeFinished
    | NodeFailed
    | Stage
    | Warned
)
Observer = Callable[[Progress], None]
"""Takes an event. Called from several threads, never for the same node or list at once."""


def ignore(event: Progress) -> None:
    """An observer for whom nobody waits."""
    del event
