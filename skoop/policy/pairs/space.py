"""Pods that no policy can tell apart, and the sets of them that a condition means.

A set of classes is an integer with one bit for each. Selectors become a few operations on the
sets of each label and each namespace, so that no selector is tried on every pod.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from skoop.model.kube import LabelSelector
from skoop.policy.compile.calico_rules import ServiceEndpoints
from skoop.policy.labelled import Labelled
from skoop.policy.pairs.atoms import Atoms
from skoop.policy.pairs.bits import Bits, LabelIndex, complement, intersection, ones, union
from skoop.policy.pairs.signature import Signature, asked_ports
from skoop.policy.pairs.walk import all_peer_leaves, all_traffic_leaves
from skoop.policy.party import Party, PartyKind
from skoop.policy.peers import (
    AllOf,
    AnyOf,
    Anyone,
    Domains,
    Nobody,
    Not,
    PeerTest,
    Pods,
    Undecided,
    selector_key,
)
from skoop.policy.ports import (
    AllTraffic,
    Anything,
    AnyTraffic,
    IpProtocol,
    NamedPorts,
    NotTraffic,
    Ports,
    TrafficTest,
)
from skoop.policy.rules import PolicySet
from skoop.policy.selector import tree


class Space:
    """The classes of some parties and the atoms of traffic, for some sets of policies."""

    def __init__(
        self, members: Sequence[tuple[Party, ...]], atoms: Atoms, *, services: bool
    ) -> None:
        """`services` says that policies ask for addresses behind Services."""
        self.members = tuple(members)
        self.classes = tuple(each[0] for each in members)
        self.atoms = atoms
        self.full = (1 << len(self.classes)) - 1
        self._services = services
        self._found: dict[Hashable, Bits] = {}
        self._traffic: dict[Hashable, Bits] = {}
        self._spaces: dict[Hashable, Bits] = {}
        self._class_of = {
            party.identity: index for index, several in enumerate(self.members) for party in several
        }
        self._index_labels()
        self.port_groups = self._group_ports()

    @classmethod
    def of(cls, parties: Iterable[Party], sets: Sequence[PolicySet]) -> Space:
        """Classes that all of `sets` respect."""
        several = tuple(parties)
        leaves = all_peer_leaves(sets)
        traffic = all_traffic_leaves(sets)
        atoms = Atoms(traffic, several)
        addresses = frozenset(
            (family, value)
            for leaf in traffic
            if isinstance(leaf, ServiceEndpoints)
            for family, value, _, _ in leaf.listed or ()
        )
        signature = Signature(leaves, atoms.names, addresses)
        classes: dict[Hashable, list[Party]] = {}
        for party in several:
            classes.setdefault(signature.of(party), []).append(party)
        return cls([tuple(each) for each in classes.values()], atoms, services=bool(addresses))

    def class_of(self, party: Party) -> int:
        """The class of one of the parties."""
        return self._class_of[party.identity]

    # Sets of ends.

    def members_of(self, test: PeerTest) -> Bits:
        """The classes a condition holds for, and those it may hold for."""
        key = test.key
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._members(test)
        return found

    def _members(self, test: PeerTest) -> Bits:
        match test:
            case Anyone():
                return self.full, 0
            case Nobody():
                return 0, 0
            case Undecided() | Domains():
                return 0, self.full
            case Pods():
                return self._pods(test)
            case Labelled():
                return self._labelled(test)
            case AnyOf():
                return union(self.members_of(each) for each in test.several)
            case AllOf():
                return intersection((self.members_of(each) for each in test.several), self.full)
            case Not():
                return complement(self.members_of(test.inner), self.full)
            case _:
                return self._one_by_one(test, range(len(self.classes)))

    def _one_by_one(self, test: PeerTest, which: Iterable[int]) -> Bits:
        yes = maybe = 0
        for index in which:
            answer = test.test(self.classes[index])
            if answer is None:
                maybe |= 1 << index
            elif answer:
                yes |= 1 << index
        return yes, maybe

    def _pods(self, test: Pods) -> Bits:
        own = self._labels.selected(test.pods, self.full) & self._pod_bits
        if test.namespaces is None:
            return own & self._by_namespace.get(test.namespace, 0), 0
        yes, maybe = self._namespaces(test.namespaces)
        return own & yes, own & maybe

    def _namespaces(self, selector: LabelSelector) -> Bits:
        """The pods of the namespaces that a selector finds."""
        key = selector_key(selector)
        found = self._spaces.get(key)
        if found is None:
            test = Pods(LabelSelector(), selector)
            yes = maybe = 0
            for bits in self._by_namespace.values():
                answer = test.test(self.classes[bits.bit_length() - 1])
                yes |= bits if answer else 0
                maybe |= bits if answer is None else 0
            found = self._spaces[key] = (yes, maybe)
        return found

    def _labelled(self, test: Labelled) -> Bits:
        plain = self._expression(test.expr) & self._plain
        yes, maybe = self._one_by_one(test, self._odd)
        return plain | yes, maybe

    def _expression(self, expr: tree.Expr) -> int:
        match expr:
            case tree.All():
                return self.full
            case tree.Has():
                return self._identities.having(expr.key)
            case tree.Among():
                return self._identities.among(expr.key, expr.values)
            case tree.Not():
                return self.full & ~self._expression(expr.inner)
            case tree.And():
                found = self.full
                for part in expr.parts:
                    found &= self._expression(part)
                return found
            case tree.Or():
                found = 0
                for part in expr.parts:
                    found |= self._expression(part)
                return found
            case _:
                found = 0
                for index in ones(self._plain):
                    if expr.matches(self.classes[index].identities[0]):
                        found |= 1 << index
                return found

    def _index_labels(self) -> None:
        self._labels, self._identities = LabelIndex(), LabelIndex()
        self._by_namespace: dict[str, int] = {}
        self._pod_bits = self._plain = 0
        self._odd: list[int] = []
        for index, party in enumerate(self.classes):
            bit = 1 << index
            if party.kind is PartyKind.POD:
                self._pod_bits |= bit
                found = self._by_namespace.get(party.namespace, 0)
                self._by_namespace[party.namespace] = found | bit
            self._labels.add(party.labels, bit)
            alone = len(party.identities) == party.endpoints == 1
            if alone and party.namespace_labels is not None:
                self._plain |= bit
                self._identities.add(party.identities[0], bit)
            else:
                self._odd.append(index)

    # Sets of traffic.

    def _group_ports(self) -> tuple[tuple[Party, int], ...]:
        """Destinations by the ports they name, as far as policies ask for these names."""
        groups: dict[Hashable, tuple[Party, int]] = {}
        for index, party in enumerate(self.classes):
            key = self._ports_key(party)
            first, bits = groups.get(key, (party, 0))
            groups[key] = (first, bits | 1 << index)
        return tuple(groups.values())

    def _ports_key(self, party: Party) -> Hashable:
        named = asked_ports(party, self.atoms.names)
        return (party.kind, named, party.ip if self._services else 0)

    def ports_key(self, index: int) -> Hashable:
        """Equal for classes that name their ports alike."""
        return self._ports_key(self.classes[index])

    def depends_on_destination(self, test: TrafficTest) -> bool:
        """Whether the same traffic may differ by whom it is for."""
        if isinstance(test, (AnyTraffic, AllTraffic)):
            return any(self.depends_on_destination(each) for each in test.several)
        if isinstance(test, NotTraffic):
            return self.depends_on_destination(test.inner)
        return isinstance(test, (NamedPorts, ServiceEndpoints))

    def traffic_of(self, test: TrafficTest, destination: Party) -> Bits:
        """The atoms a condition holds for at a destination, and those it may hold for."""
        where = self._ports_key(destination) if self.depends_on_destination(test) else None
        key = (test.key, where)
        found = self._traffic.get(key)
        if found is None:
            found = self._traffic[key] = self._traffic_bits(test, destination)
        return found

    def _traffic_bits(self, test: TrafficTest, destination: Party) -> Bits:
        atoms = self.atoms
        match test:
            case Anything():
                return atoms.full, 0
            case Ports():
                return atoms.ports(test.proto, test.low, test.high), 0
            case IpProtocol():
                return atoms.protocol(test.proto), 0
            case AnyTraffic():
                return union(self.traffic_of(each, destination) for each in test.several)
            case AllTraffic():
                several = (self.traffic_of(each, destination) for each in test.several)
                return intersection(several, atoms.full)
            case NotTraffic():
                return complement(self.traffic_of(test.inner, destination), atoms.full)
            case _:
                return self._atom_by_atom(test, destination)

    def _atom_by_atom(self, test: TrafficTest, destination: Party) -> Bits:
        yes = maybe = 0
        for index, atom in enumerate(self.atoms.all):
            answer = test.test(atom.traffic, destination)
            if answer is None:
                maybe |= 1 << index
            elif answer:
                yes |= 1 << index
        return yes, maybe
