"""`skoop cloud`, and a diagnosis with a cloud, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.provider.conftest import Run
from tests.provider.plugins import flags

EXAMPLE = Path(__file__).parents[2] / "examples" / "testcloud"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The flags that load TestCloud; its cloud and token are in the environment."""
    tmp_path.chmod(0o700)
    for name in ("testcloud.py", "cloud.yaml"):
        shutil.copy(EXAMPLE / name, tmp_path)
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("TESTCLOUD_FILE", str(tmp_path / "cloud.yaml"))
    monkeypatch.setenv("TESTCLOUD_TOKEN", "open-sesame")
    return flags(tmp_path / "testcloud.py")


def test_a_list(run: Run, cloud: list[str]) -> None:
    rows = json.loads(run("cloud", "testcloud", "instance-list", "-o", "json", *cloud).out)
    assert [(each["gid"], each["running"]) for each in rows][:1] == [("TestCloud/moon-1/i-1", True)]
    assert "TestCloud/moon-1/i-1" in run("cloud", "testcloud", "instance-list", *cloud).out


def test_the_commands_are_listed(run: Run, cloud: list[str]) -> None:
    rows = json.loads(run("cloud", "testcloud", "-o", "json", *cloud).out)
    assert "vpc-list" in [each["command"] for each in rows]


def test_debug_says_each_call_on_stderr(run: Run, cloud: list[str]) -> None:
    result = run("cloud", "testcloud", "vpc-list", "--debug", "-o", "json", *cloud)
    assert json.loads(result.out)[0]["cidrs"] == ["172.30.0.0/16"]
    assert "ReadFile" in result.err and "open-sesame" not in result.err


def test_nothing_there_is_no_error(run: Run, cloud: list[str], tmp_path: Path) -> None:
    (tmp_path / "cloud.yaml").write_text("token: open-sesame\nregions: [{id: moon-1}]\n")
    result = run("cloud", "testcloud", "vpc-list", "-o", "json", *cloud)
    assert (result.code, json.loads(result.out)) == (0, [])
    assert run("cloud", "testcloud", "vpc-list", *cloud).code == 0


BAD = {
    "an unknown command": (["moon-list"], 2, "there are region-list"),
    "an unknown region": (["vpc-list", "--region", "mars-1"], 2, "there are moon-1"),
    "what is not there": (["security-group-show", "sg-none"], 4, "NotFound"),
    "no id": (["security-group-show"], 2, "needs the id"),
    "an id too many": (["vpc-list", "vpc-1"], 2, "takes no"),
    "a wrong token": (["vpc-list", "--testcloud-token", "planted"], 4, "InvalidAccessKey"),
    "no cloud": (["vpc-list", "--testcloud-file", "/no/such"], 4, "No such file"),
    "a bad choice": (["vpc-list", "--testcloud-tidiness", "x"], 2, "--testcloud-tidiness takes"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), BAD.values(), ids=BAD.keys())
def test_bad_input(arguments: list[str], code: int, said: str, run: Run, cloud: list[str]) -> None:
    result = run("cloud", "testcloud", *arguments, *cloud)
    assert (result.code, result.out) == (code, "") and said in result.err
    assert "planted" not in result.err


def test_a_bad_value_in_the_environment_names_the_variable(
    run: Run, cloud: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTCLOUD_TIDINESS", "x")
    result = run("diagnose", "a", "b", "--demo", "mtu", "--provider", "testcloud", *cloud)
    assert result.code == 2 and "the environment variable TESTCLOUD_TIDINESS" in result.err
    other = run("diagnose", "a", "b", "--demo", "mtu", *cloud)
    assert "TESTCLOUD_TIDINESS" not in other.err, "only the selected provider is validated"


def test_generic_has_no_cloud(run: Run) -> None:
    result = run("cloud", "generic", "vpc-list")
    assert result.code == 2 and "no command" in result.err


def test_a_diagnosis_names_global_ids(run: Run, cloud: list[str], tmp_path: Path) -> None:
    broken = tmp_path / "cloud.yaml"
    broken.write_text(broken.read_text().replace("id: overlay, way: ingress", "id: overlay, "
                                                 "action: drop, way: ingress"))  # fmt: skip
    result = run(
        "diagnose", "pod/default/cli", "svc/shop/web", "-p", "80", "--demo", "mtu",
        "--provider", "testcloud", "--ask-cloud", "-o", "json", *cloud,
    )  # fmt: skip
    found = json.loads(result.out)
    assert (result.code, found["verdict"]) == (1, "partial")
    worst = found["suspicions"][0]
    assert worst["name"] == "cloud-sg-explicit-deny-priority"
    assert worst["node"] == {"kind": "cloud", "name": "TestCloud/moon-1/sg-nodes/overlay"}
    assert worst["evidence"][0]["source"] == "TestCloud/moon-1/sg-nodes/overlay"
    assert "TestCloud/moon-1/eni-1" in [each["id"] for each in found["path"]["nodes"]]


def test_without_a_record_the_cloud_is_not_asked(run: Run, cloud: list[str]) -> None:
    result = run(
        "diagnose", "pod/default/cli", "svc/shop/web", "-p", "80", "--demo", "mtu",
        "--provider", "testcloud", "-o", "json", "--debug", *cloud,
    )  # fmt: skip
    said = {each["what"]: each["why"] for each in json.loads(result.out)["not_checked"]}
    assert "--ask-cloud" in said["security groups of TestCloud"]
    assert "ReadFile" not in result.err


def test_emulated_devices_are_shown_on_request(run: Run, cloud: list[str], tmp_path: Path) -> None:
    text = (tmp_path / "cloud.yaml").read_text()
    born = "publics: [{private: 172.30.0.11, public: 47.0.0.7}], groups: ["
    (tmp_path / "cloud.yaml").write_text(text.replace("groups: [", born, 1))
    asked = ["diagnose", "node/k1", "internet", "-p", "443", "--demo", "mtu", "-o", "json",
             "--provider", "testcloud", "--ask-cloud", *cloud]  # fmt: skip

    def emulated(*more: str) -> list[str]:
        nodes = json.loads(run(*asked, *more).out)["path"]["nodes"]
        return [each["id"] for each in nodes if each["emulated"]]

    assert emulated() == []
    assert emulated("--show-emulated") == ["TestCloud/moon-1/eni-1/public"]
