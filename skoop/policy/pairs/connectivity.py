"""Which classes reach which, for every atom of traffic."""

from __future__ import annotations

from collections.abc import Sequence

from skoop.policy.decision import Outcome
from skoop.policy.evaluate import is_special
from skoop.policy.pairs.side import Rows, Side
from skoop.policy.pairs.space import Space
from skoop.policy.party import Flow
from skoop.policy.rules import PolicySet, Way
from skoop.policy.verdict import evaluate


class Connectivity:
    """Who reaches whom: a pair is allowed when the source's egress and the destination's ingress
    allow it, so that the answer is kept as these two. What a pod always reaches (itself, its
    node) and what nodes say about traffic that passes them is not in the rows, only in
    `outcome`."""

    def __init__(self, space: Space, policies: PolicySet, egress: Rows, ingress: Rows) -> None:
        self.space, self.egress, self.ingress = space, egress, ingress
        self._policies = policies

    def outcome(self, flow: Flow) -> Outcome:
        """The verdict on one connection between two of the parties."""
        if self._policies.stages or is_special(flow):
            return evaluate(self._policies, flow).outcome
        atom = self.space.atoms.index_of(flow.traffic.proto, flow.traffic.dport)
        return self.between(
            self.space.class_of(flow.source), self.space.class_of(flow.destination), atom
        )

    def between(self, source: int, destination: int, atom: int) -> Outcome:
        """The verdict on two classes."""
        leaving, entering = self.egress.at(source, atom), self.ingress.at(destination, atom)
        allow = leaving[0] >> destination & entering[0] >> source & 1
        deny = (leaving[1] >> destination | entering[1] >> source) & 1
        if allow and deny:
            return Outcome.UNKNOWN
        return Outcome.ALLOWED if allow else Outcome.DENIED

    def allowed_pairs(self, atom: int) -> int:
        """How many ordered pairs of two different parties are allowed for certain."""
        weigh = _Scale([len(each) for each in self.space.members])
        leaving = [
            (members, reach[atom][0] & ~reach[atom][1])
            for members, reach in zip(self.egress.members, self.egress.reach, strict=True)
        ]
        total = 0
        for members, reach in zip(self.ingress.members, self.ingress.reach, strict=True):
            entering = reach[atom][0] & ~reach[atom][1]
            # Of a group of sources and one of destinations those pairs pass whose source the
            # destination lets in and whose destination the source may go to: a rectangle.
            for sources, targets in leaving:
                let_in = sources & entering
                if let_in:
                    total += weigh(let_in) * weigh(members & targets)
        return total - self._selves(atom)

    def _selves(self, atom: int) -> int:
        return sum(
            len(members)
            for index, members in enumerate(self.space.members)
            if self.between(index, index, atom) is Outcome.ALLOWED
        )


class _Scale:
    """Counts the parties of a set of classes."""

    def __init__(self, sizes: Sequence[int]) -> None:
        masks: dict[int, int] = {}
        for index, size in enumerate(sizes):
            masks[size] = masks.get(size, 0) | 1 << index
        self._masks = tuple(masks.items())

    def __call__(self, bits: int) -> int:
        return sum(size * (bits & mask).bit_count() for size, mask in self._masks)


def connectivity(space: Space, policies: PolicySet) -> Connectivity:
    """Judge all pairs. Both ends must allow what passes."""
    egress = Side(space, policies, Way.EGRESS).rows()
    ingress = Side(space, policies, Way.INGRESS).rows()
    return Connectivity(space, policies, egress, ingress)
