"""The other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import skoop
from skoop.cli.collect import parse_pods
from skoop.errors import UsageError
from skoop.findings import catalogue
from skoop.snapshot import NodeDocument


def test_version(run) -> None:
    result = run("--version")
    assert (result.code, result.out) == (0, f"skoop {skoop.__version__}\n")


@pytest.mark.parametrize(
    "command",
    [
        [], ["diagnose"], ["demo"], ["explain"], ["snapshot"], ["snapshot", "create"],
        ["snapshot", "show"], ["snapshot", "redact"], ["collect"], ["collect", "node"],
        ["collect", "from-raw"], ["provider"], ["provider", "list"], ["provider", "describe"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_help(command: list[str], run) -> None:
    result = run(*command, "--help")
    assert result.code == 0
    assert "Usage: skoop" in result.out


def test_explain_lists_every_cause(run) -> None:
    listed = json.loads(run("explain", "-o", "json").out)
    assert [one["code"] for one in listed] == [one.code for one in catalogue()]
    assert set(listed[0]) >= {"code", "name", "level", "means", "matters", "how", "fix"}
    assert all(one[key] for one in listed for key in one.keys() - {"related"})


def test_explain_table_fits(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("explain").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > len(catalogue())


@pytest.mark.parametrize("key", ["OVL007", "fdb-missing"])
def test_explain_one(key: str, run) -> None:
    out = run("explain", key).out
    assert out.startswith("OVL007 fdb-missing (fatal)\n")
    assert "\n    bridge fdb append MAC" in out


def test_explain_one_as_json(run) -> None:
    (one,) = json.loads(run("explain", "fdb-missing", "-o", "json").out)
    assert one["code"] == "OVL007"
    assert one["fix"].startswith("bridge fdb append")


@pytest.mark.parametrize(
    ("key", "hint"), [("fdb", "fdb-missing"), ("fbd-missing", "fdb-missing"), ("zzz", "lists them")]
)
def test_explain_nothing(key: str, hint: str, run) -> None:
    result = run("explain", key)
    assert result.code == 2 and hint in result.err


def test_provider_list(run) -> None:
    assert "generic" in [
        one["name"] for one in json.loads(run("provider", "list", "-o", "json").out)
    ]


def test_provider_describe(run) -> None:
    (one,) = json.loads(run("provider", "describe", "generic", "-o", "json").out)
    assert one["checks"] == []
    assert run("provider", "describe", "acme").code == 2


def test_snapshot_show(run, snapshot: str) -> None:
    rows = json.loads(run("snapshot", "show", snapshot, "-o", "json").out)
    assert {"kind": "resource", "name": "pods", "holds": "2 objects"} in rows
    assert "pods" in run("snapshot", "show", snapshot).out


def test_snapshot_show_what_is_none(run, tmp_path) -> None:
    result = run("snapshot", "show", str(tmp_path))
    assert result.code == 4 and str(tmp_path) in result.err


def test_from_raw_of_nothing(run, tmp_path) -> None:
    result = run("collect", "from-raw", str(tmp_path), "-o", str(tmp_path / "out"))
    assert result.code == 4 and "nodes/<node>" in result.err


def test_from_raw(run, tmp_path) -> None:
    raw = Path(__file__).parents[1] / "data" / "corpus" / "foreign-nft-drop.tar.gz"
    made = str(tmp_path / "made.tar.gz")
    assert run("collect", "from-raw", str(raw), "-o", made).code == 0
    rows = json.loads(run("snapshot", "show", made, "-o", "json").out)
    assert [one["name"] for one in rows if one["kind"] == "node"] == ["k1", "k2", "k3"]


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    calls: list[tuple] = []

    def collect_node(node, netns, pods):
        calls.append((node, netns, pods))
        return NodeDocument(node=node)

    monkeypatch.setattr("skoop.collector.local.collect_node", collect_node)
    return calls


def test_collect_node(run, collected: list[tuple], tmp_path) -> None:
    file = tmp_path / "k1.json"
    flags = ["--netns", "k1", "--pod", "a/b=/n", "--pod", "a/c=m", "-o", str(file)]
    assert run("collect", "node", "--node", "k1", *flags).out == ""
    assert collected == [("k1", "k1", {"a/b": "/n", "a/c": "m"})]
    assert json.loads(file.read_text())["node"] == "k1"


def test_collect_node_to_stdout(run, collected: list[tuple]) -> None:
    assert json.loads(run("collect", "node", "--node", "k1").out)["node"] == "k1"
    assert collected == [("k1", None, {})]


def test_parse_pods() -> None:
    assert parse_pods(["a/b=/run/netns/x=y"]) == {"a/b": "/run/netns/x=y"}


@pytest.mark.parametrize("option", ["", "a", "a/b", "a/b=", "/b=p", "a/=p", "a/b/c=p"])
def test_parse_pods_refuses(option: str) -> None:
    with pytest.raises(UsageError, match="NS/NAME=NETNS_PATH"):
        parse_pods([option])


def test_parse_pods_refuses_twice() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_pods(["a/b=p", "a/b=q"])
