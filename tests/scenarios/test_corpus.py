"""Every recorded real cluster: each probe as it was measured, and the fault that was injected."""

from __future__ import annotations

import pytest

from skoop.model.disposition import Result
from tests.scenarios import corpus, truth


@pytest.mark.parametrize("name", corpus.names())
def test_the_outcome_is_the_measured_one(name: str) -> None:
    scenario = corpus.scenario(name)
    wrong = [
        f"{one.probe}: measured {sorted(one.probe.results)}, "
        f"foretold {sorted(truth.predicted(one.diagnosis))}"
        for one in corpus.asked(name)
        if not truth.is_unknown(one.diagnosis) and not truth.same_results(one, scenario)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", corpus.names())
def test_the_measured_servers_answer_and_see_the_foretold_source(name: str) -> None:
    known = [one for one in corpus.asked(name) if not truth.is_unknown(one.diagnosis)]
    wrong = [
        f"{one.probe}: {'; '.join(problems)}" for one in known if (problems := truth.strangers(one))
    ]
    wrong += truth.never_seen(known)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", corpus.names())
def test_what_is_unknown_cannot_be_known(name: str) -> None:
    owned = truth.owned_addresses(corpus.snapshot(name))
    nodes = frozenset(corpus.scenario(name).meta["nodes"].values())
    wrong = [
        f"{one.probe}: {one.diagnosis.summary}"
        for one in corpus.asked(name)
        if truth.is_unknown(one.diagnosis) and not truth.why_unknown(one, nodes, owned)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", corpus.names())
def test_nothing_stops_what_works(name: str) -> None:
    wrong = [
        f"{one.probe}: {each.name} on {each.where.name}"
        for one in corpus.asked(name)
        if truth.predicted(one.diagnosis) == {Result.OK.value}
        for each in one.diagnosis.suspicions
        if each.blocking
    ]
    assert not wrong, "\n".join(wrong)
