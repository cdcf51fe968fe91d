"""The double, judged by clients that know the real one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from tests.apiserver import ApiServer, Fault

KUBECTL = shutil.which("kubectl")


def pods() -> Iterator[dict[str, Any]]:
    for number in range(12):
        metadata = {"name": f"p{number:02}", "namespace": "shop", "labels": {"n": str(number % 2)}}
        containers = [{"name": "c", "image": "i"}]
        yield {
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"nodeName": f"n{number % 3}", "containers": containers},
        }


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer.started([{"kind": "PodList", "items": list(pods())}]) as server:
        yield server


@pytest.fixture
def core(server: ApiServer, tmp_path: Path) -> kubernetes.client.CoreV1Api:
    client = kubernetes.config.new_client_from_config(str(server.kubeconfig(tmp_path)))
    return kubernetes.client.CoreV1Api(client)


def names(found: Any) -> list[str]:
    return [each.metadata.name for each in found.items]


def test_pages(core: Any, server: ApiServer) -> None:
    first = core.list_pod_for_all_namespaces(limit=5)
    assert first.metadata.remaining_item_count == 7
    second = core.list_pod_for_all_namespaces(limit=5, _continue=first.metadata._continue)
    assert names(first) + names(second) == [f"p{number:02}" for number in range(10)]
    server.store.compact()
    with pytest.raises(kubernetes.client.ApiException) as caught:
        core.list_pod_for_all_namespaces(limit=5, _continue=first.metadata._continue)
    assert caught.value.status == 410
    assert len(core.list_pod_for_all_namespaces(limit=5, resource_version="0").items) == 12


def test_selectors(core: Any) -> None:
    assert len(core.list_namespaced_pod("shop", label_selector="n=1").items) == 6
    assert len(core.list_namespaced_pod("shop", field_selector="spec.nodeName=n2").items) == 4
    assert core.list_namespaced_pod("other").items == []


def test_changes_are_watched(core: Any) -> None:
    version = core.list_namespaced_pod("shop").metadata.resource_version
    core.create_namespaced_pod("shop", {"metadata": {"name": "new", "labels": {"n": "9"}}})
    core.patch_namespaced_pod("new", "shop", {"metadata": {"labels": {"n": "8"}}})
    core.delete_namespaced_pod("new", "shop")
    core.delete_collection_namespaced_pod("shop", label_selector="n=1")
    watch = kubernetes.watch.Watch()
    stream = watch.stream(
        core.list_namespaced_pod, "shop", resource_version=version, timeout_seconds=1
    )
    events = [(event["type"], event["object"].metadata.name) for event in stream]
    assert events[:3] == [("ADDED", "new"), ("MODIFIED", "new"), ("DELETED", "new")]
    assert len(events) == 9


def test_refusals(core: Any, server: ApiServer, tmp_path: Path) -> None:
    for status, call in (
        (404, lambda: core.read_namespaced_pod("none", "shop")),
        (409, lambda: core.create_namespaced_pod("shop", {"metadata": {"name": "p00"}})),
    ):
        with pytest.raises(kubernetes.client.ApiException) as caught:
            call()
        assert caught.value.status == status
        assert json.loads(caught.value.body)["kind"] == "Status"
    wrong = kubernetes.config.new_client_from_config(str(server.kubeconfig(tmp_path, token="no")))
    with pytest.raises(kubernetes.client.ApiException) as caught:
        kubernetes.client.CoreV1Api(wrong).list_node()
    assert caught.value.status == 401


def test_logs_and_version(core: Any, server: ApiServer) -> None:
    server.logs["shop", "p00"] = b"hello\n"
    assert core.read_namespaced_pod_log("p00", "shop") == "hello\n"
    assert kubernetes.client.VersionApi(core.api_client).get_code().git_version == "v1.34.1"


def test_a_fault_strikes_as_often_as_planned(core: Any, server: ApiServer) -> None:
    server.faults.add(Fault("error", verb="list", resource="pods", skip=1, times=2))
    seen = []
    for _ in range(4):
        try:
            core.list_namespaced_pod("shop")
            seen.append(200)
        except kubernetes.client.ApiException as error:
            seen.append(error.status)
    assert seen == [200, 500, 500, 200]


@pytest.mark.skipif(not KUBECTL, reason="no kubectl here")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["get", "pods", "-n", "shop", "-o", "name", "--chunk-size=5"], "pod/p11"),
        (["get", "pods", "-A", "-l", "n in (1)", "-o", "name"], "pod/p11"),
        (["get", "pod", "p03", "-n", "shop", "-o", "jsonpath={.spec.nodeName}"], "n0"),
        (["delete", "pod", "p03", "-n", "shop", "--wait=false"], 'pod "p03" deleted'),
        (["label", "pod", "p03", "-n", "shop", "x=y"], "pod/p03 labeled"),
        (["api-resources", "-o", "name"], "networkpolicies.networking.k8s.io"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else "",
)
def test_kubectl(server: ApiServer, tmp_path: Path, arguments: list[str], expected: str) -> None:
    server.tokens.clear()  # kubectl sends credentials over TLS only.
    command = [str(KUBECTL), "--kubeconfig", str(server.kubeconfig(tmp_path)), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={"HOME": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
