"""Keeping the number of worlds small: equal ones are merged, doubts that did not matter dropped.

Shared by everything that explores undecidable rules and random choices.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from msgspec import structs

from skoop.netstack.netfilter import Guess

Branch = TypeVar("Branch", bound=Any)
"""A frozen Struct with `weight` (float) and `guesses` (tuple of Guess)."""


def merge(branches: Iterable[Branch], key: Callable[[Branch], Hashable]) -> list[Branch]:
    """Merge branches of equal `key` and guesses, adding their weights; the first one's other fields
    (its trail of rules) stay. A guess whose two answers lead to the same branches is dropped."""
    groups: dict[tuple[Guess, ...], dict[Hashable, Branch]] = {}
    for branch in branches:
        _add(groups.setdefault(branch.guesses, {}), key(branch), branch)
    if len(groups) > 1:
        _forget(groups)
    return [branch for group in groups.values() for branch in group.values()]


def _add(group: dict[Hashable, Branch], key: Hashable, branch: Branch) -> None:
    known = group.get(key)
    if known is None:
        group[key] = branch
    else:
        group[key] = structs.replace(known, weight=known.weight + branch.weight)


def _forget(groups: dict[tuple[Guess, ...], dict[Hashable, Any]]) -> None:
    """Fold pairs of groups that differ in one last guess only, deepest first."""
    stems = _proper_stems(groups)
    for guesses in sorted(groups, key=len, reverse=True):
        if not guesses or guesses not in groups or guesses in stems:
            continue
        last = guesses[-1]
        other = (*guesses[:-1], structs.replace(last, matched=not last.matched))
        if other not in groups or other in stems or not _same(groups[guesses], groups[other]):
            continue
        del groups[other]
        target = groups.setdefault(guesses[:-1], {})
        for key, branch in groups.pop(guesses).items():
            _add(target, key, structs.replace(branch, guesses=guesses[:-1]))
        stems = _proper_stems(groups)


def _proper_stems(groups: Iterable[tuple[Guess, ...]]) -> set[tuple[Guess, ...]]:
    """What is followed by further guesses in some group."""
    return {guesses[:size] for guesses in groups for size in range(len(guesses))}


def _same(left: dict[Hashable, Any], right: dict[Hashable, Any]) -> bool:
    return left.keys() == right.keys() and all(
        abs(branch.weight - right[key].weight) < 1e-9 for key, branch in left.items()
    )
