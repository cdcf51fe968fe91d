from __future__ import annotations

import pytest

from skoop.policy import Engine
from tests.policy.against_oracle import differences


@pytest.mark.parametrize(
    ("engine", "first"),
    [(Engine.KUBERNETES, 0), (Engine.KUBERNETES, 700), (Engine.CALICO, 0), (Engine.CALICO, 300)],
)
def test_random_clusters_are_judged_as_the_documentation_says(engine: Engine, first: int) -> None:
    count = 300 if engine is Engine.CALICO else 700
    found = [text for seed in range(first, first + count) for text in differences(seed, engine)]
    assert found == []
