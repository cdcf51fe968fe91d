"""Every kind of Service by every way: as kube-proxy wrote it, and as it stays when kube-proxy has
stopped and the endpoints are others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import faults, services
from tests.e2e.answers import Answer, diagnose_all, observe_all
from tests.e2e.services import VARIANTS, Way
from tests.e2e.site import Seen, Site, settle

STALE = {"proxy-not-running", "proxy-rules-stale", "dnat-to-dead-endpoint", "sep-chain-missing"}


@dataclass(frozen=True)
class Told:
    """A way, skoop's answer about it, and what connections came to."""

    way: Way
    answer: Answer
    hits: set[Seen]


def _ask(site: Site) -> dict[str, list[Told]]:
    """One collection answers all questions, and one survey from each place."""
    ways = {name: list(services.ways(site, name)) for name in VARIANTS}
    asked = [way for found in ways.values() for way in found]
    answers = diagnose_all(
        {
            "id": way.id,
            "src": way.source.name,
            "dst": way.destination,
            "port": way.target.port,
            "protocol": way.target.protocol,
        }
        for way in asked
    )
    hits: dict[str, set[Seen]] = {}
    for source in {way.source for way in asked}:
        targets = {way.id: way.target for way in asked if way.source == source}
        hits |= observe_all(source, targets, answers)
    return {
        name: [Told(way, answers[way.id], hits[way.id]) for way in found]
        for name, found in ways.items()
    }


@pytest.fixture(scope="module")
def written(cluster: Site) -> Iterator[dict[str, list[Told]]]:
    services.create(cluster)
    settle(2)
    yield _ask(cluster)
    services.delete()


@pytest.fixture(scope="module")
def stale(cluster: Site) -> Iterator[dict[str, list[Told]]]:
    services.create(cluster)
    settle(2)
    stopped = faults.stopped_agent("kube-system", "kube-proxy", faults.moved)
    mend = stopped(cluster)
    try:
        services.write_slices()
        yield _ask(cluster)
    finally:
        mend()
        services.delete()


@pytest.mark.parametrize("name", VARIANTS)
def test_what_kube_proxy_wrote(written: dict[str, list[Told]], name: str) -> None:
    _check(written[name], sticky=VARIANTS[name].sticky)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_stopped_kube_proxy_left(stale: dict[str, list[Told]], name: str) -> None:
    _check(stale[name], sticky=VARIANTS[name].sticky)


def _check(told: list[Told], *, sticky: bool) -> None:
    wrong = [
        f"{each.way.id}: {each.answer}, and observed {sorted(map(str, each.hits))}"
        for each in told
        if not _right(each, sticky=sticky)
    ]
    assert not wrong, "\n".join(wrong)


def _right(told: Told, *, sticky: bool) -> bool:
    """Where the nodes' ways end differently and any may be taken, "unknown" is right."""
    if told.way.any_entry and told.answer.verdict == "unknown":
        return True
    return told.answer.agrees(told.hits, sticky=sticky or told.way.any_entry)
