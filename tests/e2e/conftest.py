"""The tests of this folder run against a cluster, by `make e2e` only."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e import site

collect_ignore_glob = [] if os.environ.get("SKOOP_E2E") else ["test_*.py"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[site.Site]:
    """The workload of the tests, ready."""
    made = site.set_up()
    yield made
    site.tear_down()
