"""One fault at a time: skoop names its cause first, and is right about the connection."""

from __future__ import annotations

import pytest

from tests.e2e import kube
from tests.e2e.answers import diagnose, observe
from tests.e2e.faults import FAULTS, broken
from tests.e2e.site import Site, Target, settle


@pytest.mark.parametrize("name", FAULTS)
def test_the_cause_comes_first(cluster: Site, name: str) -> None:
    fault = FAULTS[name]
    if fault.own and kube.own_machine() is None:
        pytest.skip("only on the cluster of this machine")
    with broken(fault, cluster):
        settle()
        question = fault.question
        source, address = question.source(cluster), question.address(cluster)
        port = question.port(cluster)
        answer = diagnose(
            *(source.name, question.destination or address, "-p", str(port)),
            *("--protocol", question.protocol),
        )
        hits = observe(source, Target(address, port, question.protocol), answer)
    said = f"{answer}, and observed {sorted(map(str, hits))}"
    assert answer.suspicions[:1], said
    assert answer.suspicions[0] in fault.causes, said
    if answer.verdict != "unknown":
        assert answer.agrees(hits), said
