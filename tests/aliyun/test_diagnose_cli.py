"""`skoop diagnose --provider aliyun`: over HTTPS, from a record, and with everything that can be
wrong with a key. The cluster is a demo's; flannel tunnels between its nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from skoop.cli.main import main
from skoop.demo import find_demo
from skoop.infra.aliyun.client.pace import Retries
from skoop.infra.aliyun.settings import OPTIONS
from skoop.snapshot import Snapshot, load, save
from tests.aliyun.double import Server
from tests.aliyun.double.server import KEY, Fault, Key

Run = Callable[..., SimpleNamespace]
PODS = ("default/cli", "shop/web-57ccbc85ff-b9knn", "-p", "8080")
NODES = {"k1": "172.30.0.11", "k2": "172.30.0.12", "k3": "172.30.0.13"}
PLANTED = Key("STS.plantedKeyId00001", "plantedSecret/+=00001", "plantedToken/+=00001")


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    """The demo as a snapshot whose nodes are instances of the double's cloud."""
    cloud = server.cloud
    cloud.vpc("vpc-k", "172.30.0.0/16")
    cloud.vswitch("vsw-k", "vpc-k", "172.30.0.0/24")
    cloud.group("sg-k", "vpc-k")
    for name, ip in NODES.items():
        cloud.instance(f"i-{name}", "vsw-k", ip, ("sg-k",))
    with find_demo("dead-endpoint").path() as path:
        found = load(path)
        nodes = json.loads(found.cluster["nodes"])
        for item in nodes["items"]:
            item["spec"]["providerID"] = f"alicloud://cn-hangzhou.i-{item['metadata']['name']}"
        whole = Snapshot(
            manifest=found.manifest,
            cluster={**found.cluster, "nodes": json.dumps(nodes).encode()},
            nodes=dict(found.nodes),
        )
        save(whole, tmp_path / "snapshot")
    return tmp_path / "snapshot"


