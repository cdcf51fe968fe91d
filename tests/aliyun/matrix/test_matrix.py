"""Every cloud situation: verdict, first suspicion, what it is about, and the direction."""

from __future__ import annotations

import pytest

from skoop.findings import catalogue
from tests.aliyun.matrix import acls, balancers, groups, missing, outside, routes, terway
from tests.aliyun.matrix.case import Case
from tests.aliyun.matrix.lab import Lab

CASES: tuple[Case, ...] = (
    *groups.CASES,
    *acls.CASES,
    *routes.CASES,
    *outside.CASES,
    *balancers.CASES,
    *terway.CASES,
    *missing.CASES,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_situation(case: Case) -> None:
    lab = Lab()
    case.change(lab)
    found = lab.ask(case.src, case.dst, case.port, case.protocol)
    told = [f"{s.direction.value} {s.name} {s.where.name}: {s.message}" for s in found.suspicions]
    unseen = [f"{each.what}: {each.why}" for each in found.not_checked]
    shown = "\n".join([found.summary, *told, *unseen, *found.assumptions])
    assert found.verdict.value in case.verdict.split("|"), shown
    if case.first != "*":
        first = found.suspicions[0].name if found.suspicions else ""
        assert first in case.first.split("|") or "*" in case.first.split("|"), shown
    if case.at:
        where = found.suspicions[0].where
        assert where.kind == "cloud", shown
        assert where.name.startswith("Aliyun/cn-"), shown
        assert where.name.endswith(tuple(f"/{end}" for end in case.at.split("|"))), shown
        assert found.suspicions[0].direction.value == case.way, shown
    if case.also:
        assert case.also in {each.name for each in found.suspicions}, shown
    assert case.says in shown, shown
    if case.seen:
        assert {each.seen_source for each in found.outcomes} == {case.seen}, shown
    assert server_was_only_read(lab)


def server_was_only_read(lab: Lab) -> bool:
    return lab.server.wrong == []


def test_there_are_enough_of_them_and_each_has_its_name() -> None:
    names = [case.id for case in CASES]
    assert len(names) == len(set(names))
    assert len(names) >= 120


NOT_FROM_THE_API = {
    "cloud-nat-ports-exhausted": "Aliyun tells used ports in its monitoring only",
    "cloud-nic-wrong-subnet": "Aliyun keeps an interface's addresses inside its vSwitch",
}


def test_every_cause_in_the_cloud_is_met() -> None:
    met = {name for case in CASES for name in (*case.first.split("|"), case.also)}
    cloud = {each.name for each in catalogue() if each.code.startswith("CLOUD")}
    assert cloud - met - set(NOT_FROM_THE_API) == set()
