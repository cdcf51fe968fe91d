"""Every cause that skoop can name is named in some test, or the whole run fails."""

from __future__ import annotations

import gc
import runpy
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from skoop.findings import Finding

settings.register_profile("skoop", deadline=None)  # machines are noisy: no test is timed
settings.load_profile("skoop")

ENOUGH = 3000
"""Tests in a run that has to have named all: a run of a few files is not judged."""


class NamedFindings:
    """Notes the findings that are made while tests run, in every process of the run."""

    def __init__(self) -> None:
        self.named: set[str] = set()

    def pytest_configure(self) -> None:
        original = Finding.suspect.__func__  # type: ignore[attr-defined]

        @wraps(original)
        def suspect(cls: type[Finding], **fields: Any) -> Any:
            self.named.add(cls.name)
            return original(cls, **fields)

        Finding.suspect = classmethod(suspect)  # type: ignore[method-assign,assignment]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.named |= set(getattr(node, "workeroutput", {}).get("named", ()))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["named"] = sorted(self.named)
            return
        chosen = session.config.option
        partly = session.testscollected < ENOUGH or chosen.keyword or chosen.collectonly
        if partly:
            return
        missing = sorted({one.name for one in _told()} - self.named)
        if not missing:
            return
        print(f"\nNo test brings about: {', '.join(missing)}")
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _told() -> set[type[Finding]]:
    script = Path(__file__).parents[1] / "docs" / "generate.py"
    found: set[type[Finding]] = runpy.run_path(str(script))["told"]()
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.processes import Scheduling

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """What collection has made stays: without this each full collection walks it again, and in a
    long run those pauses are longer than what the lab waits for an answer."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _short_pauses() -> None:
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    named = NamedFindings()
    named.pytest_configure()
    config.pluginmanager.register(named, "named-findings")
