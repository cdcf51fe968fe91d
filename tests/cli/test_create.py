"""`skoop snapshot create` against the API server's double."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from skoop.snapshot import load
from tests.apiserver import ApiServer
from tests.apiserver.kubelet import Kubelet, canned, stays_pending
from tests.collector.live import agent_text


@pytest.fixture
def kubelet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubelet]:
    with ApiServer.started() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        one = Kubelet(server)
        for name in ("alpha", "beta"):
            server.store.create("nodes", {"metadata": {"name": name}})
            one.commands[name] = canned(agent_text())
        yield one


def create(run, *words: str):
    return run("snapshot", "create", *words, "--collector-image", "i:1", "--collector-timeout", "1")


def test_a_folder_and_what_is_inside(run, kubelet: Kubelet, tmp_path: Path) -> None:
    result = create(run, str(tmp_path / "s"), "--all-nodes")
    assert result.code == 0, result.err
    assert result.out == ""
    assert result.err.endswith("s: 2 nodes\n")
    rows = json.loads(run("snapshot", "show", str(tmp_path / "s"), "-o", "json").out)
    assert [row["name"] for row in rows if row["kind"] == "node"] == ["alpha", "beta"]
    assert kubelet.server.store.all("pods") == []


def test_it_is_gone_on_with(run, kubelet: Kubelet, tmp_path: Path) -> None:
    kubelet.lives["beta"] = stays_pending("FailedMount", "no such volume")
    first = create(run, str(tmp_path / "s"), "--all-nodes")
    assert first.code == 0
    assert "node beta could not be collected: its pod did not start within 1 s: Fai" in first.err
    assert first.err.count("FailedMount") == 1
    del kubelet.lives["beta"]
    kubelet.made.clear()
    second = create(run, str(tmp_path / "s"), "--all-nodes")
    assert second.err.endswith("2 nodes, 1 of them from before\n")
    assert len(kubelet.made) == 1


@pytest.mark.parametrize("ending", [".tar.gz", ".tar"])
def test_an_archive(run, kubelet: Kubelet, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"s{ending}"
    assert create(run, str(target), "--node", "beta").code == 0
    assert list(load(target).nodes) == ["beta"]
    assert not target.with_name(f"{target.name}.partial").exists()


def test_an_archive_that_lacks_a_node_can_be_gone_on_with(
    run, kubelet: Kubelet, tmp_path: Path
) -> None:
    target = tmp_path / "s.tar.gz"
    kubelet.lives["beta"] = stays_pending()
    result = create(run, str(target), "--all-nodes")
    assert list(load(target).nodes) == ["alpha"]
    assert f"{target}.partial is kept" in result.err
    del kubelet.lives["beta"]
    assert create(run, str(target), "--all-nodes").code == 0
    assert list(load(target).nodes) == ["alpha", "beta"]
    assert not Path(f"{target}.partial").exists()


def test_redacted(run, kubelet: Kubelet, tmp_path: Path) -> None:
    kubelet.lives["beta"] = stays_pending("Failed", "registry.corp.example is away")
    target = tmp_path / "shared"
    assert create(run, str(target), "--all-nodes", "--redact").code == 0
    text = "".join(file.read_text() for file in target.rglob("*") if file.is_file())
    assert [word for word in ("alpha", "beta", "corp.example", "127.0.0.1:") if word in text] == []
    assert len(load(target).nodes) == 1
    left_out = load(target).manifest.left_out
    assert [one.what.startswith("node node-") for one in left_out] == [True]
    again = create(run, str(target), "--all-nodes", "--redact")
    assert (again.code, "exists already" in again.err) == (2, True)


@pytest.mark.parametrize("words", [(), ("--all-nodes", "--node", "alpha")])
def test_which_nodes_has_to_be_said(run, kubelet: Kubelet, tmp_path: Path, words) -> None:
    result = create(run, str(tmp_path / "s"), *words)
    assert (result.code, "--all-nodes" in result.err) == (2, True)
    assert kubelet.server.log == []


def test_an_unknown_node_is_answered_with_the_known_ones(
    run, kubelet: Kubelet, tmp_path: Path
) -> None:
    result = create(run, str(tmp_path / "s"), "--node", "gamma")
    assert result.code == 2
    assert "'gamma'" in result.err and "  alpha\n  beta" in result.err


def test_no_node_at_all_is_an_error(run, kubelet: Kubelet, tmp_path: Path) -> None:
    kubelet.lives["alpha"] = stays_pending()
    result = create(run, str(tmp_path / "s"), "--node", "alpha")
    assert result.code == 4
    assert "No node could be collected: node alpha: its pod did not start" in result.err


@pytest.mark.parametrize(
    ("flag", "value", "problem"),
    [
        ("--collector-toleration", "a b", "is not a toleration"),
        ("--collector-request", "cpu", "is not a resource request"),
        ("--collector-node-selector", "pool", "is not a label"),
        ("--collector-security-context", "[]", "least, privileged or a JSON object"),
        ("--collector-pull-policy", "Now", "Always, IfNotPresent, Never"),
        ("--collector-namespace", "A_B", "not the name of a namespace"),
        ("--collector-timeout", "0", "1 to 3600 seconds"),
        ("--collector-parallel", "0", "1 to 256 nodes"),
    ],
)
def test_flags_are_checked_before_anything_is_asked(
    run, kubelet: Kubelet, tmp_path: Path, flag: str, value: str, problem: str
) -> None:
    result = run("snapshot", "create", str(tmp_path / "s"), "--all-nodes", flag, value)
    assert (result.code, problem in result.err) == (2, True), result.err
    assert kubelet.server.log == []


def test_flags_reach_the_pod(run, kubelet: Kubelet, tmp_path: Path) -> None:
    result = run(
        "snapshot", "create", str(tmp_path / "s"), "--node", "alpha",
        "--collector-image", "reg.example/c:2", "--collector-pull-policy", "Always",
        "--collector-pull-secret", "s1", "--collector-pull-secret", "s2",
        "--collector-toleration", "dedicated=net:NoSchedule", "--collector-toleration", "gpu",
        "--collector-priority-class", "high", "--collector-request", "cpu=5m",
        "--collector-namespace", "net", "--collector-service-account", "sa",
        "--collector-security-context", "privileged", "--collector-timeout", "30",
    )  # fmt: skip
    assert result.code == 0, result.err
    (made,) = kubelet.made
    spec, (box,) = made["spec"], made["spec"]["containers"]
    assert made["metadata"]["namespace"] == "net"
    assert made["metadata"]["annotations"] == {"skoop/node": "alpha"}
    assert spec["nodeName"] == "alpha"
    assert spec["imagePullSecrets"] == [{"name": "s1"}, {"name": "s2"}]
    assert spec["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "net", "effect": "NoSchedule"},
        {"key": "gpu", "operator": "Exists"},
    ]
    assert (spec["priorityClassName"], spec["serviceAccountName"]) == ("high", "sa")
    assert spec["activeDeadlineSeconds"] == 90
    assert (box["image"], box["imagePullPolicy"]) == ("reg.example/c:2", "Always")
    assert box["resources"] == {"requests": {"cpu": "5m"}}
    assert box["securityContext"]["privileged"] is True


def test_the_environment_gives_defaults(
    run, kubelet: Kubelet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKOOP_COLLECTOR_IMAGE", "from.env/c:1")
    run("snapshot", "create", str(tmp_path / "s"), "--node", "alpha")
    assert kubelet.made[0]["spec"]["containers"][0]["image"] == "from.env/c:1"
