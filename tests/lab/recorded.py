"""Recorded rounds: a snapshot, questions, and what the kernel answered, for machines without root.

One file a round: a snapshot (contract) with `round.json` and `truth.json` beside it, in a tar.gz.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from tests.lab.judge import Case, judge, telling
from tests.lab.predict import Predict
from tests.lab.probe import Hit
from tests.lab.queries import Query
from tests.lab.round import Play, Round, aim, attempts, from_json, random_round, to_json
from tests.lab.round import reshaped as _reshaped

__all__ = ["FOLDER", "Recorded", "aim", "compare", "load", "record", "to_json"]

FOLDER = Path(__file__).resolve().parent.parent / "data" / "lab"


class Recorded(Struct, frozen=True):
    """A round that was played, and the truths of its questions, in order."""

    played: Round
    truths: tuple[tuple[Hit, ...], ...]


def record(seed: int, count: int, folder: Path) -> Iterator[Path]:
    """Play rounds and write each to a file; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(seed, seed + count):
        yield record_round(random_round(number), folder / f"seed-{number}.tar.gz")


def record_round(played: Round, target: Path) -> Path:
    """Play one round and write it. Questions whose answer took patience are asked patiently."""
    with TemporaryDirectory(prefix="skoop-record-") as name:
        home = Path(name)
        with Play(played) as play:
            play.capture(home / "snapshot")
            truths, cluster = [], play.lab.cluster
            for truth in play.ask():
                hits = truth.hits
                if any(h.result in ("timeout", "unreachable") for h in hits):
                    tries = 1 if truth.query.sport else 8 * attempts(cluster, truth.query)
                    hits = telling(play.ask_again(truth.query, tries=tries, timeout=1.3))
                truths.append(hits)
        (home / "round.json").write_bytes(to_json(played))
        (home / "truth.json").write_bytes(msgspec.json.encode(truths))
        with tarfile.open(target, "w:gz") as archive:
            for part in ("round.json", "truth.json", "snapshot"):
                archive.add(home / part, arcname=part)
    return target


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
