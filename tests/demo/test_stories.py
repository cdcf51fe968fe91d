"""What the demos tell: to whom installs skoop, the first thing they ever see of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from skoop.cli.main import main
from skoop.demo import Demo, demos
from skoop.network.session import Session
from skoop.snapshot import load
from tests.demo.make_demos import FROM, SERVICES, keeps_pod
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
}
MAX_BYTES = 60_000


def test_every_demo_has_a_story() -> None:
    assert {one.name for one in demos()} == STORIES.keys() == FROM.keys()


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


@pytest.mark.parametrize("demo", demos(), ids=lambda one: one.name)
def test_a_demo_foretells_what_was_measured(demo: Demo) -> None:
    """Taking things out did not change what is left."""
    with demo.path() as path:
        session = Session.open(load(path))
    scenario = corpus.scenario(FROM[demo.name])
    asked = [
        corpus.Asked(probe, session.diagnose(probe.request()))
        for probe in scenario.probes
        if is_there(probe.src) and is_there(probe.dst)
    ]
    known = [one for one in asked if not truth.is_unknown(one.diagnosis)]
    wrong = [str(one.probe) for one in known if not truth.same_results(one, scenario)]
    assert len(known) >= 10
    assert wrong == []


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
