"""A cluster of the double with nodes, for the tests of collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from skoop.cluster.api import ApiClient, Patience, connect
from skoop.collector.live import LiveNodes
from skoop.collector.options import CollectorOptions
from skoop.collector.source import Gathered
from skoop.model.kube import Inventory, Node, Pod, PodContainer, build_inventory
from skoop.model.kube.meta import Condition
from skoop.model.progress import Progress
from tests.apiserver import ApiServer
from tests.apiserver.kubelet import Kubelet

IMAGE = "example/flannel:1"
TOKEN = "0a1b2c3d-0000-4000-8000-0123456789ab"


def agent_text(*notes: str) -> bytes:
    """A short output of the agent, packed plainly."""
    marks = [f"\n@{TOKEN} ns host 100\n", f"\n@{TOKEN} out ss -H -lntu\n", f"\n@{TOKEN} rc 0\n"]
    marks += [f"\n@{TOKEN} note {note}\n" for note in notes]
    body = f"skoop-agent 1 {TOKEN}\n" + "".join(marks) + f"\n@{TOKEN} end\n"
    return b"skoop-pack plain\n" + body.encode()


def node(name: str, ready: str = "True", **more: Any) -> Node:
    said = {"True": ("KubeletReady", ""), "False": ("KubeletNotReady", "CNI is not initialized")}
    reason, message = said.get(ready, ("NodeStatusUnknown", "Kubelet stopped posting node status."))
    condition = Condition("Ready", ready, reason, message)
    return Node(name=name, ready=ready == "True", conditions=(condition,), **more)


def pod(name: str, node: str, image: str = "example/app:1", **more: Any) -> Pod:
    containers = (PodContainer(name="main", image=image, ready=True),)
    given = {"namespace": "shop", "uid": f"uid-{name}", "phase": "Running", **more}
    return Pod(name=name, node=node, containers=containers, **given)


class Live:
    """The double, its kubelet, and a client."""

    def __init__(self, server: ApiServer, client: ApiClient) -> None:
        self.server, self.client, self.kubelet = server, client, Kubelet(server)
        self.said: list[Progress] = []

    def collect(self, *names: str, inventory: Inventory | None = None, **more: Any) -> Gathered:
        options = CollectorOptions(**{"image": IMAGE, "timeout": 5, **more})
        known = inventory or build_inventory(nodes=[node(name) for name in names])
        return LiveNodes(self.client, options).collect(names, known, self.said.append)

    @property
    def pods(self) -> list[str]:
        """The names of the pods that are there."""
        return [name for (_, name), _ in self.server.store.all("pods")]

    def calls(self) -> dict[str, int]:
        """Requests by verb and resource."""
        counts: dict[str, int] = {}
        for verb, resource, _ in self.server.log:
            counts[f"{verb} {resource}"] = counts.get(f"{verb} {resource}", 0) + 1
        return counts


@contextmanager
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A double that is running, and a client whose retries take no time."""
    with ApiServer.started() as server:
        config = server.kubeconfig(tmp_path_factory.mktemp("live"))
        patience = Patience(connect=2, read=5, attempts=3, sleep=lambda seconds: None)
        client = connect(str(config), patience=patience)
        try:
            yield Live(server, client)
        finally:
            client.close()
