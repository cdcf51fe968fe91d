"""KubeSkoop's cases with Calico and IPIP, as a kernel with IPIP answered them: recorded by
`python -m tests.guest -- -m tests.lab.calico.ipip --record FOLDER`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import recorded
from tests.lab.judge import Case, Opinion
from tests.lab.predict import by_call

FOLDER = Path(__file__).parents[1] / "data" / "calico"
FIRST = {
    "seed-900-clean": "",
    "seed-901-calico-remote-pod-by-card": "route-shadowed-by-more-specific",
    "seed-902-calico-ipip-blocked": "ipip-proto-blocked",
}
"""The right first suspicion of what a fault stopped, by recorded round."""


@pytest.fixture(scope="module", params=sorted(FIRST))
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Case]]:
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    found = recorded.load(FOLDER / f"{name}.tar.gz", folder)
    return name, recorded.compare(found, folder / "snapshot", by_call)


def test_every_recorded_round_is_here() -> None:
    assert {path.name.removesuffix(".tar.gz") for path in FOLDER.iterdir()} == FIRST.keys()


def test_the_outcomes_are_foretold(played: tuple[str, list[Case]]) -> None:
    _, cases = played
    assert [
        f"{case.query}: real {case.real()}, predicted {case.predicted()}"
        for case in cases
        if case.opinion not in (Opinion.AGREE, Opinion.BEYOND)
    ] == []


def test_the_cause_is_named_first(played: tuple[str, list[Case]]) -> None:
    name, cases = played
    lost = [case for case in cases if {hit.result for hit in case.hits} != {"ok"}]
    assert bool(lost) is bool(FIRST[name])
    assert not [case for case in cases if case not in lost and _blocking(case)]
    wrong = [
        f"{case.query}: {[each['name'] for each in case.answer['suspicions'][:3]]}"
        for case in lost
        if not case.answer["suspicions"] or case.answer["suspicions"][0]["name"] != FIRST[name]
    ]
    assert not wrong, "\n".join(wrong)


def _blocking(case: Case) -> list[str]:
    return [each["name"] for each in case.answer["suspicions"] if each["blocking"]]
