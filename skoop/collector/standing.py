"""What of skoop's is in a cluster: collectors that stay, and what short-lived ones left."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from skoop.cluster.api import ApiClient, At, ForbiddenError, NotFoundError, Selection
from skoop.cluster.api.resource import DAEMON_SETS, NODES, PODS
from skoop.collector import labels
from skoop.collector.podstate import PodState, Standing, decode_pod

_SLACK = 60
"""Seconds that clocks may differ before a pod counts as expired."""
_DAEMONS = Selection(labels=labels.RESIDENT_SELECTOR)
_SHORT_LIVED = Selection(labels=labels.SHORT_LIVED_SELECTOR)


class Row(Struct, frozen=True):
    """Something and how it stands, as a clause."""

    kind: str
    name: str
    state: str


class Leftover(Struct, frozen=True):
    """A short-lived collector's pod. `due` tells whether its time is over."""

    namespace: str
    name: str
    node: str
    due: bool
    state: str

    def at(self) -> At:
        """Where it is in the API."""
        return At(PODS, self.namespace, self.name)


class _Numbers(Struct, frozen=True, rename="camel"):
    desired_number_scheduled: int = 0
    number_ready: int = 0


class _DaemonSet(Struct, frozen=True):
    status: _Numbers = _Numbers()


class _Meta(Struct, frozen=True):
    name: str = ""


class _Node(Struct, frozen=True):
    metadata: _Meta = _Meta()


def status(client: ApiClient, namespace: str, name: str) -> tuple[Row, ...]:
    """The DaemonSet and each node's collector. Raises AccessError."""
    try:
        found = msgspec.json.decode(client.get(At(DAEMON_SETS, namespace, name)), type=_DaemonSet)
    except NotFoundError:
        return (Row("DaemonSet", f"{namespace}/{name}", "not installed"),)
    numbers = found.status
    ready = f"{numbers.number_ready} of {numbers.desired_number_scheduled} ready"
    by_node = {pod.spec.node_name: pod for pod in _pods(client, At(PODS, namespace), _DAEMONS)}
    nodes = sorted({*by_node, *_nodes(client)})
    return (
        Row("DaemonSet", f"{namespace}/{name}", ready),
        *(Row("node", node or "-", _state(by_node.get(node))) for node in nodes),
    )


def leftovers(client: ApiClient, namespace: str, *, now: float = 0.0) -> tuple[Leftover, ...]:
    """Short-lived collectors of the whole cluster, or of the namespace alone where listing all pods
    is forbidden. Raises AccessError."""
    now = now or time.time()
    try:
        pods = list(_pods(client, At(PODS), _SHORT_LIVED))
    except ForbiddenError:
        pods = list(_pods(client, At(PODS, namespace), _SHORT_LIVED))
    return tuple(_leftover(pod, now) for pod in pods)


def _leftover(pod: PodState, now: float) -> Leftover:
    marks = pod.metadata.labels or {}
    text = marks.get(labels.EXPIRES, "")
    expires = int(text[:12]) if text.isascii() and text.isdigit() else 0
    due = pod.spent or expires + _SLACK < now
    state = _state(pod) if due else f"in use for at most {expires - now:.0f} s more"
    node = (pod.metadata.annotations or {}).get(labels.NODE, pod.spec.node_name)
    return Leftover(pod.metadata.namespace, pod.metadata.name, node, due, state)


def _pods(client: ApiClient, at: At, selection: Selection) -> Iterator[PodState]:
    for page in client.pages(at, selection, cached=False):
        for raw in page.items:
            yield decode_pod(bytes(raw))


def _nodes(client: ApiClient) -> set[str]:
    """Every node's name; none where listing nodes is forbidden."""
    try:
        pages = client.pages(At(NODES))
    except ForbiddenError:
        return set()
    return {
        msgspec.json.decode(raw, type=_Node).metadata.name for page in pages for raw in page.items
    }


def _state(pod: PodState | None) -> str:
    if pod is None:
        return "no collector"
    if pod.standing is Standing.RUNNING:
        return "ready"
    return pod.why or pod.status.phase.lower() or "unknown"
