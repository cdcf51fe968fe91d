"""One end's policies: which peers they let a class talk to, for every atom of traffic."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from enum import Enum

from msgspec import Struct

from skoop.policy.evaluate import governed
from skoop.policy.pairs.bits import ones
from skoop.policy.pairs.space import Space
from skoop.policy.party import Party
from skoop.policy.peers import ANYONE
from skoop.policy.rules import Action, Policy, PolicyRef, PolicySet, Rule, Tier, Way

Reach = tuple[int, int]
"""The peers that may be allowed, and those that may be denied."""


class Piece(Struct, frozen=True):
    """A rule, for one group of destinations: the atoms it matches (or may match) and the peers."""

    atoms: int
    maybe_atoms: int
    peers: int
    maybe_peers: int


class Prepared(Struct, frozen=True):
    """A rule as one class meets it."""

    action: Action
    name: str
    pieces: tuple[Piece, ...]

    def peers(self, atom: int) -> Reach:
        """The peers it matches by an atom, and those it may match besides."""
        yes = maybe = 0
        bit = 1 << atom
        for piece in self.pieces:
            if piece.atoms & bit:
                yes |= piece.peers
                maybe |= piece.maybe_peers
            elif piece.maybe_atoms & bit:
                maybe |= piece.peers | piece.maybe_peers
        return yes, maybe


class Asked(Struct, frozen=True):
    """A policy that applies to a class, for certain or perhaps."""

    ref: PolicyRef
    rank: float
    certain: bool
    rules: tuple[Prepared, ...]


class _Depends(Enum):
    """What of the class it applies to a policy's rules ask about."""

    NOTHING = 0
    PORTS = 1
    CLASS = 2


class Rows(Struct, frozen=True):
    """One end's policies. Classes to which the same policies apply are one group: `group_of` a
    class is an index into the others. `members` are a group's classes as bits; `reach[group][atom]`
    are the peers that may be allowed and those that may be denied."""

    group_of: tuple[int, ...]
    members: tuple[int, ...]
    reach: tuple[tuple[Reach, ...], ...]

    def at(self, index: int, atom: int) -> Reach:
        """The peers of a class."""
        return self.reach[self.group_of[index]][atom]


