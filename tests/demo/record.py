"""Records the demos that are made in the lab, with what the kernel answered there:
`python -m tests.demo.record [NAME...]`, as root.

IPVS needs another kernel: `python -m tests.guest --folder F -- -m tests.demo.record NAME --folder
/mnt`, and the two files of F then go where they belong.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

import skoop
from skoop.snapshot import load, save
from tests.demo.stories import LAB, Story
from tests.lab.effect import matrix
from tests.lab.queries import Query
from tests.lab.recorded import Recorded, patient
from tests.lab.round import SETTLE, Play, Round

DEMOS = Path(skoop.__file__).parent / "demo"
TRUTHS = Path(__file__).parent / "truths"
MOST = 60
"""Questions of a demo that are kept."""


def questions(story: Story) -> tuple[Query, ...]:
    """Questions of all kinds, about as many of each kind as there are. In a cloud none from a
    machine that the account does not have."""
    every = [query for query in matrix(story.cluster) if not query.size]
    if story.cloud is not None:
        every = [query for query in every if "/" in query.src and "/" in query.dst]
    stride = max(len(every) // MOST, 1)
    # A stride that shares a factor with the number of pods would pass over some.
    return tuple(every[:: stride + (stride % 2 == 0)])


def record(story: Story, demos: Path, truths: Path) -> Path:
    """Play a story and write its demo and its truth."""
    played = Round(seed=0, cluster=story.cluster, queries=questions(story))
    file = demos / f"{story.name}.tar.gz"
    with TemporaryDirectory(prefix="skoop-demo-") as name, Play(played) as play:
        story.breaks(play.lab)
        time.sleep(SETTLE)
        play.capture(Path(name) / "s")
        save(story.demo(load(Path(name) / "s")), file)
        found = Recorded(played, tuple(patient(play, truth) for truth in play.ask()))
    # For everybody who installs the package, not as private as a real cluster's.
    file.chmod(0o644)
    (truths / f"{story.name}.json").write_bytes(msgspec.json.encode(found))
    return file


def main() -> int:
    """Record those that are named, or all that this kernel can play."""
    parser = argparse.ArgumentParser(prog="tests.demo.record", description=__doc__)
    names = {story.name: story for story in LAB}
    parser.add_argument("name", nargs="*", choices=[[], *names])
    parser.add_argument("--folder", type=Path, help="write everything there")
    given = parser.parse_args()
    wanted = given.name or [one.name for one in LAB if one.cluster.proxy != "ipvs"]
    for name in wanted:
        file = record(names[name], given.folder or DEMOS, given.folder or TRUTHS)
        print(f"{file} {file.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
