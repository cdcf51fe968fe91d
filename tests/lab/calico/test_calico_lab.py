"""Calico on the real kernel, held against the simulator; `python -m tests.lab fresh --calico` runs
more."""

from __future__ import annotations

from pathlib import Path

import pytest

from skoop.findings import catalogue
from tests.lab import recorded
from tests.lab.calico import kept
from tests.lab.calico.faults import CATALOGUE
from tests.lab.differential import Tally, compare, run_round
from tests.lab.effect import matrix
from tests.lab.faults import find
from tests.lab.generate import standard
from tests.lab.judge import Opinion, blamed
from tests.lab.predict import by_call, by_command
from tests.lab.round import Round, calico_round
from tests.lab.test_lab import real_kernel
from tests.lab.topology import Calico, Cluster, Pool

SEEDS = (3,)
STRIDE = 29
"""Every 29th of some 560 questions; a prime, so that all kinds are among them."""

FLAVOURS: dict[str, Cluster] = {
    "bgp": standard(subnets=(0, 0, 1), calico=Calico()),
    "vxlan": standard(calico=Calico("vxlan", nat_outgoing=False), iptables="nft", rp_filter=1),
    "vxlan between subnets": standard(subnets=(0, 0, 1), calico=Calico("vxlan", cross=True)),
    "both": standard(
        subnets=(0, 0, 1),
        dual_stack=True,
        iptables="nft",
        calico=Calico(six=Pool("vxlan", cross=True)),
    ),
    "ipv6": standard(subnets=(0, 0, 1), ipv6_only=True, calico=Calico()),
    "ipv6 in vxlan": standard(
        ipv6_only=True, calico=Calico(six=Pool("vxlan", nat_outgoing=False)), iptables="nft"
    ),
    "both, Felix in nftables": standard(
        subnets=(0, 0, 1), dual_stack=True, calico=Calico("vxlan", nft=True, six=Pool())
    ),
}


def test_faults_name_findings_that_exist() -> None:
    known = {finding.name for finding in catalogue()}
    assert {fault.name for fault in CATALOGUE if not set(fault.expected) <= known} == set()
    assert len({fault.name for fault in CATALOGUE}) == len(CATALOGUE) >= 70


@pytest.mark.lab
@real_kernel
@pytest.mark.parametrize("name", FLAVOURS)
def test_a_clean_cluster_is_walked_as_the_kernel_does_it(name: str, tmp_path: Path) -> None:
    cluster = FLAVOURS[name]
    queries = matrix(cluster)[list(FLAVOURS).index(name) :: STRIDE]
    cases = compare(Round(seed=0, cluster=cluster, queries=queries), by_command, tmp_path / "s")
    wrong = [
        f"{case.query}: real {case.real()}, predicted {case.predicted()}"
        for case in cases
        if case.opinion not in (Opinion.AGREE, Opinion.BEYOND)
    ]
    assert not wrong, "\n".join(wrong)
    assert not [
        f"{case.query}: {case.answer['suspicions'][0]['message']}"
        for case in cases
        if {hit.result for hit in case.hits} == {"ok"} and case.answer["suspicions"]
    ]


@pytest.mark.parametrize("played", tuple(kept.rounds()), ids=lambda each: each.injections[0].fault)
def test_a_kept_fault_is_named_first(played: Round, tmp_path: Path) -> None:
    found = recorded.load(kept.path_of(played), tmp_path)
    assert found.played == played
    cases = recorded.compare(found, tmp_path / "snapshot", by_call)
    broken = [case for case in cases if {hit.result for hit in case.hits} != {"ok"}]
    assert broken
    expected = find(played.injections[0].fault).expected
    wrong = {str(case.query): blamed(case.answer) for case in broken}
    assert {query: name for query, name in wrong.items() if name not in expected} == {}


@pytest.mark.lab
@real_kernel
@pytest.mark.parametrize("seed", SEEDS)
def test_a_broken_cluster_is_walked_as_the_kernel_does_it(seed: int, tmp_path: Path) -> None:
    tally = Tally()
    played = calico_round(seed, queries=12)
    cases = run_round(played, by_command, tmp_path / "s", tally)
    assert not tally.disagreements, [
        f"{played.described()}: {case.query}: real {case.real()}, predicted {case.predicted()}"
        for case in cases
        if case.opinion in (Opinion.DISAGREE, Opinion.ERROR)
    ]