class Side:
    """One end's policies, for all classes and atoms."""

    def __init__(self, space: Space, policies: PolicySet, way: Way) -> None:
        self._space, self._way = space, way
        self._tiers = policies.tiers(way)
        self._prepared: dict[Hashable, tuple[Prepared, ...]] = {}
        self._kinds: dict[int, _Depends] = {}
        self._applied = [self._subjects(tier) for tier in self._tiers]

    def rows(self) -> Rows:
        """For every class and atom the peers."""
        groups: dict[Hashable, int] = {}
        group_of: list[int] = []
        members: list[int] = []
        reach: list[tuple[Reach, ...]] = []
        for index in range(len(self._space.classes)):
            applied = self._applied_to(index)
            key = tuple(self._key(each, index) for each in applied)
            if key not in groups:
                groups[key] = len(members)
                members.append(0)
                reach.append(tuple(self._column(applied, index)))
            group_of.append(groups[key])
            members[groups[key]] |= 1 << index
        return Rows(tuple(group_of), tuple(members), tuple(reach))

    def asked_by_group(self) -> Iterator[tuple[int, list[list[Asked]]]]:
        """For each kind of class one of it, and the policies that apply to it, tier by tier."""
        seen: set[Hashable] = set()
        for index in range(len(self._space.classes)):
            applied = self._applied_to(index)
            key = tuple(self._key(each, index) for each in applied)
            if any(applied) and key not in seen:
                seen.add(key)
                yield index, [self._asked(each, index) for each in applied]

    def _applied_to(self, index: int) -> Sequence[Sequence[tuple[Policy, bool]]]:
        if not governed(self._space.classes[index]):
            return [() for _ in self._applied]
        return [each.get(index, ()) for each in self._applied]

    def _key(self, applied: Sequence[tuple[Policy, bool]], index: int) -> Hashable:
        """Equal for classes to which the same policies apply in the same way."""
        return tuple(
            (id(policy), certain, self._variant(policy, index)) for policy, certain in applied
        )

    def _subjects(self, tier: Tier) -> dict[int, list[tuple[Policy, bool]]]:
        """The policies of a tier by the classes they apply to, in order."""
        found: dict[int, list[tuple[Policy, bool]]] = {}
        for policy in tier.policies:
            yes, maybe = self._space.members_of(policy.subject)
            for index in ones(yes | maybe):
                found.setdefault(index, []).append((policy, bool(yes >> index & 1)))
        return found

    def _column(self, applied: Sequence[Sequence[tuple[Policy, bool]]], index: int) -> list[Reach]:
        """For every atom, the peers of one class."""
        column: list[Reach] = [(self._space.full, 0)] * len(self._space.atoms.all)
        if not any(applied):
            return column
        asked = [self._asked(each, index) for each in applied]
        for atoms in self.parts(asked):
            reach = self._through(asked, (atoms & -atoms).bit_length() - 1)
            for atom in ones(atoms):
                column[atom] = reach
        return column

    def _asked(self, applied: Sequence[tuple[Policy, bool]], index: int) -> list[Asked]:
        return [
            Asked(policy.ref, policy.rank, certain, self._rules(policy, index))
            for policy, certain in applied
        ]

    def _rules(self, policy: Policy, index: int) -> tuple[Prepared, ...]:
        """Rules as this class meets them. Where nothing of them depends on the class itself, they
        are the same for all."""
        key = (id(policy), self._variant(policy, index))
        found = self._prepared.get(key)
        if found is None:
            found = tuple(self._prepare(rule, index) for rule in policy.rules)
            self._prepared[key] = found
        return found

    def _variant(self, policy: Policy, index: int) -> Hashable:
        """None when a policy means the same for every class it applies to; else what of the class
        it depends on."""
        kind = self._kinds.get(id(policy))
        if kind is None:
            kind = self._kinds[id(policy)] = self._dependence(policy)
        if kind is _Depends.CLASS:
            return index
        return self._space.ports_key(index) if kind is _Depends.PORTS else None

    def _dependence(self, policy: Policy) -> _Depends:
        found = _Depends.NOTHING
        for rule in policy.rules:
            own = rule.source if self._way is Way.EGRESS else rule.destination
            if own.key != ANYONE.key:
                return _Depends.CLASS
            by_name = self._space.depends_on_destination(rule.traffic)
            if self._way is Way.INGRESS and by_name:
                found = _Depends.PORTS
        return found

    def _prepare(self, rule: Rule, index: int) -> Prepared:
        space = self._space
        egress = self._way is Way.EGRESS
        own, peer = (rule.source, rule.destination) if egress else (rule.destination, rule.source)
        peers, maybe_peers = space.members_of(peer)
        yes, maybe = space.members_of(own)
        if not (yes | maybe) >> index & 1:
            return Prepared(rule.action, rule.name, ())
        if maybe >> index & 1:
            peers, maybe_peers = 0, peers | maybe_peers
        if egress and space.depends_on_destination(rule.traffic):
            groups: Iterable[tuple[Party, int]] = space.port_groups
        else:
            groups = ((space.classes[index], space.full),)
        pieces = []
        for party, bits in groups:
            atoms, maybe_atoms = space.traffic_of(rule.traffic, party)
            if (atoms | maybe_atoms) and (peers | maybe_peers) & bits:
                pieces.append(Piece(atoms, maybe_atoms, peers & bits, maybe_peers & bits))
        return Prepared(rule.action, rule.name, tuple(pieces))

    def parts(self, asked: list[list[Asked]]) -> Iterator[int]:
        """The atoms, in parts that all rules of a class treat alike."""
        parts = [self._space.atoms.full]
        seen: set[int] = set()
        for tier in asked:
            for policy in tier:
                for rule in policy.rules:
                    for piece in rule.pieces:
                        for cut in (piece.atoms, piece.maybe_atoms):
                            if cut and cut not in seen:
                                seen.add(cut)
                                parts = list(_cut(parts, cut))
        yield from parts

    def _through(self, asked: list[list[Asked]], atom: int) -> Reach:
        """The way through the tiers, for all peers at once."""
        here = self._space.full
        allow = deny = 0
        for tier, policies in zip(self._tiers, asked, strict=True):
            if not policies:
                continue
            onward = 0
            for group in _ranks(policies, ties=tier.ties):
                decided = 0
                for policy in group:
                    one = _first_match(policy, here, atom)
                    allow |= one.allow
                    deny |= one.deny
                    onward |= one.onward
                    decided |= one.decided
                here &= ~decided
            certain = any(policy.certain for policy in policies)
            if tier.default is Action.DENY:
                deny |= here
                here = onward if certain else onward | here
            else:
                here = onward | here
            if not here:
                break
        return allow | here, deny


class _Ends(Struct, frozen=True):
    """What one policy does with the peers that come to it: possible ends, and those for whom it
    certainly has one."""

    allow: int
    deny: int
    onward: int
    decided: int


def _first_match(policy: Asked, here: int, atom: int) -> _Ends:
    allow = deny = onward = 0
    left = here
    for rule in policy.rules:
        yes, maybe = rule.peers(atom)
        hit = left & (yes | maybe)
        if not hit:
            continue
        if rule.action is Action.ALLOW:
            allow |= hit
        elif rule.action is Action.DENY:
            deny |= hit
        else:
            onward |= hit
        left &= ~yes
        if not left:
            break
    return _Ends(allow, deny, onward, here & ~left if policy.certain else 0)


def _ranks(policies: list[Asked], *, ties: bool) -> Iterator[list[Asked]]:
    """Policies one by one; those of one rank together where they have no order."""
    group: list[Asked] = []
    for policy in policies:
        if group and not (ties and policy.rank == group[0].rank):
            yield group
            group = []
        group.append(policy)
    if group:
        yield group


def _cut(parts: Iterable[int], cut: int) -> Iterator[int]:
    for part in parts:
        inside = part & cut
        if inside:
            yield inside
        if part & ~cut:
            yield part & ~cut
