"""What policies say does not change when a snapshot's names and addresses are replaced."""

from __future__ import annotations

import itertools
import json

import pytest

from skoop.cluster.inventory import from_documents
from skoop.cluster.manifests import list_documents
from skoop.policy import Engine, Flow, Traffic, evaluate
from skoop.snapshot import Snapshot, redact
from tests.policy.clusters import Asking
from tests.policy.randoms import Dice

_PARTS = (" contains ", " starts with ", " ends with ")
"""Selectors by a part of a value: names are replaced as a whole."""


def verdicts(snapshot: Snapshot, engine: Engine) -> list[str]:
    asking = Asking(from_documents(snapshot.cluster), engine)
    parties = [asking.parties.of_pod(each) for each in asking.inventory.pods]
    return [
        evaluate(asking.policies, Flow(*pair, Traffic(6, port))).outcome.value
        for pair in itertools.product(parties, parties)
        for port in (80, 443)
    ]


@pytest.mark.parametrize("engine", Engine)
def test_a_redacted_snapshot_is_judged_alike(engine: Engine) -> None:
    seen: set[str] = set()
    for seed in range(120):
        dice = Dice(seed)
        objects = dice.calico_objects() if engine is Engine.CALICO else dice.objects()
        if any(part in json.dumps(objects) for part in _PARTS):
            continue
        original = Snapshot(cluster=list_documents(objects))
        before = verdicts(original, engine)
        assert verdicts(redact(original), engine) == before, seed
        seen.update(before)
    assert seen == {"allowed", "denied"}