@pytest.fixture
def run(
    folder: Path,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`skoop diagnose` of the two pods on that snapshot, asking the double."""
    for option in OPTIONS:
        monkeypatch.delenv(option.environment, raising=False)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY.id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEY.secret)
    monkeypatch.setenv("SKOOP_ALIYUN_ENDPOINTS", f"*={server.host}")
    monkeypatch.setenv("SKOOP_ALIYUN_CA_FILE", server.ca)
    monkeypatch.setattr(Retries, "wait", lambda self, attempt: 0.0)

    def call(*arguments: str) -> SimpleNamespace:
        code = main(("diagnose", *PODS, "--snapshot", str(folder), "-o", "json", *arguments))
        captured = capsys.readouterr()
        out = json.loads(captured.out) if captured.out else {}
        return SimpleNamespace(code=code, out=out, err=captured.err, text=captured.out)

    return call


LIVE = ("--provider", "aliyun", "--ask-cloud")


def test_the_cloud_is_on_the_path(run: Run, server: Server) -> None:
    done = run(*LIVE)
    assert (done.code, done.out["verdict"]) == (0, "reachable"), done.err
    ids = {node["id"] for node in done.out["path"]["nodes"]}
    assert {"Aliyun/cn-hangzhou/eni-i-k1", "Aliyun/cn-hangzhou/eni-i-k3"} <= ids
    assert len(server.asked) <= 12
    assert server.wrong == []


def test_a_tunnel_is_judged_by_its_outer_packet(run: Run, server: Server) -> None:
    cloud = server.cloud
    cloud.group("sg-3", "vpc-k")
    held = {"SecurityGroupId": ["sg-3"]}
    cloud.instances["i-k3"]["SecurityGroupIds"] = held
    cloud.enis["eni-i-k3"]["SecurityGroupIds"] = held
    cloud.rule("sg-3", "ingress", protocol="TCP", ports="80/80")
    done = run(*LIVE)
    assert (done.code, done.out["verdict"]) == (1, "unreachable")
    first = done.out["suspicions"][0]
    assert first["name"] == "cloud-sg-no-ingress-rule"
    assert first["node"] == {"kind": "cloud", "name": "Aliyun/cn-hangzhou/sg-3"}
    assert "udp port 8472" in first["message"]


def test_the_provider_is_chosen_by_the_nodes(run: Run) -> None:
    done = run("--ask-cloud")
    assert any(node["id"].startswith("Aliyun/") for node in done.out["path"]["nodes"])


def test_without_asking_nothing_is_asked_and_that_is_said(run: Run, server: Server) -> None:
    done = run("--provider", "aliyun")
    assert done.code == 0
    assert server.asked == []
    assert any("Aliyun" in one["what"] for one in done.out["not_checked"])


BAD = {
    "unknown": (Key("LTAIplantedUnknown01", "plantedSecretUnknown1"), "does not know"),
    "wrong-secret": (replace(KEY, secret="plantedWrongSecret001"), "secret is wrong"),
    "expired": (PLANTED, "has expired"),
    "half": (Key("", "plantedHalfASecret01"), "ACCESS_KEY_ID"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_key_is_said_once_and_the_rest_is_diagnosed(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    key, says = BAD[case]
    server.keys[PLANTED.id] = replace(PLANTED, expired=True)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", key.id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.secret)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", key.token)
    done = run(*LIVE, "--debug")
    assert (done.code, done.out["verdict"]) == (0, "reachable")
    reasons = {one["why"] for one in done.out["not_checked"] if "Aliyun" in one["what"]}
    assert len(reasons) == 1
    assert says in reasons.pop()
    for secret in ("planted", KEY.secret, KEY.id):
        assert secret not in done.text + done.err


def test_debugging_is_on_stderr(run: Run) -> None:
    done = run(*LIVE, "--debug")
    assert done.out["verdict"] == "reachable"
    assert "ecs DescribeInstances localhost" in done.err
    assert KEY.secret not in done.err


@pytest.mark.parametrize("output", ["text", "html", "markdown", "sarif"])
def test_no_report_holds_a_secret(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    output: str, folder: Path,
) -> None:  # fmt: skip
    server.keys[PLANTED.id] = PLANTED
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", PLANTED.id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", PLANTED.secret)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", PLANTED.token)
    server.faults.append(
        Fault("DescribeVSwitches", 403, "Forbidden.RAM", f"{PLANTED.id} {PLANTED.secret} no")
    )
    main(("diagnose", *PODS, "--snapshot", str(folder), *LIVE, "-o", output, "--debug"))
    captured = capsys.readouterr()
    assert captured.out
    assert "planted" not in captured.out + captured.err


# --- the cloud in the snapshot ------------------------------------------------------------------


def add_cloud(folder: Path, *arguments: str) -> int:
    return main(("snapshot", "add-cloud", str(folder), "--provider", "aliyun", *arguments))


def test_a_snapshot_keeps_the_cloud_and_asks_it_no_more(
    run: Run, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = run(*LIVE)
    assert add_cloud(folder) == 0
    kept = (folder / "cloud" / "aliyun.json").read_text()
    for secret in (KEY.id, KEY.secret, "Signature", "SecurityToken", "RequestId"):
        assert secret not in kept
    server.asked.clear()
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    offline = run()
    assert server.asked == []
    assert offline.out == live.out


def test_a_kept_cloud_answers_questions_that_were_not_asked(
    run: Run, server: Server, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.cloud.clb("lb-9", "172.30.0.99", vpc="vpc-k", vswitch="vsw-k", internal=True)
    assert add_cloud(folder) == 0
    server.asked.clear()
    main(("diagnose", "node/k1", "172.30.0.99", "-p", "80", "--snapshot", str(folder),
          "-o", "json"))  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert server.asked == []
    assert found["suspicions"][0]["name"] == "cloud-lb-listener-missing"


def test_an_archive_needs_a_place(run: Run, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "s.tar.gz"
    save(load(folder), archive)
    assert add_cloud(archive) == 2
    assert add_cloud(archive, "--to", str(tmp_path / "t.tar.gz")) == 0
    assert "aliyun" in load(tmp_path / "t.tar.gz").cloud


def test_nothing_is_kept_of_a_cloud_that_refuses(
    run: Run, server: Server, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.keys.clear()
    add_cloud(folder)
    assert "does not know this access key" in capsys.readouterr().err


def test_redaction_changes_no_verdict(
    run: Run, server: Server, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.cloud.inner["sg-k"] = "Drop"
    assert run(*LIVE).out["verdict"] == "unreachable"
    assert add_cloud(folder) == 0
    assert main(("snapshot", "redact", str(folder), "-o", str(tmp_path / "redacted"))) == 0
    capsys.readouterr()
    kept = (tmp_path / "redacted" / "cloud" / "aliyun.json").read_text()
    for told in (server.cloud.account, "172.30.0.1", "Arn", "user/skoop"):
        assert told not in kept
    shared = load(tmp_path / "redacted")
    pods = json.loads(shared.cluster["pods"])["items"]
    by_node = {
        item["spec"]["nodeName"]: f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in pods
        if "coredns" not in item["metadata"]["name"]
    }
    ends = list(by_node.values())[:2]
    main(("diagnose", *ends, "-p", "8080", "--snapshot", str(tmp_path / "redacted"), "-o", "json"))
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "unreachable"
    assert found["suspicions"][0]["name"] == "cloud-sg-intra-group-isolated"
