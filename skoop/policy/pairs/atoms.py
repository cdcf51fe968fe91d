"""Traffic that no policy can tell apart."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from msgspec import Struct

from skoop.model.packet import Proto
from skoop.policy.compile.calico_rules import ServiceEndpoints
from skoop.policy.party import Party, Traffic
from skoop.policy.ports import NamedPorts, Ports, TrafficTest, protocol_word

_WITH_PORTS = (int(Proto.TCP), int(Proto.UDP), int(Proto.SCTP))
_ICMP = int(Proto.ICMP)
_MAX_PORT = 65535


class Atom(Struct, frozen=True):
    """Ports `low` to `high` of a protocol, or all of a protocol that has none."""

    proto: int
    low: int = 0
    high: int = 0

    @property
    def traffic(self) -> Traffic:
        """A packet of this kind."""
        return Traffic(self.proto, self.low)

    def __str__(self) -> str:
        word = protocol_word(self.proto)
        if self.proto not in _WITH_PORTS or (self.low, self.high) == (0, _MAX_PORT):
            return word
        return f"{word} {self.low}" + (f"-{self.high}" if self.high != self.low else "")


class Atoms:
    """All traffic, cut where some policy cuts it."""

    def __init__(self, leaves: Iterable[TrafficTest], parties: Iterable[Party]) -> None:
        cuts = {proto: {0, _MAX_PORT + 1} for proto in _WITH_PORTS}
        names: set[str] = set()
        for leaf in leaves:
            if isinstance(leaf, Ports) and leaf.proto in cuts:
                cuts[leaf.proto] |= {leaf.low, leaf.high + 1}
            elif isinstance(leaf, NamedPorts):
                names.add(leaf.name)
            elif isinstance(leaf, ServiceEndpoints):
                for _, _, proto, port in leaf.listed or ():
                    if proto in cuts:
                        cuts[proto] |= {port, port + 1}
        self.names = frozenset(names)
        for party in parties:
            for named in party.ports:
                if named.name in names and named.proto in cuts:
                    cuts[named.proto] |= {named.port, named.port + 1}
        self.all: list[Atom] = []
        self._starts: dict[int, list[int]] = {}
        self._offset: dict[int, int] = {}
        for proto in _WITH_PORTS:
            bounds = sorted(each for each in cuts[proto] if each <= _MAX_PORT + 1)
            self._offset[proto] = len(self.all)
            self._starts[proto] = bounds[:-1]
            self.all += [Atom(proto, a, b - 1) for a, b in itertools.pairwise(bounds)]
        self._offset[_ICMP] = len(self.all)
        self.all.append(Atom(_ICMP))
        self.full = (1 << len(self.all)) - 1

    def ports(self, proto: int, low: int, high: int) -> int:
        """The atoms of a range that some policy cuts, as bits."""
        starts = self._starts.get(proto)
        if starts is None or low > high:
            return 0
        first = bisect_right(starts, low) - 1
        count = bisect_left(starts, high + 1) - first
        return ((1 << count) - 1) << (self._offset[proto] + first)

    def protocol(self, proto: int) -> int:
        """All atoms of a protocol, as bits."""
        if proto in self._starts:
            return self.ports(proto, 0, _MAX_PORT)
        return 1 << self._offset[_ICMP] if proto == _ICMP else 0

    def index_of(self, proto: int, port: int) -> int:
        """The atom of some traffic, -1 for a protocol that is not told apart here."""
        if proto == _ICMP:
            return self._offset[_ICMP]
        starts = self._starts.get(proto)
        return -1 if starts is None else self._offset[proto] + bisect_right(starts, port) - 1
