"""Decisions over the tree."""

from __future__ import annotations

import pytest

from tests.infra.compare import differences


@pytest.mark.parametrize("seed", range(4))
def test_like_brute_force(seed: int) -> None:
    assert differences(seed, 400) == []
