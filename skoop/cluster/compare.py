"""Two states of a cluster's policies, and the pairs they judge otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec.structs import replace

from skoop.model.address import Family, format_ip
from skoop.model.kube import Inventory
from skoop.policy import Engine, Parties, Party, PartyKind, PolicySet, compile_policies
from skoop.policy.pairs import Change, Space, changes, connectivity
from skoop.policy.pairs.walk import all_peer_leaves, net_bounds

_MAX_OUTSIDE = 4096
"""Address ranges that stand for what is outside; with more of them the rest is left out."""


def compare(before: Inventory, after: Inventory, engine: Engine) -> tuple[Change, ...]:
    """The pairs of pods, nodes and address ranges outside that another judgement awaits. A pod
    that only one state has is judged in both, as if it were there."""
    old, new = compile_policies(before, engine), compile_policies(after, engine)
    parties = tuple(_parties(before, after, (old, new)))
    space = Space.of(parties, (old, new))
    return changes(connectivity(space, old), connectivity(space, new))


def _parties(before: Inventory, after: Inventory, sets: Sequence[PolicySet]) -> Iterator[Party]:
    known = Parties(after)
    pods = {(pod.namespace, pod.name): pod for pod in (*before.pods, *after.pods)}
    for pod in pods.values():
        if not pod.finished and not pod.host_network:
            yield known.of_pod(pod)
    nodes = {node.name: node for node in (*before.nodes, *after.nodes)}
    for node in nodes.values():
        yield known.of_node(node)
    yield from _outside(known, sets)


def _outside(known: Parties, sets: Sequence[PolicySet]) -> Iterator[Party]:
    """A range of addresses between any two at which some network begins or ends, as far as no pod
    or node has both its first and its last one."""
    bounds = net_bounds(all_peer_leaves(sets))
    count = 0
    for family in Family:
        if not bounds[family.value] and family is Family.V6:
            continue
        for first, last in _ranges(bounds[family.value], family):
            count += 1
            for value in dict.fromkeys((first, last)):
                party = known.of_address((family, value))
                if party.kind is PartyKind.ADDRESS and count <= _MAX_OUTSIDE:
                    yield replace(party, name=_range_text(family, first, last))
                    break


def _ranges(bounds: Iterable[int], family: Family) -> Iterator[tuple[int, int]]:
    edges = sorted({0, 1 << family.bits, *bounds})
    for first, after in pairwise(edges):
        yield first, after - 1


def _range_text(family: Family, first: int, last: int) -> str:
    if first == last:
        return format_ip(family, first)
    return f"{format_ip(family, first)}-{format_ip(family, last)}"
