"""The lab itself, the faults, and the differential test with fixed seeds."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from skoop.findings import catalogue
from tests.lab import recorded
from tests.lab.build import build
from tests.lab.cni import plugin_folder
from tests.lab.differential import Tally, keep, run_round, shrink
from tests.lab.effect import aimed, effect_of, flavours
from tests.lab.faults import CATALOGUE, Fault, find
from tests.lab.generate import random_cluster, standard
from tests.lab.judge import Answer, Opinion, judge
from tests.lab.predict import by_call, by_command
from tests.lab.probe import Hit, shoot
from tests.lab.queries import Query, behind, shot
from tests.lab.round import (
    Round,
    attempts,
    from_json,
    random_round,
    service_round,
    to_json,
)
from tests.lab.serve import Servers
from tests.lab.topology import Cluster
from tests.lab.written import differences

TOOLS = ("ip", "bridge", "iptables-legacy", "iptables-nft", "nft", "ipset", "conntrack", "ss")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
CAN = os.name == "posix" and os.geteuid() == 0 and not MISSING
real_kernel = pytest.mark.skipif(
    not CAN,
    reason="the lab needs root on Linux and "
    + (f"the tools {', '.join(MISSING)}" if MISSING else "network namespaces")
    + "; its recorded cases are replayed instead",
)
SEEDS = range(1, 11)
RECORDED = sorted(recorded.FOLDER.glob("*.tar.gz"))
SERVICES = [path for path in RECORDED if "-services-" in path.name]
UNKNOWN_ALLOWED = 0.01
LONG = 0.9
"""Seconds. Time for every answer on a busy machine, but not for a lost SYN to be sent again."""


FLAVOURS: dict[str, Cluster] = {
    "vxlan-legacy": standard(),
    "vxlan-nft": standard(iptables="nft"),
    "vxlan-two-subnets": standard(subnets=(0, 0, 1)),
    "vxlan-direct-routing": standard(subnets=(0, 0, 1), direct_routing=True),
    "host-gw": standard(backend="host-gw"),
    "rp-filter-strict": standard(rp_filter=1),
    "rp-filter-loose": standard(rp_filter=2),
    "dual-stack": standard(dual_stack=True),
    "dual-stack-nft-host-gw": standard(dual_stack=True, iptables="nft", backend="host-gw"),
    "plugins": standard(plugin=True),
    "plugins-nft-dual-stack": standard(plugin=True, iptables="nft", dual_stack=True),
}


@pytest.mark.lab
@real_kernel
@pytest.mark.parametrize("name", FLAVOURS)
def test_a_clean_cluster_works(name: str) -> None:
    cluster = FLAVOURS[name]
    if cluster.cni == "plugin" and plugin_folder() is None:
        pytest.skip("the CNI plugins are not installed")
    queries = _healthy(cluster)
    with build(cluster) as lab, Servers(lab):
        shots = [(q, shot(lab, q)) for q in queries for _ in range(3 * attempts(cluster, q))]
        hits = shoot((s for _, s in shots), timeout=LONG)
    broken = {f"{q}: {h.result}" for (q, _), h in zip(shots, hits, strict=True) if h.result != "ok"}
    assert broken == set()
    for query in queries:
        service = behind(cluster, query)
        if service and service.name == "web":
            who = {
                h.server.partition(":")[0]
                for (q, _), h in zip(shots, hits, strict=True)
                if q is query
            }
            assert who == {f"pod/lab/{b.pod}" for b in service.backends}, query


def _healthy(cluster: Cluster) -> list[Query]:
    """Questions that every clean cluster answers."""
    found: list[Query] = []

    def add(src: str, dst: str, port: int, protocol: str = "tcp", size: int = 0) -> None:
        identity = f"q{len(found)}"
        found.append(Query(id=identity, src=src, dst=dst, port=port, protocol=protocol, size=size))

    inside = [p.id for p in cluster.pods] + [n.id for n in cluster.nodes]
    web = cluster.service("web")
    for src in inside:
        for pod in cluster.pods:
            for listener in pod.listeners:
                add(src, pod.id, listener.port, listener.protocol, 3000)
            if pod.ip6:
                add(src, pod.ip6, pod.listeners[0].port)
        add(src, web.id, 80)
        add(src, web.id, 53, "udp")
        add(src, "172.30.9.9", 80)
        add(src, "svc/lab/host", 7070)
        if web.cluster_ip6:
            add(src, web.cluster_ip6, 80)
    for node in cluster.nodes:
        add("172.30.1.250", node.id, 30080)
        add("172.30.1.250", node.id, 30053, "udp")
    add("172.30.1.250", "node/k1", 8888)
    return found


@pytest.mark.lab
@real_kernel
@pytest.mark.parametrize("seed", [3, 20016, 20020])
def test_services_of_every_kind(seed: int, tmp_path: Path) -> None:
    """The kernel's answers, and no difference between two writers of the same rules."""
    tally = Tally()
    run_round(service_round(seed), by_command, tmp_path / "snapshot", tally)
    assert not tally.disagreements, [case.query for _, case in tally.disagreements]
    assert tally.opinions[Opinion.AGREE] > 10
    assert differences(tmp_path / "snapshot") == []


