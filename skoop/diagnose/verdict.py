"""From the rows of a conversation to what the client observes, and to one verdict.

A row may rest on guesses: answers assumed for rules that could not be decided. A guess that makes
no difference is forgotten. One that does turns the rows that need it into `unknown`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from skoop.diagnose.story import Row
from skoop.model.disposition import Result, Verdict
from skoop.netstack.netfilter import Unknown

_Visible = tuple[Result, str, int, int, int]


class Settled(Struct, frozen=True):
    """The rows with weights that add up to 1, the unknowns that matter, and the verdict."""

    rows: tuple[Row, ...]
    unknowns: tuple[Unknown, ...]
    verdict: Verdict


def settle(rows: Iterable[Row]) -> Settled:
    """Forget guesses without consequence, and decide."""
    kept = list(rows)
    while True:  # forgetting one guess may make another harmless that led to it
        matter = _unknowns(kept)
        harmless = next((unknown for unknown in matter if _is_harmless(kept, unknown)), None)
        if harmless is None:
            break
        kept = _forget(kept, harmless)
    decided = [replace(row, result=Result.UNKNOWN) if row.guesses else row for row in kept]
    decided = _normalised(decided)
    return Settled(tuple(decided), tuple(matter), _verdict(decided))


def visible(row: Row) -> _Visible:
    """What a client and a server could tell of a row."""
    at = row.at
    if at is None:
        return row.result, row.server, 0, 0, 0
    return row.result, row.server, at.dst, at.dport, at.src


def _unknowns(rows: list[Row]) -> list[Unknown]:
    found = dict.fromkeys(guess.unknown for row in rows for guess in row.guesses)
    return list(found)


def _is_harmless(rows: list[Row], unknown: Unknown) -> bool:
    """Whether both answers lead to the same shares of the same outcomes."""
    shares: dict[bool, dict[_Visible, float]] = {
        True: defaultdict(float),
        False: defaultdict(float),
    }
    for row in rows:
        for guess in row.guesses:
            if guess.unknown == unknown:
                shares[guess.matched][visible(row)] += row.weight
    yes, no = shares[True], shares[False]
    return set(yes) == set(no) and all(abs(yes[key] - no[key]) < 1e-6 for key in yes)


def _forget(rows: list[Row], unknown: Unknown) -> list[Row]:
    """Keep the rows of one answer, without the guess."""
    kept = []
    for row in rows:
        answers = {guess.matched for guess in row.guesses if guess.unknown == unknown}
        if True not in answers or answers == {True, False}:
            rest = tuple(guess for guess in row.guesses if guess.unknown != unknown)
            kept.append(replace(row, guesses=rest))
    return kept


def _normalised(rows: list[Row]) -> list[Row]:
    total = sum(row.weight for row in rows)
    return [replace(row, weight=row.weight / total) for row in rows] if total else rows


def _verdict(rows: list[Row]) -> Verdict:
    results = {row.result for row in rows}
    works, fails = Result.OK in results, bool(results - {Result.OK, Result.UNKNOWN})
    if works and fails:
        return Verdict.PARTIAL
    if Result.UNKNOWN in results or not results:
        return Verdict.UNKNOWN
    return Verdict.REACHABLE if works else Verdict.UNREACHABLE
