"""Merging worlds: weights add up, a doubt that changes nothing disappears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from skoop.netstack.branching import merge
from skoop.netstack.netfilter import Guess, Unknown


class Leaf(Struct, frozen=True):
    end: str
    weight: float = 1.0
    guesses: tuple[Guess, ...] = ()


def guess(name: str, *, matched: bool) -> Guess:
    return Guess(Unknown("chain", name, "why"), matched)


A, NOT_A = guess("a", matched=True), guess("a", matched=False)
B, NOT_B = guess("b", matched=True), guess("b", matched=False)


def merged(*leaves: Leaf) -> set[tuple]:
    found = merge(leaves, lambda leaf: leaf.end)
    return {(leaf.end, round(leaf.weight, 6), leaf.guesses) for leaf in found}


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ([Leaf("x", 0.25), Leaf("x", 0.25), Leaf("y", 0.5)], {("x", 0.5, ()), ("y", 0.5, ())}),
        ([Leaf("x", 1, (A,)), Leaf("x", 1, (NOT_A,))], {("x", 1, ())}),
        (
            [Leaf("x", 1, (A,)), Leaf("y", 1, (NOT_A,))],
            {("x", 1, (A,)), ("y", 1, (NOT_A,))},
        ),
        (
            [Leaf("x", 1, (A,)), Leaf("x", 1, (NOT_A, B)), Leaf("x", 1, (NOT_A, NOT_B))],
            {("x", 1, ())},
        ),
        (
            [Leaf("x", 1, (A,)), Leaf("x", 1, (NOT_A, B)), Leaf("y", 1, (NOT_A, NOT_B))],
            {("x", 1, (A,)), ("x", 1, (NOT_A, B)), ("y", 1, (NOT_A, NOT_B))},
        ),
        (
            [Leaf("x", 0.5, (A,)), Leaf("y", 0.5, (A,)), Leaf("x", 1, (NOT_A,))],
            {("x", 0.5, (A,)), ("y", 0.5, (A,)), ("x", 1, (NOT_A,))},
        ),
        ([Leaf("x", 0.5), Leaf("x", 0.5, (A,)), Leaf("x", 0.5, (NOT_A,))], {("x", 1, ())}),
    ],
    ids=[
        "weights add", "same either way", "different", "nested", "nested, different", "shares",
        "folds into its stem",
    ],
)  # fmt: skip
def test_merge(leaves, expected):
    assert merged(*leaves) == expected


TREES = st.recursive(
    st.sampled_from("xy"),
    lambda inner: st.tuples(st.sampled_from(("random", "guess")), inner, inner),
    max_leaves=8,
)


def leaves_of(tree, weight: float = 1.0, guesses: tuple[Guess, ...] = (), path: str = "") -> list:
    if isinstance(tree, str):
        return [Leaf(tree, weight, guesses)]
    kind, left, right = tree
    found = []
    for side, matched in ((left, True), (right, False)):
        name = path + "01"[matched]
        if kind == "random":
            found += leaves_of(side, weight / 2, guesses, name)
        else:
            found += leaves_of(side, weight, (*guesses, guess(path, matched=matched)), name)
    return found


@given(TREES, st.randoms())
def test_every_answer_keeps_its_chances(tree, random):
    """Whatever the doubts turn out to be, the chance of each end is what it was before merging."""
    before = leaves_of(tree)
    after = merge(before, lambda leaf: leaf.end)
    unknowns = {one.unknown for leaf in before for one in leaf.guesses}
    truth = {unknown: random.random() < 0.5 for unknown in unknowns}

    def chances(leaves: list[Leaf]) -> dict[str, float]:
        found = {"x": 0.0, "y": 0.0}
        for leaf in leaves:
            if all(truth[one.unknown] is one.matched for one in leaf.guesses):
                found[leaf.end] += leaf.weight
        return found

    assert chances(after) == pytest.approx(chances(before))
    assert len(after) <= len(before)