@pytest.mark.lab
@real_kernel
def test_a_lab_leaves_nothing_behind() -> None:
    before = set(Path("/run/netns").glob("*"))
    lab = build(standard())
    paths = [n.path for n in lab.namespaces.values()]
    folder = lab.folder
    lab.close()
    assert not any(Path(p).exists() for p in paths)
    assert not folder.exists()
    assert set(Path("/run/netns").glob("*")) == before


def test_the_catalogue_names_findings_that_exist() -> None:
    known = {finding.name for finding in catalogue()}
    assert {f.name: f.expected[0] for f in CATALOGUE if not known & set(f.expected)} == {}
    assert len({f.name for f in CATALOGUE}) == len(CATALOGUE) >= 80


# A sample, so that the suite stays quick; `python -m tests.lab faults` measures all of them.
SAMPLE = sorted(random.Random(7).sample(CATALOGUE, 8), key=lambda f: f.name)


@pytest.mark.lab
@real_kernel
@pytest.mark.parametrize("fault", SAMPLE, ids=lambda f: f.name)
def test_a_fault_changes_what_it_says(fault: Fault) -> None:
    effect = effect_of(fault)
    assert effect.as_documented, effect


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_is_one_round(seed: int) -> None:
    played = random_round(seed)
    assert played == random_round(seed)
    assert from_json(to_json(played)) == played
    assert random_cluster(random.Random(seed)) == random_cluster(random.Random(seed))


def _answer(*outcomes: tuple[str, str, str], ends: tuple[str, ...] = ()) -> dict[str, Any]:
    rows = []
    for result, server, seen in outcomes:
        kind, _, name = server.partition("/")
        found = {"kind": kind, "namespace": "lab", "name": name, "port": 8080} if server else None
        rows.append({"weight": 0.5, "result": result, "server": found, "seen_source": seen})
    traces = [{"disposition": end} for end in ends]
    return {"verdict": "reachable", "outcomes": rows, "traces": traces}


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "assumptions": [{"text": "the sender is told, which it remembers"}]}


OK_1 = Hit("ok", "pod/lab/p1:8080", "10.244.1.11")
JUDGED = {
    "same": ([OK_1], _answer(("ok", "pod/p1", "10.244.1.11")), "agree"),
    "other-server": ([OK_1], _answer(("ok", "pod/p2", "10.244.1.11")), "disagree"),
    "other-source": ([OK_1], _answer(("ok", "pod/p1", "10.244.1.1")), "disagree"),
    "one-backend-too-many": (
        [OK_1],
        _answer(("ok", "pod/p1", "10.244.1.11"), ("timeout", "", "")),
        "disagree",
    ),
    "one-backend-too-few": (
        [OK_1, Hit("timeout")],
        _answer(("ok", "pod/p1", "10.244.1.11")),
        "disagree",
    ),
    "timeout": ([Hit("timeout")], _answer(("timeout", "", "")), "agree"),
    "refused-by-a-rule": ([Hit("refused")], _answer(("rejected", "", "")), "agree"),
    "rejected-is-not-silent": ([Hit("timeout")], _answer(("rejected", "", "")), "disagree"),
    "timeout-for-unreachable": ([Hit("timeout")], _answer(("unreachable", "", "")), "disagree"),
    "neighbour": (
        [Hit("timeout")],
        _answer(("unreachable", "", ""), ends=("NEIGHBOUR_UNREACHABLE",)),
        "agree",
    ),
    "the first is lost, and its sender told": (
        [OK_1, Hit("msgsize")],
        _told(_answer(("ok", "pod/p1", "10.244.1.11"))),
        "agree",
    ),
    "the first is lost, and one backend's all": (
        [OK_1, Hit("timeout")],
        _told(_answer(("ok", "pod/p1", "10.244.1.11"), ("timeout", "", ""))),
        "agree",
    ),
    "unknown": ([OK_1], _answer(("unknown", "", "")), "unknown"),
    "no-outcome": ([OK_1], _answer(), "disagree"),
    "error": ([OK_1], {"error": "no such pod"}, "error"),
}


