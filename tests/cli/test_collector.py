"""`skoop collector` against the API server's double."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from skoop.collector import labels
from tests.apiserver import ApiServer, Fault
from tests.provider.plugins import written

SHIPPED = {
    "Namespace skoop",
    "ServiceAccount skoop/skoop-collector",
    "DaemonSet skoop/skoop-collector",
    "ClusterRole skoop-viewer",
    "ClusterRole skoop-runner",
    "Role skoop/skoop-reader",
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    with ApiServer.started() as one:
        monkeypatch.setenv("KUBECONFIG", str(one.kubeconfig(tmp_path)))
        yield one


def outcomes(result: Any) -> dict[str, str]:
    assert result.code == 0, result.err
    return {row["object"]: row["outcome"] for row in json.loads(result.out)}


def test_render_is_yaml_with_the_namespace_and_image_asked_for(run) -> None:
    result = run("collector", "render", "-n", "net", "--collector-image", "reg.example/c:9")
    assert (result.code, result.err) == (0, "")
    found = {each["kind"]: each for each in yaml.safe_load_all(result.out)}
    daemon = found["DaemonSet"]
    assert daemon["metadata"]["namespace"] == found["Namespace"]["metadata"]["name"] == "net"
    assert daemon["spec"]["template"]["spec"]["containers"][0]["image"] == "reg.example/c:9"


def test_render_bootstrap_is_a_static_pod(run) -> None:
    (found,) = yaml.safe_load_all(run("collector", "render", "--bootstrap").out)
    assert found["kind"] == "Pod"
    assert "nodeName" not in found["spec"]


def test_own_manifests_that_are_wrong(run, tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "x.yaml").write_text("apiVersion: v1\nkind: Nothing\nmetadata: {name: a}\n")
    result = run("collector", "render", "--manifests", str(tmp_path))
    assert result.code == 4
    assert "x.yaml: field kind" in result.err


def test_install_twice_status_uninstall(run, server: ApiServer) -> None:
    assert set(outcomes(run("collector", "install", "-o", "json")).items()) == {
        (name, "created") for name in SHIPPED
    }
    versions = {key: stored.content for key, stored in server.store.all("daemonsets")}
    assert set(outcomes(run("collector", "install", "-o", "json")).values()) == {"unchanged"}
    assert {key: stored.content for key, stored in server.store.all("daemonsets")} == versions
    changed = outcomes(run("collector", "install", "--collector-image", "a/b:2", "-o", "json"))
    assert {name for name, what in changed.items() if what == "changed"} == {
        "DaemonSet skoop/skoop-collector"
    }
    assert set(outcomes(run("collector", "uninstall", "-o", "json")).values()) == {"deleted"}
    assert server.store.all("daemonsets") == []
    assert set(outcomes(run("collector", "uninstall", "-o", "json")).values()) == {"was not there"}


def test_a_namespace_of_others_is_used_and_left_as_it_is(run, server: ApiServer) -> None:
    server.store.create("namespaces", {"metadata": {"name": "net", "labels": {"team": "a"}}})
    done = outcomes(run("collector", "install", "-n", "net", "-o", "json"))
    assert done["Namespace net"] == "left as it is"
    assert done["DaemonSet net/skoop-collector"] == "created"
    gone = outcomes(run("collector", "uninstall", "-n", "net", "-o", "json"))
    assert gone["Namespace net"] == "left as it is"
    assert server.store.get("namespaces", "", "net")["metadata"]["labels"] == {"team": "a"}


def test_the_systems_namespace_is_never_deleted(run, server: ApiServer) -> None:
    marks = {labels.MANAGED_BY: labels.OWNER}
    server.store.create("namespaces", {"metadata": {"name": "kube-system", "labels": marks}})
    run("collector", "uninstall", "-n", "kube-system")
    assert server.store.get("namespaces", "", "kube-system")


def test_install_refuses_what_the_lint_finds(run, server: ApiServer, tmp_path: Path) -> None:
    images = tmp_path / "images.json"
    images.write_text('{"collector": "a/b:latest"}')
    result = run("collector", "install", "--images-json", str(images))
    assert result.code == 4
    assert "30-daemonset.yaml: DaemonSet skoop/skoop-collector: container collector" in result.err
    assert server.log == []


def test_what_is_forbidden_is_named(run, server: ApiServer) -> None:
    server.faults.add(Fault("forbidden", verb="patch", times=0))
    result = run("collector", "install")
    assert result.code == 4
    assert 'RBAC verb "patch" on "namespaces"' in result.err


def daemon_pod(name: str, node: str, status: dict[str, Any]) -> dict[str, Any]:
    marks = {labels.MANAGED_BY: labels.OWNER, labels.COMPONENT: labels.RESIDENT}
    return {
        "metadata": {"name": name, "namespace": "skoop", "labels": marks},
        "spec": {"nodeName": node},
        "status": status,
    }


def test_status_says_why_a_node_has_none(run, server: ApiServer) -> None:
    rows = json.loads(run("collector", "status", "-o", "json").out)
    assert [row["state"] for row in rows] == ["not installed"]
    run("collector", "install")
    numbers = {"desiredNumberScheduled": 2, "numberReady": 1}
    server.store.update(
        "daemonsets", "skoop", "skoop-collector", lambda now: {**now, "status": numbers}
    )
    for name in ("n1", "n2", "n3"):
        server.store.create("nodes", {"metadata": {"name": name}})
    good = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    server.store.create("pods", daemon_pod("a", "n1", good))
    bad = {"phase": "Pending", "containerStatuses": [{"state": waiting}]}
    server.store.create("pods", daemon_pod("b", "n2", bad))
    rows = json.loads(run("collector", "status", "-o", "json").out)
    assert {row["name"]: row["state"] for row in rows} == {
        "skoop/skoop-collector": "1 of 2 ready",
        "n1": "ready",
        "n2": "its container does not start (ImagePullBackOff: no such image)",
        "n3": "no collector",
    }


def short_lived(name: str, namespace: str, expires: float, phase: str) -> dict[str, Any]:
    marks = {
        labels.MANAGED_BY: labels.OWNER,
        labels.COMPONENT: labels.SHORT_LIVED,
        labels.EXPIRES: str(int(expires)),
    }
    status = {"phase": phase}
    if phase == "Failed":
        status["reason"] = "DeadlineExceeded"
    elif phase == "Running":
        status["containerStatuses"] = [{"state": {"running": {}}}]  # type: ignore[assignment]
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": marks,
            "annotations": {labels.NODE: f"node-of-{name}"},
        },
        "spec": {},
        "status": status,
    }


@pytest.fixture
def leftovers(server: ApiServer) -> ApiServer:
    now = time.time()
    for each in (
        short_lived("used", "kube-system", now + 60, "Running"),
        short_lived("late", "other", now - 600, "Running"),
        short_lived("dead", "kube-system", now + 60, "Failed"),
    ):
        server.store.create("pods", each)
    server.store.create("pods", {"metadata": {"name": "app", "namespace": "kube-system"}})
    return server


def names(server: ApiServer) -> list[str]:
    return sorted(name for (_, name), _ in server.store.all("pods"))


def test_gc_removes_what_is_over(run, leftovers: ApiServer) -> None:
    rows = json.loads(run("collector", "gc", "--dry-run", "-o", "json").out)
    assert len(rows) == 3
    assert names(leftovers) == ["app", "dead", "late", "used"]
    rows = json.loads(run("collector", "gc", "-o", "json").out)
    assert {row["node"]: row["state"] for row in rows if row["state"] == "deleted"} == {
        "node-of-dead": "deleted",
        "node-of-late": "deleted",
    }
    assert names(leftovers) == ["app", "used"]


def test_gc_all_and_where_not_everything_may_be_seen(run, leftovers: ApiServer) -> None:
    leftovers.faults.add(Fault("forbidden", verb="list", resource="pods"))
    run("collector", "gc", "--all")
    assert names(leftovers) == ["app", "late"]


def test_a_static_pods_files_become_a_snapshot(run, tmp_path: Path) -> None:
    token = "0a1b2c3d-0000-4000-8000-0123456789ab"
    (tmp_path / "raw" / "nodes").mkdir(parents=True)
    file = tmp_path / "raw" / "nodes" / "k1.agent"
    file.write_text(f"skoop-agent 1 {token}\n\n@{token} ns host 7\n\n@{token} end\n")
    made = tmp_path / "made"
    assert run("collect", "from-raw", str(tmp_path / "raw"), "-o", str(made)).code == 0
    rows = json.loads(run("snapshot", "show", str(made), "-o", "json").out)
    assert {"kind": "node", "name": "k1", "holds": "1 network namespace"} in rows
    file.write_text(f"skoop-agent 1 {token}\n\n@{token} ns host 7\n")
    result = run("collect", "from-raw", str(tmp_path / "raw"), "-o", str(tmp_path / "b"))
    assert result.code == 4
    assert "nodes/k1.agent" in result.err and "cut off" in result.err


OWN = """
from skoop.provider.base import Manifests
from skoop.provider.generic import GenericProvider

