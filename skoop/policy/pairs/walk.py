"""Every condition that some policies ask about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skoop.policy.labelled import Labelled
from skoop.policy.peers import AllOf, AnyOf, Networks, Nodes, Not, PeerTest, Pods
from skoop.policy.ports import AllTraffic, AnyTraffic, NotTraffic, TrafficTest
from skoop.policy.rules import Policy, PolicySet, Way


def policies_of(sets: Iterable[PolicySet]) -> Iterator[Policy]:
    """Every policy in each of its directions."""
    for each in sets:
        for way in Way:
            for tier in each.tiers(way):
                yield from tier.policies


def peer_leaves(test: PeerTest) -> Iterator[PeerTest]:
    """The conditions that one is made of."""
    if isinstance(test, (AnyOf, AllOf)):
        for each in test.several:
            yield from peer_leaves(each)
    elif isinstance(test, Not):
        yield from peer_leaves(test.inner)
    else:
        yield test


def traffic_leaves(test: TrafficTest) -> Iterator[TrafficTest]:
    """The conditions that one is made of."""
    if isinstance(test, (AnyTraffic, AllTraffic)):
        for each in test.several:
            yield from traffic_leaves(each)
    elif isinstance(test, NotTraffic):
        yield from traffic_leaves(test.inner)
    else:
        yield test


def all_peer_leaves(sets: Iterable[PolicySet]) -> list[PeerTest]:
    """The conditions on ends, each once."""
    found: dict[object, PeerTest] = {}
    for policy in policies_of(sets):
        tests = [policy.subject]
        for rule in policy.rules:
            tests += (rule.source, rule.destination)
        for test in tests:
            for leaf in peer_leaves(test):
                found.setdefault(leaf.key, leaf)
    return list(found.values())


def all_traffic_leaves(sets: Iterable[PolicySet]) -> list[TrafficTest]:
    """The conditions on traffic, each once."""
    found: dict[object, TrafficTest] = {}
    for policy in policies_of(sets):
        for rule in policy.rules:
            for leaf in traffic_leaves(rule.traffic):
                found.setdefault(leaf.key, leaf)
    return list(found.values())


def label_keys(leaves: Iterable[PeerTest]) -> frozenset[str]:
    """The labels of pods and nodes that are asked about."""
    found: set[str] = set()
    for leaf in leaves:
        if isinstance(leaf, Pods):
            found |= leaf.pods.match_labels.keys()
            found |= {each.key for each in leaf.pods.expressions}
        elif isinstance(leaf, Nodes):
            found |= leaf.selector.match_labels.keys()
            found |= {each.key for each in leaf.selector.expressions}
    return frozenset(found)


def identity_keys(leaves: Iterable[PeerTest]) -> frozenset[str]:
    """The labels that Calico's selectors ask about."""
    found: set[str] = set()
    for leaf in leaves:
        if isinstance(leaf, Labelled):
            found |= leaf.expr.asked()
    return frozenset(found)


def net_bounds(leaves: Iterable[PeerTest]) -> dict[int, list[int]]:
    """Where membership in some network can change, by IP version: first addresses of networks and
    of what follows them."""
    found: dict[int, set[int]] = {4: set(), 6: set()}
    for leaf in leaves:
        if isinstance(leaf, Networks):
            for net, excepts in leaf.nets:
                for each in (net, *excepts):
                    size = 1 << (each.family.bits - each.length)
                    found[each.family.value] |= {each.network, each.network + size}
    return {family: sorted(bounds) for family, bounds in found.items()}