@pytest.mark.parametrize("name", JUDGED)
def test_the_judge(name: str) -> None:
    hits, answer, opinion = JUDGED[name]
    query = Query(id="q1", src="pod/lab/p2", dst="pod/lab/p1", port=8080)
    case = judge(standard(), query, tuple(hits), answer)
    assert case.opinion is Opinion(opinion), (case.real(), case.predicted())


def _verdict_of(tally: Tally) -> str:
    return "\n".join(
        [*tally.lines()]
        + [
            f"{played.described()}\n  {case.query}\n  real {case.real()}\n  "
            f"predicted {case.predicted()}"
            for played, case in tally.disagreements
        ]
    )


@pytest.mark.lab
@real_kernel
def test_the_simulator_agrees_with_the_kernel(tmp_path: Path) -> None:
    tally = Tally()
    for seed in SEEDS:
        run_round(random_round(seed), by_command, tmp_path / f"seed-{seed}", tally)
    assert tally.cases >= 190
    assert not tally.disagreements, _verdict_of(tally)
    assert tally.opinions[Opinion.UNKNOWN] <= UNKNOWN_ALLOWED * tally.cases, _verdict_of(tally)


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.name.partition(".")[0])
def test_the_simulator_agrees_with_recorded_kernels(path: Path, tmp_path: Path) -> None:
    found = recorded.load(path, tmp_path)
    cases = recorded.compare(found, tmp_path / "snapshot", by_call)
    wrong = [c for c in cases if c.opinion in (Opinion.DISAGREE, Opinion.ERROR)]
    said = [f"{c.query}: real {c.real()}, predicted {c.predicted()}" for c in wrong]
    assert not wrong, "\n".join([found.played.described(), *said])


@pytest.mark.parametrize("path", SERVICES, ids=lambda p: p.name.partition(".")[0])
def test_the_rules_of_recorded_kernels_are_as_expected(path: Path, tmp_path: Path) -> None:
    recorded.load(path, tmp_path)
    assert differences(tmp_path / "snapshot") == []


def test_every_fault_fits_a_standard_cluster() -> None:
    lonely = []
    for candidate in CATALOGUE:
        rng = random.Random(candidate.name)
        if not any(recorded.aim(candidate, c, rng) for c in flavours("legacy")):
            lonely.append(candidate.name)
    assert lonely == []


@pytest.mark.lab
@real_kernel
def test_a_disagreement_is_shrunk(tmp_path: Path) -> None:
    """A simulator that says "refused" to everything is wrong about the smallest cluster too."""

    def stubborn(_: Path, queries: Sequence[Query]) -> list[Answer]:
        return [_answer(("refused", "", "")) for _ in queries]

    cluster, injection = aimed(find("mss-clamp"))
    query = Query(id="q1", src="pod/lab/p1", dst="pod/lab/p2", port=8080)
    played = Round(seed=0, cluster=cluster, injections=(injection,), queries=(query,), warm=True)
    (wrong,) = run_round(played, stubborn, tmp_path / "snapshot", Tally())
    assert wrong.opinion is Opinion.DISAGREE
    small = shrink(played, wrong.query, stubborn)
    assert small.injections == ()
    assert not small.warm
    assert not small.cluster.services
    assert {p.name for p in small.cluster.pods} == {"p1", "p2"}
    assert {n.name for n in small.cluster.nodes} == {"k1", "k2"}
    home = keep(small, wrong, tmp_path / "snapshot", tmp_path / "results")
    assert from_json((home / "round.json").read_bytes()) == small
    assert (home / "snapshot" / "nodes").is_dir()
