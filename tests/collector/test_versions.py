"""What is installed, held against this version."""

from __future__ import annotations

import json

import pytest

from skoop.cli.main import main
from skoop.collector.manifest import read_images
from skoop.collector.versions import agent_version
from tests.apiserver import ApiServer

WANTED = read_images(None)["collector"]


def daemon_set(image: str) -> dict:
    containers = [{"name": "other", "image": "x:1"}, {"name": "collector", "image": image}]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "skoop-collector", "namespace": "skoop"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


@pytest.mark.parametrize(
    ("image", "there", "state"),
    [
        ("", "-", "no collectors in namespace skoop"),
        (WANTED, WANTED, "the same"),
        ("example/old:0.0.1", "example/old:0.0.1", "differs"),
    ],
    ids=["none", "the same", "another"],
)
def test_check(image: str, there: str, state: str, tmp_path, capsys) -> None:
    with ApiServer.started([daemon_set(image)] if image else []) as server:
        config = str(server.kubeconfig(tmp_path))
        assert main(["version", "--check", "--kubeconfig", config, "-o", "json"]) == 0
    rows = {row["part"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["image"]["here"], rows["image"]["there"]) == (WANTED, there)
    assert rows["image"]["state"].startswith(state)
    assert rows["agent"]["here"] == agent_version()


def test_without_a_cluster(capsys) -> None:
    assert main(["version", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["part"] for row in rows} == {"skoop", "python", "agent"}
