"""Two states of a cluster's policies, and the pairs they judge otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skoop.model.kube import Inventory
from skoop.policy import Engine, Parties, Party, PolicySet, compile_policies
from skoop.policy.pairs import Change, Space, changes, connectivity
from skoop.policy.pairs.outside import outside


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
    yield from outside(known, sets)
