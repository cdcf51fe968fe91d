"""How a run is spread over processes by pytest-xdist (`pytest -n 2`).

A file's tests stay in one process, and so do files that share what is costly or must not be
disturbed: that is told by what the file says.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[1]
TOGETHER = {
    "mark.lab": "the kernel",
    "import corpus": "recorded clusters",
}
"""What a file says: whom it joins. Two labs at once would wait for each other longer than a probe
waits for an answer; a recorded cluster is read, and asked all its questions, once a process."""


class Scheduling(LoadFileScheduling):
    """Gives whole companies of files to a process, those with the most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return _company(super()._split_scope(nodeid))


@cache
def _company(file: str) -> str:
    text = (ROOT / file).read_text(encoding="utf-8")
    return next((name for said, name in TOGETHER.items() if said in text), file)
