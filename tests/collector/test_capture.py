"""Snapshots of a cluster of the double: whole, in parts, and without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skoop.collector.capture import Captured, capture
from skoop.collector.live import LiveNodes
from skoop.collector.options import CollectorOptions
from skoop.errors import EndpointError, UsageError
from skoop.snapshot import load
from tests.apiserver import Fault
from tests.apiserver.kubelet import canned, stays_pending
from tests.collector.live import IMAGE, Live, agent_text, started

NODES = ("n1", "n2", "n3")
SECRET = "hunter2-planted"


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with started(tmp_path_factory) as one:
        for name in NODES:
            one.server.store.create("nodes", {"metadata": {"name": name}, "status": {}})
            one.kubelet.commands[name] = canned(agent_text())
        yield one


def run(live: Live, folder: Path, *nodes: str) -> Captured:
    options = CollectorOptions(image=IMAGE, timeout=1)
    return capture(
        live.client,
        LiveNodes(live.client, options),
        folder,
        nodes=nodes,
        created="2026-01-01T00:00:00Z",
        observe=live.said.append,
    )


def test_all_nodes(live: Live, tmp_path: Path) -> None:
    folder = tmp_path / "snap"
    assert run(live, folder) == Captured(3, 0, ())
    snapshot = load(folder)
    assert snapshot.warnings == ()
    assert set(snapshot.nodes) == set(NODES)
    assert {"pods", "nodes", "services", "version"} <= set(snapshot.cluster)
    assert (snapshot.manifest.cluster, snapshot.manifest.left_out) == (live.client.host, ())
    assert {file.stat().st_mode & 0o077 for file in folder.rglob("*")} == {0}
    assert live.pods == []


def test_some_nodes(live: Live, tmp_path: Path) -> None:
    assert run(live, tmp_path, "n2", "n2").nodes == 1
    assert set(load(tmp_path).nodes) == {"n2"}
    with pytest.raises(EndpointError) as caught:
        run(live, tmp_path, "n9")
    assert caught.value.candidates == NODES


def test_what_is_missing_is_said_and_collected_the_next_time(live: Live, tmp_path: Path) -> None:
    live.kubelet.lives["n2"] = stays_pending()
    live.server.faults.add(Fault("forbidden", verb="list", resource="networkpolicies"))
    first = run(live, tmp_path)
    assert (first.nodes, first.kept) == (2, 0)
    left_out = {one.what: one.why for one in load(tmp_path).manifest.left_out}
    assert set(left_out) == {"node n2", "networkpolicies"}
    assert "did not start" in left_out["node n2"]
    del live.kubelet.lives["n2"]
    live.kubelet.made.clear()
    assert run(live, tmp_path) == Captured(3, 2, ())
    assert [made["spec"]["nodeName"] for made in live.kubelet.made] == ["n2"]
    assert load(tmp_path).manifest.left_out == ()


class BoomError(Exception):
    pass


def test_a_run_that_is_cut_off_leaves_a_snapshot_that_says_so(live: Live, tmp_path: Path) -> None:
    class Stumbles(LiveNodes):
        def each(self, nodes, inventory, observe, take):  # type: ignore[no-untyped-def]
            super().each(nodes[:1], inventory, observe, take)
            raise BoomError

    with pytest.raises(BoomError):
        capture(
            live.client,
            Stumbles(live.client, CollectorOptions(image=IMAGE)),
            tmp_path,
            nodes=(),
            created="",
            observe=live.said.append,
        )
    snapshot = load(tmp_path)
    assert list(snapshot.nodes) == ["n1"]
    assert "was not finished" in snapshot.manifest.left_out[0].why
    assert run(live, tmp_path) == Captured(3, 1, ())


def test_a_folder_of_something_else_is_not_touched(live: Live, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="no snapshot"):
        run(live, tmp_path)
    (tmp_path / "snapshot.json").write_text('{"cluster": "https://other.example"}')
    with pytest.raises(UsageError, match=r"snapshot of https://other\.example, not of"):
        run(live, tmp_path)
    assert live.calls() == {}


def planted(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    copy = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"env":"{SECRET}"}}'}
    metadata = {"name": name, "namespace": "shop", "annotations": copy}
    metadata["managedFields"] = [{"manager": SECRET}]  # type: ignore[assignment]
    return {"kind": kind, "metadata": metadata, **spec}


def test_no_secret_token_or_environment_value_is_in_it(live: Live, tmp_path: Path) -> None:
    container = {
        "name": "main",
        "image": "app:1",
        "env": [{"name": "PASSWORD", "value": SECRET}, {"name": "PLAIN", "value": SECRET}],
        "args": [f"--db-password={SECRET}"],
        "livenessProbe": {"exec": {"command": ["check", SECRET]}},
        "lifecycle": {"postStart": {"exec": {"command": [SECRET]}}},
    }
    spec = {"containers": [container], "initContainers": [container], "nodeName": "n1"}
    store = live.server.store
    store.create("pods", planted("Pod", "web", spec=spec, status={"phase": "Running"}))
    volumes = [
        {"name": "a", "configMap": {"name": "kube-proxy"}},
        {"name": "b", "secret": {"secretName": SECRET}},
    ]
    template = {"spec": {**spec, "hostNetwork": True, "volumes": volumes}}
    proxy = planted("DaemonSet", "kube-proxy", spec={"template": template})
    proxy["metadata"]["namespace"] = "kube-system"
    store.create("daemonsets", proxy)
    store.create("deployments", planted("Deployment", "web", spec={"template": template}))
    store.create("secrets", planted("Secret", "token", data={"token": SECRET}))
    store.create("configmaps", planted("ConfigMap", "mine", data={"app.conf": SECRET}))
    store.create(
        "configmaps",
        {
            "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
            "data": {"config.conf": "mode: nftables", "kubeconfig.conf": f"token: {SECRET}"},
        },
    )
    live.kubelet.lives["n2"] = stays_pending("Failed", "no route")
    run(live, tmp_path)
    texts = {file.name: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    assert "mode: nftables" in texts["configmaps.json"]
    assert json.loads(texts["pods.json"])["items"]
    assert [name for name, text in texts.items() if SECRET in text] == []
    assert [name for name, text in texts.items() if "double-token" in text] == []
    assert live.server.asked("list", "secrets") == live.server.asked("get", "secrets") == 0
    assert SECRET not in repr(live.said)
    assert "double-token" not in repr(live.said)
