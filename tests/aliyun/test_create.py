"""`skoop snapshot create --ask-cloud`: nodes from one double, the cloud from another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from skoop.cli.main import main
from skoop.infra.aliyun.client.pace import Retries
from skoop.infra.aliyun.settings import OPTIONS
from skoop.snapshot import load
from tests.aliyun.double import Server
from tests.aliyun.double.server import KEY
from tests.apiserver import ApiServer
from tests.apiserver.kubelet import Kubelet, canned
from tests.collector.live import agent_text

ADDRESSES = {"alpha": "10.0.0.1", "beta": "10.0.0.2"}


@pytest.fixture
def cluster(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """Two nodes that are the two instances of the described account."""
    for option in OPTIONS:
        monkeypatch.delenv(option.environment, raising=False)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY.id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEY.secret)
    monkeypatch.setenv("SKOOP_ALIYUN_ENDPOINTS", f"*={server.host}")
    monkeypatch.setenv("SKOOP_ALIYUN_CA_FILE", server.ca)
    monkeypatch.setattr(Retries, "wait", lambda self, attempt: 0.0)
    with ApiServer.started() as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        kubelet = Kubelet(running)
        for number, (name, ip) in enumerate(ADDRESSES.items(), 1):
            running.store.create(
                "nodes",
                {
                    "metadata": {"name": name},
                    "spec": {"providerID": f"alicloud://cn-hangzhou.i-{number}"},
                    "status": {"addresses": [{"type": "InternalIP", "address": ip}]},
                },
            )
            kubelet.commands[name] = canned(agent_text())
        yield running


def create(path: Path, *words: str) -> int:
    return main(
        ("snapshot", "create", str(path), "--all-nodes", "--collector-image", "i:1", *words)
    )


def test_the_answers_are_kept_without_credentials(
    cluster: ApiServer, server: Server, tmp_path: Path
) -> None:
    target = tmp_path / "s.tar.gz"
    assert create(target, "--ask-cloud") == 0
    found = load(target)
    assert sorted(found.nodes) == ["alpha", "beta"]
    text = found.cloud["aliyun"].decode()
    assert "DescribeInstances" in text and "10.0.0.2" in text
    assert KEY.id not in text and KEY.secret not in text
    assert server.wrong == []


def test_they_are_diagnosed_from_and_the_cloud_is_asked_no_more(
    cluster: ApiServer, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "s"
    assert create(target, "--ask-cloud") == 0
    server.asked.clear()
    main(("diagnose", "node/alpha", "node/beta", "-p", "22", "--snapshot", str(target)))
    assert server.asked == []
    assert "Aliyun" not in capsys.readouterr().out.partition("Not checked")[2]


def test_redacted_they_name_nobody(cluster: ApiServer, server: Server, tmp_path: Path) -> None:
    target = tmp_path / "shared.tar.gz"
    assert create(target, "--ask-cloud", "--redact") == 0
    text = load(target).cloud["aliyun"].decode()
    for told in (server.cloud.account, "10.0.0.1", "user/skoop"):
        assert told not in text


def test_without_the_flag_nothing_is_asked(
    cluster: ApiServer, server: Server, tmp_path: Path
) -> None:
    assert create(tmp_path / "s") == 0
    assert server.asked == []
    assert load(tmp_path / "s").cloud == {}


def test_an_unknown_provider_is_said_before_anything_is_collected(
    cluster: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "s", "--ask-cloud", "--provider", "nope") == 2
    assert "nope" in capsys.readouterr().err
    assert cluster.log == []


def test_nodes_are_kept_when_the_cloud_refuses(
    cluster: ApiServer, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.keys.clear()
    assert create(tmp_path / "s", "--ask-cloud") == 0
    assert "does not know this access key" in capsys.readouterr().err
    assert sorted(load(tmp_path / "s").nodes) == ["alpha", "beta"]


def test_a_cluster_in_no_cloud(
    cluster: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "s", "--ask-cloud", "--provider", "generic") == 0
    assert "asks no cloud" in capsys.readouterr().err
    assert not (tmp_path / "s" / "cloud").exists()
