"""`skoop diagnose` on a running cluster, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skoop.cli import live
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
