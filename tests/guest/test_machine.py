"""The emulated machine has WireGuard, and what was recorded on it is so again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.boot import SHARED
from tests.guest.machine import available, run
from tests.guest.modules import WIREGUARD
from tests.lab import recorded
from tests.lab.judge import Opinion
from tests.lab.predict import by_call
from tests.lab.round import to_json

RECORDED = recorded.FOLDER / "seed-1711-wg-mark-dropped.tar.gz"


@pytest.mark.lab
@pytest.mark.skipif(bool(available()), reason=available() or "-")
def test_a_recorded_round_again(tmp_path: Path) -> None:
    """The same hits from the kernel, and the simulator agrees with each."""
    old = recorded.load(RECORDED, tmp_path / "old")
    (tmp_path / "round.json").write_bytes(to_json(old.played))
    record = ["-m", "tests.lab", "record", str(SHARED / "round.json"), "--patience", "8"]
    ended = run([*record, "--folder", str(SHARED / "out")], tmp_path, modules=WIREGUARD)
    assert ended.status == 0, ended.output[-2000:]
    (path,) = (tmp_path / "out").glob("*.tar.gz")
    new = recorded.load(path, tmp_path / "new")
    results = [[[hit.result for hit in hits] for hits in each.truths] for each in (old, new)]
    assert results[0] == results[1]
    for case in recorded.compare(new, tmp_path / "new" / "snapshot", by_call):
        assert case.opinion is Opinion.AGREE, (case.query, case.real(), case.predicted())
