"""A running cluster for tests: recorded objects served over HTTP, recorded nodes for the asking."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from skoop.cluster.api import Patience, connect
from skoop.collector.source import Gathered
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Inventory
from skoop.model.progress import NodeFailed, NodeFinished, NodeStarted, Observer, Progress
from skoop.network.generic import generic_network
from skoop.network.live import LiveSession, Reach
from skoop.snapshot import NamespaceKind, NodeDocument, Snapshot
from tests.apiserver import ApiServer
from tests.apiserver.kubelet import Kubelet, canned

KINDS = ("pods", "nodes", "services", "endpointslices", "namespaces", "networkpolicies",
         "configmaps", "daemonsets", "deployments")  # fmt: skip


class RecordedNodes:
    """A NodeSource that has the documents already. `broken` are nodes that cannot be collected."""

    def __init__(self, snapshot: Snapshot, broken: Sequence[str] = ()) -> None:
        self._snapshot, self._broken = snapshot, broken
        self.asked: list[tuple[str, ...]] = []
        self.closed = 0

    def collect(self, nodes: Sequence[str], inventory: Inventory, observe: Observer) -> Gathered:
        self.asked.append(tuple(nodes))
        failures = []
        for node in nodes:
            observe(NodeStarted(node))
            if node in self._broken:
                observe(NodeFailed(node, "it is gone"))
                failures.append(NotChecked(f"node {node}", "it is gone"))
            else:
                observe(NodeFinished(node, 1))
        there = (self._snapshot.nodes[each] for each in nodes if each not in self._broken)
        return Gathered(tuple(there), tuple(failures))

    def close(self) -> None:
        self.closed += 1


def serve(snapshot: Snapshot) -> ApiServer:
    """A server with the snapshot's objects, not started."""
    lists = snapshot.cluster.items()
    return ApiServer(
        json.loads(document) for name, document in lists if name.partition(".")[0] in KINDS
    )


class Running:
    """A cluster, and a session with it."""

    def __init__(
        self, snapshot: Snapshot, folder: Path, broken: Sequence[str] = (), **reach: int
    ) -> None:
        self.server = serve(snapshot)
        self.server.start()
        self.source = RecordedNodes(snapshot, broken)
        self.events: list[Progress] = []
        patience = Patience(connect=2, read=2, sleep=lambda _: None)
        self.client = connect(str(self.server.kubeconfig(folder)), patience=patience)
        self.session = LiveSession(
            self.client,
            self.source,
            lambda context, _: generic_network(context),
            observe=self.events.append,
            reach=Reach(**reach),
            lookup=lambda name: (),
        )


@contextmanager
def running(
    snapshot: Snapshot, folder: Path, broken: Sequence[str] = (), **reach: int
) -> Iterator[Running]:
    cluster = Running(snapshot, folder, broken, **reach)
    try:
        yield cluster
    finally:
        cluster.session.close()
        cluster.server.stop()


def agent_output(document: NodeDocument) -> bytes:
    """What the agent would have printed to make this document, packed plainly."""
    marks = []
    for dump in document.namespaces:
        host = dump.kind is NamespaceKind.HOST
        whose = "host" if host else "pod"
        named = "" if host else f" {dump.uid or '-'} {dump.namespace}/{dump.pod}"
        marks.append(f"ns {whose} {dump.inode}{named}\n")
        for command, output in dump.outputs.items():
            marks.append(f"out {command}\n{output.stdout}")
            marks.append(f"rc {output.rc}\n{output.stderr}")
    marks.append("end\n")
    token = "0a1b2c3d-0000-4000-8000-0123456789ab"
    body = "".join(f"\n@{token} {mark}" for mark in marks)
    return f"skoop-pack plain\nskoop-agent 1 {token}\n{body}".encode()


class Recorded:
    """A recorded cluster that runs: its objects are served, and its nodes answer exec."""

    def __init__(self, snapshot: Snapshot, home: Path) -> None:
        self.server = serve(snapshot)
        self.server.start()
        self.kubelet = Kubelet(self.server)
        for name, document in snapshot.nodes.items():
            self.kubelet.commands[name] = canned(agent_output(document))
        (home / ".kube").mkdir(parents=True)
        self.server.kubeconfig(home).rename(home / ".kube" / "config")

    @property
    def collectors(self) -> list[str]:
        """The pods of skoop that are there."""
        names = (name for (_, name), _ in self.server.store.all("pods"))
        return [name for name in names if name.startswith("skoop-")]
