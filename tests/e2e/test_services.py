"""Every kind of Service by every way: as kube-proxy wrote it, and as it stays when kube-proxy has
stopped and the endpoints are others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import faults, services
from tests.e2e.answers import Answer, diagnose_all, observe_all
from tests.e2e.recording import Truth, record, truth_of, wrong
from tests.e2e.services import VARIANTS
from tests.e2e.site import Seen, Site, settle

RECORDS = os.environ.get("SKOOP_E2E_RECORD")
"""A folder for what was seen, to be replayed by the default tests."""


Told = list[tuple[Truth, Answer]]
"""What connections came to, and skoop's answers."""


def _ask(site: Site, state: str) -> dict[str, Told]:
    """One collection answers all questions, and one survey from each place."""
    asked = [way for name in VARIANTS for way in services.ways(site, name)]
    answers = diagnose_all(way.question() for way in asked)
    hits: dict[str, set[Seen]] = {}
    for source in {way.source for way in asked}:
        targets = {way.id: way.target for way in asked if way.source == source}
        hits |= observe_all(source, targets, answers)
    truths = [truth_of(way, hits[way.id]) for way in asked]
    if RECORDS:
        record(Path(RECORDS), state, truths)
    told: dict[str, Told] = {name: [] for name in VARIANTS}
    for way, truth in zip(asked, truths, strict=True):
        told[way.service].append((truth, answers[way.id]))
    return told


@pytest.fixture(scope="module")
def written(cluster: Site) -> Iterator[dict[str, Told]]:
    services.create(cluster)
    settle(2)
    yield _ask(cluster, "written")
    services.delete()


@pytest.fixture(scope="module")
def stale(cluster: Site) -> Iterator[dict[str, Told]]:
    services.create(cluster)
    settle(2)
    stopped = faults.stopped_agent("kube-system", "kube-proxy", faults.moved)
    mend = stopped(cluster)
    try:
        services.write_slices()
        yield _ask(cluster, "stale")
    finally:
        mend()
        services.delete()


@pytest.mark.parametrize("name", VARIANTS)
def test_what_kube_proxy_wrote(written: dict[str, Told], name: str) -> None:
    assert _disagreements(written[name]) == []


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_stopped_kube_proxy_left(stale: dict[str, Told], name: str) -> None:
    assert _disagreements(stale[name]) == []


def _disagreements(told: Told) -> list[str]:
    return [text for truth, answer in told if (text := wrong(truth, answer))]
