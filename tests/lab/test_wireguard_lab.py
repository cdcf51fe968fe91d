"""What was recorded of WireGuard on Debian's kernel: faults first named, and nothing guessed.

Recorded by `python -m tests.guest.machine -- -m tests.lab record ROUND --patience 6`. That the
simulator does not contradict the kernel is tested with all recorded rounds (test_lab).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import recorded
from tests.lab.faults import Fault
from tests.lab.faults.wireguard import FAULTS
from tests.lab.judge import Case, Opinion
from tests.lab.predict import by_call


def rounds(name: str) -> list[Path]:
    """The recordings of a fault, or of a cluster without one."""
    return sorted(recorded.FOLDER.glob(f"seed-17[0-9][0-9]-{name}.tar.gz"))


def cases(path: Path, folder: Path) -> list[Case]:
    return recorded.compare(recorded.load(path, folder), folder / "snapshot", by_call)


@pytest.mark.parametrize("path", rounds("clean"), ids=lambda p: p.name)
def test_without_a_fault_everything_is_decided(path: Path, tmp_path: Path) -> None:
    """IPv4, and both IP versions."""
    assert {case.opinion for case in cases(path, tmp_path)} == {Opinion.AGREE}


def test_every_fault_is_recorded() -> None:
    assert [fault.name for fault in FAULTS if not rounds(fault.name)] == []
    assert len(rounds("clean")) == 2


STOPPING = [fault for fault in FAULTS if not fault.harmless and not fault.unmodelled]


@pytest.mark.parametrize("fault", STOPPING, ids=lambda fault: fault.name)
def test_a_fault_is_named_first(fault: Fault, tmp_path: Path) -> None:
    """Where the kernel loses what it should not lose, that is, except to the closed port 81."""
    for number, path in enumerate(rounds(fault.name)):
        named = set()
        for case in cases(path, tmp_path / str(number)):
            broken = case.hits[0].result in ("timeout", "unreachable", "msgsize")
            if case.query.port != 81 and broken and case.answer["verdict"] == "unreachable":
                assert case.opinion is Opinion.AGREE
                named.add(case.answer["suspicions"][0]["name"])
        assert named
        assert named <= {*fault.expected, "df-too-big"}, named


def test_what_preshared_keys_make_of_it_is_not_known(tmp_path: Path) -> None:
    """Two nodes of the same state as far as wg tells it: in one of the clusters they get on."""
    said = {}
    for name in ("wg-met-again", "wg-preshared-on-one-side"):
        (path,) = rounds(name)
        found = cases(path, tmp_path / name)
        (case,) = (each for each in found if each.query.id == "q1")
        said[case.hits[0].result] = case.answer["verdict"]
    assert said == {"ok": "unknown", "timeout": "unknown"}
