from __future__ import annotations

import itertools

import pytest

from skoop.policy import Engine, Flow, Outcome, PartyKind, PolicySet, Traffic, evaluate
from skoop.policy.pairs import Space, changes, connectivity
from tests.policy.clusters import Asking, Object, inventory, policy, xyz
from tests.policy.randoms import PORTS, Dice


def outcomes_differ(seed: int, engine: Engine, *, tied: bool = False) -> list[str]:
    """Pairs of a random cluster that the whole and the single judgement see differently; `tied`
    gives all policies of an administrator the same priority."""
    dice = Dice(seed)
    objects = dice.calico_objects() if engine is Engine.CALICO else dice.objects()
    if tied:
        objects = [_with_priority(each, 1) for each in objects]
    asking = Asking(inventory(*objects), engine)
    parties = [asking.parties.of_pod(each) for each in asking.inventory.pods]
    found = connectivity(Space.of(parties, [asking.policies]), asking.policies)
    wrong = []
    for source, destination in itertools.product(parties, parties):
        traffic = Traffic(dice.pick((6, 17, 132, 1)), dice.pick((*PORTS, 381)))
        flow = Flow(source, destination, traffic)
        if found.outcome(flow) is not evaluate(asking.policies, flow).outcome:
            wrong.append(f"seed {seed}: {source} -> {destination} {traffic}")
    return wrong


def _with_priority(each: Object, priority: int) -> Object:
    spec = each.get("spec", {})
    return {**each, "spec": {**spec, "priority": priority}} if "priority" in spec else each


def test_policies_without_an_order_are_undecided_in_both() -> None:
    wrong = [text for seed in range(250)
             for text in outcomes_differ(seed, Engine.KUBERNETES, tied=True)]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("engine", Engine)
def test_all_pairs_at_once_are_what_each_pair_is(engine: Engine) -> None:
    wrong = [text for seed in range(200) for text in outcomes_differ(seed, engine)]
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


def changed_pairs(seed: int, engine: Engine) -> tuple[set[object], set[object]]:
    """The pairs that change when half of a random cluster's policies go: as `changes` tells them,
    and asked one by one."""
    dice = Dice(seed)
    objects = dice.calico_objects() if engine is Engine.CALICO else dice.objects()
    fewer = [each for each in objects if "Policy" not in each["kind"] or dice.chance(0.5)]
    before, after = Asking(inventory(*objects), engine), Asking(inventory(*fewer), engine)
    parties = [after.parties.of_pod(each) for each in after.inventory.pods]
    space = Space.of(parties, [before.policies, after.policies])
    found = changes(connectivity(space, before.policies), connectivity(space, after.policies))
    told = {
        (str(source), str(destination), str(atom.traffic), each.before, each.after)
        for each in found
        for source, destination in itertools.product(each.sources, each.destinations)
        if str(source) != str(destination)
        for atom in space.atoms.all
        if any(a.proto == atom.proto and a.low <= atom.low <= a.high for a in each.traffic)
    }
    asked = set()
    for source, destination in itertools.product(parties, parties):
        hosts = PartyKind.HOST in (source.kind, destination.kind)
        if str(source) == str(destination) or (hosts and source.node == destination.node):
            continue
        for atom in space.atoms.all:
            flow = Flow(source, destination, atom.traffic)
            old = evaluate(before.policies, flow).outcome
            new = evaluate(after.policies, flow).outcome
            if old is not new:
                asked.add((str(source), str(destination), str(atom.traffic), old, new))
    return told, asked


@pytest.mark.parametrize("engine", Engine)
def test_changes_are_those_of_each_pair(engine: Engine) -> None:
    some = 0
    for seed in range(40):
        told, asked = changed_pairs(seed, engine)
        assert told == asked, seed
        some += len(asked)
    assert some > 100


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
