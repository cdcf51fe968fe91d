"""The catalogue is complete, unambiguous and readable."""

from __future__ import annotations

import re

import pytest

from skoop.findings import GROUPS, Finding, catalogue, find
from skoop.findings.overlay import FdbMissing
from skoop.model.diagnosis import Where
from skoop.model.disposition import Direction, Level
from skoop.model.trace import Evidence

ALL = catalogue()


def _subclasses() -> set[type[Finding]]:
    return {one for one in Finding.__subclasses__() if one.__module__.startswith("skoop.findings")}


def test_every_class_is_in_the_catalogue() -> None:
    assert set(ALL) == _subclasses()


def test_codes_and_names_are_unique() -> None:
    assert len({one.code for one in ALL}) == len({one.name for one in ALL}) == len(ALL)


def test_codes_count_up_within_their_group() -> None:
    for prefix, (_, module) in GROUPS.items():
        codes = [one.code for one in module.FINDINGS]
        assert codes == [f"{prefix}{number:03}" for number in range(1, len(codes) + 1)]


@pytest.mark.parametrize("finding", ALL, ids=lambda one: one.name)
def test_documentation(finding: type[Finding]) -> None:
    doc = finding.explain()
    assert finding.name.replace("-", "") == finding.__name__.lower()
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", finding.name)
    assert doc.title.endswith(".") and "\n" not in doc.title
    for section in (doc.means, doc.matters, doc.how):
        assert section and not section.startswith(" ")
        assert not re.search(r"\b(What it means|Why it matters|How to fix):", section)
    commands = [line for line in doc.how.splitlines() if line.startswith("    ")]
    assert commands, "a fix names at least one command"


@pytest.mark.parametrize("key", ["OVL007", "ovl007", "fdb-missing", " FDB-missing "])
def test_find(key: str) -> None:
    assert find(key) is FdbMissing


def test_find_nothing() -> None:
    assert find("fdb") is None


def test_suspect_carries_the_identity() -> None:
    evidence = (Evidence("bridge fdb on k1", "(no entry for 0a:00:00:00:00:02)"),)
    suspicion = FdbMissing.suspect(
        where=Where("node", "k1"),
        direction=Direction.FORWARD,
        message="k1 does not know where k2's tunnel is.",
        evidence=evidence,
        blocking=True,
    )
    assert (suspicion.code, suspicion.name) == ("OVL007", "fdb-missing")
    assert (suspicion.level, suspicion.blocking) == (Level.FATAL, True)
    assert suspicion.evidence == evidence


def test_suspect_level_can_be_lowered() -> None:
    suspicion = FdbMissing.suspect(
        where=Where("node", "k1"),
        direction=Direction.RETURN,
        message="m",
        evidence=(Evidence("s", "t"),),
        level=Level.INFO,
    )
    assert suspicion.level is Level.INFO


def test_suspect_without_evidence_is_refused() -> None:
    with pytest.raises(ValueError, match="evidence"):
        FdbMissing.suspect(
            where=Where("node", "k1"), direction=Direction.FORWARD, message="m", evidence=()
        )


def test_a_docstring_without_a_section_is_an_error() -> None:
    class Incomplete(Finding):
        """A title.

        What it means: Something.
        """

        name = "incomplete"

    with pytest.raises(ValueError, match="Why it matters"):
        Incomplete.explain()
