"""`skoop diagnose` on a running cluster, from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from skoop.cli import complete, live
from skoop.demo import find_demo
from tests.apiserver import Fault
from tests.network.live import RecordedNodes, serve
from tests.scenarios import corpus

NAME = "fdb-missing"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A recorded cluster with a fault, and its kubeconfig in the usual place."""
    snapshot = corpus.snapshot(NAME)
    server = serve(snapshot)
    server.start()
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    server.kubeconfig(tmp_path).rename(home / ".kube" / "config")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(live, "node_source", lambda client, collectors: RecordedNodes(snapshot))
    yield server
    server.stop()


@pytest.fixture
def question() -> list[str]:
    probe = next(one for one in corpus.scenario(NAME).probes if one.changed)
    request = probe.request()
    return [request.src, request.dst, "-p", str(request.port), "--protocol", request.protocol]


def test_an_answer(run, cluster, question) -> None:
    result = run("diagnose", *question, "-o", "json")
    assert result.code == 1
    assert json.loads(result.out)["suspicions"][0]["name"].startswith("fdb")
    assert result.err == ""


def test_verbose_counts_the_requests(run, cluster, question) -> None:
    result = run("diagnose", *question, "-v")
    lines = result.err.splitlines()
    counted = next(line for line in lines if "requests to the API server" in line)
    assert int(counted.split()[0]) == len(cluster.log)
    assert "list pods" in counted
    assert any(line.startswith("Reading the cluster at http://127.0.0.1") for line in lines)
    assert any(line.strip().startswith("pods: ") for line in lines)


def test_what_fails_is_said_on_stderr(run, cluster, question) -> None:
    cluster.faults.add(Fault("forbidden", resource="networkpolicies", times=0))
    result = run("diagnose", *question, "-o", "json")
    assert "networkpolicies did not come: the API server forbids it: the RBAC verb" in result.err
    assert json.loads(result.out)["not_checked"]
    assert run("diagnose", *question, "-q").err == ""


def test_many_questions_read_the_cluster_once(run, cluster, question, tmp_path) -> None:
    line = json.dumps({"id": 1, "src": question[0], "dst": question[1], "port": int(question[3]),
                       "protocol": question[5]})  # fmt: skip
    (tmp_path / "batch").write_text(f"{line}\n{line}\n")
    result = run("diagnose", "--batch", str(tmp_path / "batch"), "-o", "json")
    assert len(result.out.splitlines()) == 2
    assert cluster.asked("list", "pods") == 1


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--context", "prod"], 4, "There is no context 'prod' in kubeconfig"),
        (["--request-timeout", "5", "--max-nodes", "1"], 1, ""),
        (["--provider", "acme"], 2, "'acme'"),
    ],
    ids=str,
)
def test_flags(run, cluster, question, flags: list[str], code: int, message: str) -> None:
    result = run("diagnose", *question, *flags)
    assert result.code == code
    assert message in result.err


def test_nobody_there(run, cluster, question) -> None:
    cluster.stop()
    result = run("diagnose", *question)
    assert result.code == 4
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert line.startswith("skoop: Cannot reach the API server http://127.0.0.1")


def test_what_the_cluster_is_taken_for(run, cluster) -> None:
    result = run("detect", "-o", "json")
    rows = {each["fact"]: each for each in json.loads(result.out)}
    assert rows["network plugin"]["value"] == "flannel"
    assert rows["proxy mode"]["source"].startswith("config.conf of ConfigMap kube-system/")
    assert rows["pods"] == {
        "fact": "pods", "value": "10.244.0.0/16", "certain": True, "flag": "--cluster-cidr",
        "source": "clusterCIDR in config.conf of ConfigMap kube-system/kube-proxy",
    }  # fmt: skip
    named = run("detect", "--flannel-backend", "host-gw", "--service-cidr", "10.9.0.0/16").out
    assert "host-gw" in named and "10.9.0.0/16" in named and "the user" in named


def test_what_a_snapshot_is_taken_for(run, snapshot: str) -> None:
    (Path(snapshot) / "cluster" / "pods.json").write_text('{"kind": "List", "items": []}')
    result = run("detect", "--snapshot", snapshot)
    assert result.code == 0
    assert "--network-plugin names it" in result.err
    assert run("detect", "--snapshot", snapshot, "--context", "x").code == 2


def offered(words: str) -> list[str]:
    """What bash would offer, from a process of its own."""
    environment = {
        **os.environ,
        "_SKOOP_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    command = [sys.executable, "-m", "skoop"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


def test_a_shell_completes(cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert offered("skoop diagnose --context d") == ["double"]
    assert offered("skoop diagnose node/k") == ["node/k1", "node/k2", "node/k3"]


def test_names_are_remembered_and_failures_silent(
    cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    context = SimpleNamespace(params={"kubeconfig": None, "context": None})
    assert complete.complete_endpoint(context, "pod/sh") == ["pod/shop/"]
    assert complete.complete_namespace(context, "sh") == ["shop"]
    assert "svc/shop/web" in complete.complete_endpoint(context, "svc/shop/w")
    first = complete.complete_endpoint(context, "pod/shop/web")
    assert first and first == [each for each in first if each.startswith("pod/shop/web-")]
    assert [f"pod/{each}" for each in complete.complete_endpoint(context, "shop/web")] == first
    assert cluster.asked("list", "pods") == 1
    cluster.stop()
    assert complete.complete_endpoint(context, "pod/shop/web") == first
    assert complete.complete_endpoint(context, "svc/billing/") == []
    assert complete.complete_context(SimpleNamespace(params={"kubeconfig": "/no"}), "") == []


def test_a_shell_completes_from_what_was_recorded(tmp_path: Path) -> None:
    assert "masquerade-missing" in complete.complete_demo("masq")
    with find_demo("masquerade-missing").path() as path:
        for params in ({"demo": "masquerade-missing"}, {"snapshot": str(path)}):
            context = SimpleNamespace(params=params)
            assert complete.complete_namespace(context, "kube-s") == ["kube-system"]
            pods = complete.complete_endpoint(context, "pod/kube-system/")
            assert pods
            assert all(each.startswith("pod/kube-system/") for each in pods)
            assert complete.complete_endpoint(context, "node/")
    nothing = SimpleNamespace(params={"snapshot": str(tmp_path / "none.tar.gz")})
    assert complete.complete_endpoint(nothing, "node/") == []
