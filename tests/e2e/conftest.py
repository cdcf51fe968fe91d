"""The tests of this folder run against a cluster, by `make e2e` only."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e import kube, site

collect_ignore_glob = [] if os.environ.get("SKOOP_E2E") else ["test_*.py"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[site.Site]:
    """The workload of the tests, ready."""
    made = site.set_up()
    yield made
    site.tear_down()


@pytest.fixture(autouse=True)
def _tidy(cluster: site.Site) -> Iterator[None]:
    """No collector outlives a test, whatever was broken meanwhile."""
    assert kube.collectors() == []
    yield
    left = kube.collectors()
    kube.kubectl("delete", "pods", "-A", "-l", kube.COLLECTORS, "--now")
    assert left == []
