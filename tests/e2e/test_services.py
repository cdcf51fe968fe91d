"""Every kind of Service by every way: as kube-proxy wrote it, and as it stays when kube-proxy has
stopped and the endpoints are others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import faults, services
from tests.e2e.answers import Answer, diagnose_all, observe
from tests.e2e.services import VARIANTS, Way
from tests.e2e.site import Site, settle

STALE = {"proxy-not-running", "proxy-rules-stale", "dnat-to-dead-endpoint", "sep-chain-missing"}


@dataclass(frozen=True)
class Told:
    """A way and skoop's answer about it."""

    way: Way
    answer: Answer


def _ask(site: Site) -> dict[str, list[Told]]:
    """One collection answers all questions."""
    ways = {name: list(services.ways(site, name)) for name in VARIANTS}
    asked = [way for found in ways.values() for way in found]
    answers = diagnose_all(
        {
            "id": way.id,
            "src": way.source.name,
            "dst": way.target,
            "port": way.port,
            "protocol": way.protocol,
        }
        for way in asked
    )
    return {name: [Told(way, answers[way.id]) for way in found] for name, found in ways.items()}


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
    _check(written[name], VARIANTS[name].sticky)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_stopped_kube_proxy_left(stale: dict[str, list[Told]], name: str) -> None:
    _check(stale[name], VARIANTS[name].sticky)


def _check(told: list[Told], sticky: bool) -> None:
    wrong = []
    for each in told:
        way, answer = each.way, each.answer
        wanted = () if sticky else answer.outcomes
        hits = observe(way.source, way.address, way.port, way.protocol, wanted)
        if not answer.agrees(hits, sticky=sticky):
            wrong.append(f"{way.id}: {answer}, and observed {sorted(map(str, hits))}")
    assert not wrong, "\n".join(wrong)
