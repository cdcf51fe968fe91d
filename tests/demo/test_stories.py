"""What the demos tell: to whom installs skoop, the first thing they ever see of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from skoop.cli.main import main
from skoop.demo import Demo, Family, demos, find_demo
from skoop.network.session import Session
from skoop.snapshot import load
from tests.aliyun.double.cloud import ACCOUNT
from tests.demo.make_demos import FROM, SERVICES, keeps_pod
from tests.demo.record import TRUTHS
from tests.demo.stories import LAB
from tests.lab.judge import Opinion
from tests.lab.predict import by_call
from tests.lab.recorded import Recorded, compare
from tests.scenarios import corpus, truth

# verdict, the finding named first, and where
STORIES = {
    "fdb-missing": ("partial", "fdb-missing", "k1"),
    "policy-rule": ("partial", "policy-rule-captures", "k3"),
    "foreign-firewall": ("partial", "foreign-firewall", "k2"),
    "masquerade-missing": ("partial", "masquerade-missing", "k3"),
    "rp-filter": ("partial", "route-wrong-device", "k2"),
    "mtu": ("partial", "pmtud-blocked", "k1"),
    "dead-endpoint": ("partial", "dnat-to-dead-endpoint", "k1"),
    "nft-map": ("unreachable", "nft-service-map-missing", "k1"),
    "wrong-mac": ("partial", "neighbour-wrong-mac", "k2"),
    "veth-detached": ("partial", "bridge-port-unattached", "k2"),
    "pod-routes": ("unreachable", "pod-default-route-missing", "default/cli3"),
    "bridge-bypass": ("partial", "bridge-nf-call-off", "k1"),
    "dns-udp": ("unreachable", "policy-blocks-53", "default/cli"),
    "ipvs-empty": ("unreachable", "ipvs-real-server-missing", "k1"),
    "policy-denies": ("unreachable", "policy-namespace-label-miss", "shop/web-1"),
    "policy-stale": ("partial", "declared-but-not-programmed", "shop/web-1"),
    "calico-bgp": ("partial", "bgp-route-not-present", "k1"),
    "aliyun-group": ("partial", "cloud-sg-no-ingress-rule", "Aliyun/cn-hangzhou/sg-new"),
    "aliyun-route": (
        "partial",
        "cloud-route-wrong-instance",
        "Aliyun/cn-hangzhou/vtb-vpc-shop/rte-vtb-vpc-shop-5",
    ),
}
MAX_BYTES = 60_000
PLAYED = {story.name: story for story in LAB}


def test_every_demo_has_a_story() -> None:
    assert {one.name for one in demos()} == STORIES.keys()
    assert STORIES.keys() == FROM.keys() | PLAYED.keys()


@pytest.mark.parametrize("demo", demos(), ids=lambda one: one.name)
def test_a_demo_is_small(demo: Demo) -> None:
    with demo.path() as path:
        assert path.stat().st_size < MAX_BYTES


@pytest.mark.parametrize("name", STORIES)
def test_a_demo_tells_its_story(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", name, "-o", "json"])
    said = json.loads(capsys.readouterr().out)
    first = said["suspicions"][0]
    assert (said["verdict"], first["name"], first["node"]["name"]) == STORIES[name]
    assert first["blocking"]
    assert first["evidence"]
    assert code == 1


# every cause that is told, with its way, where several things are wrong or one shows twice
CAUSES = {
    "calico-bgp": [
        ("bgp-route-not-present", "k1", "forward"),
        ("bgp-route-not-present", "k3", "return"),
    ],
    # One of two servers: one remedy helps both.
    "policy-denies": [("policy-namespace-label-miss", "shop/web-1", "forward")],
    "ipvs-empty": [("ipvs-real-server-missing", "k1", "forward")],
    "dns-udp": [("policy-blocks-53", "default/cli", "forward")],
}


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_is_told_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["demo", name, "-o", "json"])
    told = json.loads(capsys.readouterr().out)["suspicions"]
    found = [(one["name"], one["node"]["name"], one["direction"]) for one in told]
    assert found == CAUSES[name]


@pytest.mark.parametrize("name", [one.name for one in demos() if one.family is Family.CLOUD])
def test_a_cloud_that_is_redacted_tells_the_same(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with find_demo(name).path() as path:
        main(["snapshot", "redact", str(path), "-o", str(tmp_path / "shared")])
    services = json.loads(load(tmp_path / "shared").cluster["services"])["items"]
    web = next(one["metadata"] for one in services if one["metadata"]["name"] != "kube-dns")
    target = f"svc/{web['namespace']}/{web['name']}"
    question = ["pod/default/cli", target, "-p", "80", "--snapshot", str(tmp_path / "shared")]
    main(["diagnose", *question, "-o", "json"])
    text = capsys.readouterr().out
    said = json.loads(text)
    assert (said["verdict"], said["suspicions"][0]["name"]) == STORIES[name][:2]
    assert ACCOUNT not in text and "172.30.1." not in text


@pytest.mark.parametrize("name", FROM)
def test_a_demo_foretells_what_was_measured(name: str) -> None:
    """Taking things out did not change what is left."""
    with find_demo(name).path() as path:
        session = Session.open(load(path))
    scenario = corpus.scenario(FROM[name])
    asked = [
        corpus.Asked(probe, session.diagnose(probe.request()))
        for probe in scenario.probes
        if is_there(probe.src) and is_there(probe.dst)
    ]
    known = [one for one in asked if not truth.is_unknown(one.diagnosis)]
    wrong = [str(one.probe) for one in known if not truth.same_results(one, scenario)]
    assert len(known) >= 10
    assert wrong == []


@pytest.mark.parametrize("name", PLAYED)
def test_a_demo_of_the_lab_foretells_what_the_kernel_answered(name: str) -> None:
    truth_ = msgspec.json.decode((TRUTHS / f"{name}.json").read_bytes(), type=Recorded)
    with find_demo(name).path() as path:
        cases = compare(truth_, path, by_call)
    assert not [
        f"{case.query}: real {case.real()}, predicted {case.predicted()}"
        for case in cases
        if case.opinion not in (Opinion.AGREE, Opinion.BEYOND)
    ]
    assert sum(case.opinion is Opinion.AGREE for case in cases) >= 40


def is_there(end: corpus.End) -> bool:
    """Whether a demo still has an end of a probe."""
    name = f"{end.ns}/{end.name}"
    if end.kind == "pod":
        return keeps_pod(name)
    return end.kind == "node" or name in SERVICES


def test_the_first_demo_in_words(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    golden: Callable[[str, str], None],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["demo", "fdb-missing", "--no-color"])
    golden("fdb-missing.txt", capsys.readouterr().out)
