"""The whole tool on a running cluster, down to the pods on its nodes, with everything going wrong
that may."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from skoop.cluster import api
from tests.apiserver import Fault
from tests.apiserver.kubelet import breaks_after, one_after_another, stays_pending, vanishes
from tests.network.live import Recorded
from tests.scenarios import corpus

NAME = "fdb-missing"
SECRET = "planted-s3cret"
Trouble = Callable[[Recorded, str], None]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recorded = Recorded(corpus.snapshot(NAME), tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    quick = partial(api.Patience, sleep=lambda seconds: None)
    monkeypatch.setattr(api, "Patience", quick)
    yield recorded
    recorded.server.stop()


@pytest.fixture
def question() -> list[str]:
    """One that the missing entry stops."""
    probe = next(
        one for one in corpus.scenario(NAME).probes
        if one.changed and one.src.kind == one.dst.kind == "pod"
    )  # fmt: skip
    request = probe.request()
    return [request.src, request.dst, "-p", str(request.port), "--protocol", request.protocol]


FLAGS = ["--collector-image", "example", "--collector-timeout", "2"]


def test_the_cause_is_found_and_nothing_left_behind(run, cluster, question) -> None:
    result = run("diagnose", *question, *FLAGS, "-o", "json", "-v")
    found = json.loads(result.out)
    assert result.code == 1
    assert found["suspicions"][0]["name"] == "fdb-missing"
    assert not any(note["what"].startswith("node") for note in found["not_checked"])
    assert len(cluster.kubelet.made) == 2
    assert cluster.collectors == []
    counted = next(line for line in result.err.splitlines() if "requests to the API" in line)
    assert int(counted.split()[0]) == len(cluster.server.log) < 25, counted


def plan(*faults: Fault) -> Trouble:
    def trouble(cluster: Recorded, node: str) -> None:
        for each in faults:
            cluster.server.faults.add(each)

    return trouble


def exec_breaks(cluster: Recorded, node: str, *, once: bool) -> None:
    whole = cluster.kubelet.commands[node]
    broken = breaks_after(b"skoop-pack plain\nskoop-agent 1 ")
    cluster.kubelet.commands[node] = one_after_another(broken, whole) if once else broken


def node_vanishes(cluster: Recorded, node: str) -> None:
    cluster.kubelet.lives[node] = vanishes


def node_waits(cluster: Recorded, node: str) -> None:
    cluster.kubelet.lives[node] = stays_pending("Unschedulable", "0/3 nodes are available")


def falls_behind(cluster: Recorded, node: str) -> None:
    timer = threading.Timer(0.1, cluster.server.store.compact)
    timer.daemon = True
    timer.start()


PASSES: dict[str, Trouble] = {
    "429 with Retry-After": plan(Fault("throttle", times=4, seconds=1)),
    "503 with Retry-After": plan(Fault("unavailable", times=3, seconds=1)),
    "500s": plan(Fault("error", verb="list", times=4)),
    "resets": plan(Fault("reset", times=3)),
    "slow answers": plan(Fault("slow", times=5, seconds=0.1)),
    "a token that expired": plan(Fault("unauthorized", verb="list", resource="pods")),
    "truncated JSON": plan(Fault("truncate", verb="list", times=2)),
    "an answer that is cut off": plan(Fault("cut", verb="list", times=3)),
    "a watch that closes": plan(Fault("close", verb="watch", events=1, times=3)),
    "a watch that is reset": plan(Fault("reset", verb="watch", times=2)),
    "too old resource version": plan(Fault("gone", verb="watch")),
    "a watch that falls behind": falls_behind,
    "throttled creation": plan(Fault("throttle", verb="create", resource="pods", times=2)),
    "a creation whose answer is lost": plan(Fault("cut", verb="create", resource="pods")),
    "exec that breaks once": partial(exec_breaks, once=True),
    "deletion that fails once": plan(Fault("error", verb="delete", resource="pods")),
}


@pytest.mark.parametrize("trouble", PASSES.values(), ids=PASSES)
def test_trouble_that_passes_changes_nothing(run, cluster, question, trouble: Trouble) -> None:
    trouble(cluster, "k1")
    result = run("diagnose", *question, *FLAGS, "-o", "json")
    assert result.code == 1, result.err
    assert json.loads(result.out)["suspicions"][0]["name"] == "fdb-missing"
    assert cluster.collectors == []


STAYS: dict[str, tuple[Trouble, str]] = {
    "exec always breaks": (partial(exec_breaks, once=False), "node k1"),
    "a node that vanishes": (node_vanishes, "node k1"),
    "a node without room": (node_waits, "node k1"),
    "no pods may be made": (
        plan(Fault("forbidden", verb="create", resource="pods", times=0)), "node k1",
    ),
    "no watch": (plan(Fault("forbidden", verb="watch", times=0)), "node k1"),
    "no policies": (
        plan(Fault("forbidden", resource="networkpolicies", times=0)), "networkpolicies",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("trouble", "missing"), STAYS.values(), ids=STAYS)
def test_trouble_that_stays_is_said(run, cluster, question, trouble: Trouble, missing: str) -> None:
    trouble(cluster, "k1")
    result = run("diagnose", *question, *FLAGS, "-o", "json")
    found = json.loads(result.out)
    assert result.code in (1, 3), result.err
    why = {each["what"]: each["why"] for each in found["not_checked"]}
    assert missing in why, why
    assert why[missing]
    assert cluster.collectors == []


@pytest.mark.parametrize("kind", ["unauthorized", "reset", "forbidden"])
def test_no_answer_at_all_is_one_sentence(run, cluster, question, kind: str) -> None:
    cluster.server.faults.add(Fault(kind, times=0))
    result = run("diagnose", *question, *FLAGS, "-q")
    assert result.code == 4
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert line.startswith("skoop: ")


def test_nothing_secret_is_said(run, cluster, question, tmp_path, monkeypatch) -> None:
    """Neither the token nor any environment value, in whatever goes wrong."""
    server = cluster.server
    server.tokens = {SECRET}
    server.kubeconfig(tmp_path, token=SECRET).replace(tmp_path / "home" / ".kube" / "config")
    for (namespace, name), _ in server.store.all("pods"):
        server.store.update("pods", namespace, name, with_secret)
    said = run("diagnose", *question, *FLAGS, "-o", "json", "-v")
    assert said.code == 1
    texts = [said.out, said.err]
    for kind in ("forbidden", "reset", "unauthorized"):
        server.faults.clear()
        server.faults.add(Fault(kind, times=0))
        failed = run("diagnose", *question, *FLAGS, "-v")
        texts += [failed.out, failed.err]
    assert not any(SECRET in text for text in texts)


def with_secret(pod: dict) -> dict:
    for container in pod["spec"]["containers"]:
        container["env"] = [{"name": "PASSWORD", "value": SECRET}]
    return pod
