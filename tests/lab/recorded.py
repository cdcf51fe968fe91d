"""Recorded rounds: a snapshot, questions, and what the kernel answered, for machines without root.

One file a round: a snapshot (contract) with `round.json` and `truth.json` beside it, in a tar.gz.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from tests.lab.judge import Case, judge, telling
from tests.lab.predict import Predict
from tests.lab.probe import Hit
from tests.lab.queries import Query
from tests.lab.round import Play, Round, Truth, aim, attempts, from_json, to_json
from tests.lab.round import reshaped as _reshaped

__all__ = [
    "FOLDER",
    "Recorded",
    "aim",
    "compare",
    "from_json",
    "load",
    "patient",
    "record",
    "to_json",
]

FOLDER = Path(__file__).resolve().parent.parent / "data" / "lab"


class Recorded(Struct, frozen=True):
    """A round that was played, and the truths of its questions, in order."""

    played: Round
    truths: tuple[tuple[Hit, ...], ...]


def record(played: Round, folder: Path, *, patience: float = 0) -> Path:
    """Play a round and write it to a file of its own. Questions whose answer may take patience are
    asked patiently; with `patience` all at once, each for so many seconds (on a slow machine)."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [i.fault for i in played.injections] or ["clean"]
    target = folder / f"seed-{played.seed}-{'-and-'.join(names)}.tar.gz"
    with TemporaryDirectory(prefix="skoop-record-") as name:
        home = Path(name)
        with Play(played) as play:
            play.capture(home / "snapshot")
            if patience:
                truths = [truth.hits for truth in play.ask(timeout=patience)]
            else:
                truths = [patient(play, truth) for truth in play.ask()]
        (home / "round.json").write_bytes(to_json(played))
        (home / "truth.json").write_bytes(msgspec.json.encode(truths))
        with tarfile.open(target, "w:gz") as archive:
            for part in ("round.json", "truth.json", "snapshot"):
                archive.add(home / part, arcname=part)
    return target


def patient(play: Play, truth: Truth) -> tuple[Hit, ...]:
    """What came of a question: every backend drawn, and no attempt lost to haste."""
    tries = attempts(play.lab.cluster, truth.query)
    slow = any(h.result in ("timeout", "unreachable") for h in truth.hits)
    if not slow and tries == 1:
        return truth.hits
    again = play.ask_again(truth.query, tries=tries if tries == 1 else 10 * tries, timeout=1.3)
    return telling(again) if slow else tuple(sorted({*truth.hits, *again}))


def load(path: Path, folder: Path) -> Recorded:
    """Unpack a recorded round; `folder / "snapshot"` is its snapshot."""
    with tarfile.open(path) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    played = from_json((folder / "round.json").read_bytes())
    hits = msgspec.json.decode((folder / "truth.json").read_bytes(), type=list[tuple[Hit, ...]])
    return Recorded(played, tuple(hits))


def compare(found: Recorded, snapshot: Path, predict: Predict) -> list[Case]:
    """Both answers to every question of a recorded round."""
    cluster = _reshaped(found.played.cluster, found.played.injections)
    queries: tuple[Query, ...] = found.played.queries
    answers = predict(snapshot, queries)
    return [
        judge(cluster, query, hits, answer)
        for query, hits, answer in zip(queries, found.truths, answers, strict=True)
    ]