API_VERSION, NAME = 1, "own"
ACCOUNT = "apiVersion: v1\\nkind: ServiceAccount\\nmetadata: {name: %s, namespace: skoop}\\n"


class Own(GenericProvider):
    name = "own"

    def manifests(self):
        return Manifests(
            assets=(("own.yaml", ACCOUNT % "own"),), bootstrap=(("own.yaml", ACCOUNT % "static"),)
        )


def create_provider():
    return Own()
"""


@pytest.fixture
def own_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, file, _, digest = written(tmp_path, OWN, "own.py")
    monkeypatch.setenv("SKOOP_PROVIDER_PLUGIN", file)
    monkeypatch.setenv("SKOOP_PROVIDER_PLUGIN_SHA256", digest)


@pytest.mark.usefixtures("own_provider")
@pytest.mark.parametrize(
    ("flags", "own"), [((), "ServiceAccount own"), (("--bootstrap",), "ServiceAccount static")]
)
def test_a_providers_manifests_come_with_it(run, flags: tuple[str, ...], own: str) -> None:
    def rendered(*more: str) -> set[str]:
        result = run("collector", "render", *flags, *more)
        assert result.code == 0, result.err
        objects = yaml.safe_load_all(result.out)
        return {f"{each['kind']} {each['metadata']['name']}" for each in objects}

    assert rendered("--provider", "own") - rendered() == {own}


def test_a_provider_that_is_not_there(run) -> None:
    result = run("collector", "render", "--provider", "nobody")
    assert (result.code, "There is no provider 'nobody'" in result.err) == (2, True)
