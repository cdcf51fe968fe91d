from __future__ import annotations

import itertools

import pytest

from skoop.policy import Engine, Flow, Outcome, PolicySet, Traffic, evaluate
from skoop.policy.pairs import Space, changes, connectivity
from tests.policy.clusters import Asking, inventory, policy, xyz
from tests.policy.randoms import PORTS, Dice


def outcomes_differ(seed: int, engine: Engine) -> list[str]:
    """Pairs of a random cluster that the whole and the single judgement see differently."""
    dice = Dice(seed)
    asking = Asking(inventory(*dice.objects()), engine)
    parties = [asking.parties.of_pod(each) for each in asking.inventory.pods]
    found = connectivity(Space.of(parties, [asking.policies]), asking.policies)
    wrong = []
    for source, destination in itertools.product(parties, parties):
        traffic = Traffic(dice.pick((6, 17, 132, 1)), dice.pick((*PORTS, 381)))
        flow = Flow(source, destination, traffic)
        if found.outcome(flow) is not evaluate(asking.policies, flow).outcome:
            wrong.append(f"seed {seed}: {source} -> {destination} {traffic}")
    return wrong


@pytest.mark.parametrize("engine", Engine)
def test_all_pairs_at_once_are_what_each_pair_is(engine: Engine) -> None:
    wrong = [text for seed in range(250) for text in outcomes_differ(seed, engine)]
    assert wrong == []


def judged(asking: Asking) -> tuple[Space, PolicySet]:
    parties = [asking.parties.of_pod(each) for each in asking.inventory.pods]
    return Space.of(parties, [asking.policies]), asking.policies


def test_pods_with_equal_labels_are_one_class() -> None:
    space, _ = judged(Asking(inventory(*xyz(), policy("x", "deny", podSelector={}))))
    # Nobody asks for the pods' labels, only for their namespace.
    assert sorted(len(each) for each in space.members) == [3, 3, 3]


def test_pairs_are_counted_without_a_pod_and_itself() -> None:
    space, policies = judged(Asking(inventory(*xyz(), policy("x", "deny"))))
    found = connectivity(space, policies)
    # 9 * 8 pairs, less those into x: 6 * 3 from outside, 3 * 2 within.
    assert found.allowed_pairs(space.atoms.index_of(6, 80)) == 72 - 18 - 6


def test_a_change_says_who_and_what_and_how() -> None:
    old = inventory(*xyz())
    rule = {"from": [{"namespaceSelector": {"matchLabels": {"ns": "y"}}}], "ports": [{"port": 80}]}
    new = inventory(*xyz(), policy("x", "web", podSelector={"matchLabels": {"pod": "a"}},
                                   ingress=[rule]))  # fmt: skip
    before, after = Asking(old), Asking(new)
    parties = [after.parties.of_pod(each) for each in new.pods]
    space = Space.of(parties, [before.policies, after.policies])
    found = changes(connectivity(space, before.policies), connectivity(space, after.policies))
    assert {each.after for each in found} == {Outcome.DENIED}
    text = {
        (
            tuple(sorted(f"{p.namespace}/{p.name}" for p in each.sources)),
            tuple(map(str, each.traffic)),
        )
        for each in found
    }
    outside = ("x/b", "x/c", "z/a", "z/b", "z/c")
    assert text == {
        (outside, ("TCP 80",)),
        (
            tuple(sorted((*outside, "y/a", "y/b", "y/c"))),
            ("TCP 0-79", "TCP 81-65535", "UDP", "SCTP", "ICMP"),
        ),
    }
    assert sorted(each.pairs for each in found) == [5, 8]


def test_no_change_no_pairs() -> None:
    space, policies = judged(Asking(inventory(*xyz(), policy("x", "deny"))))
    found = connectivity(space, policies)
    assert changes(found, found) == ()


def test_the_sample_is_not_one_sided() -> None:
    counts = dict.fromkeys(Outcome, 0)
    for seed in range(60):
        dice = Dice(seed)
        asking = Asking(inventory(*dice.objects()))
        parties = [asking.parties.of_pod(each) for each in asking.inventory.pods]
        for pair in itertools.product(parties, parties):
            counts[evaluate(asking.policies, Flow(*pair, Traffic(6, 80))).outcome] += 1
    assert min(counts[Outcome.ALLOWED], counts[Outcome.DENIED]) > 99
