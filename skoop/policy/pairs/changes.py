"""Which pairs are judged otherwise by other policies."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.policy.decision import Outcome
from skoop.policy.pairs.atoms import Atom
from skoop.policy.pairs.bits import ones
from skoop.policy.pairs.connectivity import Connectivity
from skoop.policy.pairs.side import Reach, Rows
from skoop.policy.party import Party, PartyKind


class Change(Struct, frozen=True):
    """Every source reaches every destination otherwise than before, by each kind of traffic. A
    pod and itself are no pair; nor are a pod and its own node, which are kept apart."""

    sources: tuple[Party, ...]
    destinations: tuple[Party, ...]
    traffic: tuple[Atom, ...]
    before: Outcome
    after: Outcome

    @property
    def pairs(self) -> int:
        """How many pairs this is about."""
        senders = {each.identity for each in self.sources}
        own = senders & {each.identity for each in self.destinations}
        return len(self.sources) * len(self.destinations) - len(own)


def changes(before: Connectivity, after: Connectivity) -> tuple[Change, ...]:
    """All changes between two judgements of one space. Pairs that change alike are put
    together as far as they are rectangles: all of some sources to all of some destinations."""
    space = before.space
    found: dict[tuple[int, int, Outcome, Outcome], list[Atom]] = {}
    for index, atom in enumerate(space.atoms.all):
        for one in _changed(before, after, index):
            found.setdefault(one, []).append(atom)
    made = [
        Change(*_without_self(*ends), merged(atoms), old, new)
        for (sources, targets, old, new), atoms in found.items()
        for ends in _apart(_parties(before, sources), _parties(before, targets))
    ]
    return tuple(sorted((each for each in made if each.pairs), key=_order))


def _parties(judged: Connectivity, bits: int) -> tuple[Party, ...]:
    members = judged.space.members
    return tuple(party for index in ones(bits) for party in members[index])


_Ends = tuple[tuple[Party, ...], tuple[Party, ...]]


def _apart(sources: tuple[Party, ...], targets: tuple[Party, ...]) -> Iterator[_Ends]:
    """A rectangle without the pairs of a pod and its own node: each node for itself, with the
    pods of other nodes."""
    plain = _others(sources), _others(targets)
    if all(plain):
        yield plain
    for host in _hosts(sources):
        yield (host,), tuple(each for each in targets if each.node != host.node)
    for host in _hosts(targets):
        yield tuple(each for each in plain[0] if each.node != host.node), (host,)


def _hosts(parties: tuple[Party, ...]) -> list[Party]:
    return [each for each in parties if each.kind is PartyKind.HOST]


def _others(parties: tuple[Party, ...]) -> tuple[Party, ...]:
    return tuple(each for each in parties if each.kind is not PartyKind.HOST)


def _without_self(sources: tuple[Party, ...], targets: tuple[Party, ...]) -> _Ends:
    """Without the one end that would only be paired with itself."""
    if len(targets) == 1:
        return tuple(each for each in sources if each.identity != targets[0].identity), targets
    if len(sources) == 1:
        return sources, tuple(each for each in targets if each.identity != sources[0].identity)
    return sources, targets


def _changed(
    before: Connectivity, after: Connectivity, atom: int
) -> Iterator[tuple[int, int, Outcome, Outcome]]:
    """The rectangles of pairs (sets of sources, sets of destinations) that change."""
    senders = _kinds(before.egress, after.egress, atom)
    receivers = _kinds(before.ingress, after.ingress, atom)
    for to, entering in receivers.items():
        for by, leaving in senders.items():
            if by.old == by.new and to.old == to.new:
                continue
            yield from _block(leaving, by, entering, to)


class _Kind(Struct, frozen=True):
    """What one end's policies say, before and after."""

    old: Reach
    new: Reach


def _kinds(old: Rows, new: Rows, atom: int) -> dict[_Kind, int]:
    """The classes by what the policies of one end say about them."""
    found: dict[_Kind, int] = {}
    for index, (first, second) in enumerate(zip(old.group_of, new.group_of, strict=True)):
        kind = _Kind(old.reach[first][atom], new.reach[second][atom])
        found[kind] = found.get(kind, 0) | 1 << index
    return found


def _block(
    sources: int, by: _Kind, targets: int, to: _Kind
) -> Iterator[tuple[int, int, Outcome, Outcome]]:
    """The changes between a kind of sources and a kind of destinations. Sources that the
    destinations treat alike are taken together, and likewise destinations."""
    for sent, leaving in _alike(targets, by):
        for got, entering in _alike(sources, to):
            old = _outcome(leaving[0], entering[0])
            new = _outcome(leaving[1], entering[1])
            if old is not new:
                yield got, sent, old, new


_Bit = tuple[bool, bool]


def _alike(peers: int, kind: _Kind) -> Iterator[tuple[int, tuple[_Bit, _Bit]]]:
    """Peers, in parts for which one end says the same before and after."""
    parts: list[tuple[int, tuple[bool, ...]]] = [(peers, ())]
    for bits in (*kind.old, *kind.new):
        parts = [
            (part, (*said, answer))
            for whole, said in parts
            for part, answer in ((whole & bits, True), (whole & ~bits, False))
            if part
        ]
    for part, said in parts:
        yield part, ((said[0], said[1]), (said[2], said[3]))


def _outcome(leaving: _Bit, entering: _Bit) -> Outcome:
    allow, deny = leaving[0] and entering[0], leaving[1] or entering[1]
    if allow and deny:
        return Outcome.UNKNOWN
    return Outcome.ALLOWED if allow else Outcome.DENIED


def _order(change: Change) -> tuple[str, str]:
    return str(change.destinations[0]), str(change.sources[0])


def merged(atoms: list[Atom]) -> tuple[Atom, ...]:
    """Neighbouring ports as one range."""
    found: list[Atom] = []
    for atom in atoms:
        last = found[-1] if found else None
        if last and last.proto == atom.proto and last.high + 1 == atom.low:
            found[-1] = Atom(atom.proto, last.low, atom.high)
        else:
            found.append(atom)
    return tuple(found)
