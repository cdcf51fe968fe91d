"""Conditions on what is sent. Named ports are those of the destination pod, so it is asked too."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Protocol

from msgspec import Struct

from skoop.model.answer import Answer, all_of, any_of, opposite
from skoop.model.packet import Proto, port_within
from skoop.policy.answer import Miss, MissKind
from skoop.policy.party import NAMES, Party, PartyKind, Traffic

_WORDS = {number: name for name, number in NAMES.items()}
_WORDS |= {int(Proto.ICMP): "ICMP", int(Proto.ICMPV6): "ICMPv6"}


class TrafficTest(Protocol):
    """A question about what is sent, and to which pod."""

    @property
    def key(self) -> Hashable:
        """Equal for conditions that mean the same."""

    def test(self, traffic: Traffic, destination: Party) -> Answer:
        """Whether it holds."""

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """Why it does not hold, or cannot be decided."""


class Anything(Struct, frozen=True):
    """All traffic."""

    @property
    def key(self) -> Hashable:
        """One for all."""
        return "anything"

    def test(self, traffic: Traffic, destination: Party) -> Answer:  # noqa: ARG002
        """Yes."""
        return True

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """Nothing."""
        return ()


ANYTHING = Anything()


class UndecidedTraffic(Struct, frozen=True):
    """A condition that skoop cannot decide; `why` is one clause."""

    why: str

    @property
    def key(self) -> Hashable:
        """By the reason."""
        return ("undecided", self.why)

    def test(self, traffic: Traffic, destination: Party) -> Answer:  # noqa: ARG002
        """Cannot tell."""
        return None

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """The reason."""
        return (Miss(MissKind.UNKNOWN, self.why),)


class Ports(Struct, frozen=True):
    """Ports `low` to `high` of a protocol; `ranged` tells that they are written as a range."""

    proto: int
    low: int = 0
    high: int = 65535
    ranged: bool = False

    @property
    def key(self) -> Hashable:
        """By protocol and range."""
        return ("ports", self.proto, self.low, self.high)

    def test(self, traffic: Traffic, destination: Party) -> Answer:  # noqa: ARG002
        """Whether protocol and port fit."""
        return traffic.proto == self.proto and self.low <= traffic.dport <= self.high

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """The protocol or the port."""
        word = protocol_word(self.proto)
        within = self.low <= traffic.dport <= self.high
        if traffic.proto != self.proto:
            change = f"add {traffic}"
            text = f"the rule is for {word}, not {protocol_word(traffic.proto)}"
            # A rule for the same port in another protocol is nearer than one for other ports.
            other = () if within else self._port_miss(traffic)
            return (Miss(MissKind.PROTOCOL, text, change), *other)
        return self._port_miss(traffic)

    def _port_miss(self, traffic: Traffic) -> tuple[Miss, ...]:
        kind = MissKind.PORT_RANGE if self.ranged else MissKind.PORT
        listed = str(self.low) if self.low == self.high else f"{self.low}-{self.high}"
        text = f"port {traffic.dport} is not {listed}"
        return (Miss(kind, text, f"add port {traffic.dport}"),)


class NamedPorts(Struct, frozen=True):
    """A port by the name that a container of the destination gives it; `proto` 0 is any."""

    proto: int
    name: str

    @property
    def key(self) -> Hashable:
        """By protocol and name."""
        return ("named", self.proto, self.name)

    def test(self, traffic: Traffic, destination: Party) -> Answer:
        """Whether the destination calls this port so."""
        return traffic.dport in self.numbers(destination, traffic.proto)

    def numbers(self, destination: Party, proto: int) -> frozenset[int]:
        """The ports of that name, of one protocol."""
        if self.proto not in (0, proto) or destination.kind is not PartyKind.POD:
            return frozenset()
        return frozenset(
            each.port
            for each in destination.ports
            if each.name == self.name and each.proto == proto
        )

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """The protocol, the name, or the number it stands for."""
        if self.proto not in (0, traffic.proto):
            word = protocol_word(self.proto)
            text = f"the rule is for {word}, not {protocol_word(traffic.proto)}"
            return (Miss(MissKind.PROTOCOL, text, f"add {traffic}"),)
        numbers = self.numbers(destination, traffic.proto)
        if not numbers:
            text = f"no container of {destination} has a port named {self.name!r}"
            change = f"name port {traffic.dport} of {destination} {self.name!r}, or use the number"
            return (Miss(MissKind.NAMED_PORT, text, change),)
        listed = ", ".join(map(str, sorted(numbers)))
        text = f"port {traffic.dport} is not {self.name!r} of {destination}, which is {listed}"
        return (Miss(MissKind.NAMED_PORT, text, f"add port {traffic.dport}"),)


class SourcePorts(Struct, frozen=True):
    """The client's port, one of some ranges."""

    ranges: tuple[tuple[int, int], ...]

    @property
    def key(self) -> Hashable:
        """By the ranges."""
        return ("source", self.ranges)

    def test(self, traffic: Traffic, destination: Party) -> Answer:  # noqa: ARG002
        """Whether the source port is in one; None when that depends on the port drawn."""
        return any_of(port_within(traffic.sport, low, high) for low, high in self.ranges)

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """The ranges."""
        listed = ", ".join(f"{low}-{high}" for low, high in self.ranges)
        if self.test(traffic, destination) is None:
            return (Miss(MissKind.UNKNOWN, f"whether the source port is in {listed} is not known"),)
        return (Miss(MissKind.SOURCE_PORT, f"the source port is not in {listed}"),)


class IpProtocol(Struct, frozen=True):
    """One IP protocol, whatever its ports."""

    proto: int

    @property
    def key(self) -> Hashable:
        """By its number."""
        return ("protocol", self.proto)

    def test(self, traffic: Traffic, destination: Party) -> Answer:  # noqa: ARG002
        """Whether it is this protocol."""
        return traffic.proto == self.proto

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:  # noqa: ARG002
        """The protocol."""
        text = f"the rule is for {protocol_word(self.proto)}, not {protocol_word(traffic.proto)}"
        return (Miss(MissKind.PROTOCOL, text, f"add {traffic}"),)


class IcmpTypes(Struct, frozen=True):
    """An ICMP type, and a code unless -1."""

    type: int
    code: int

    @property
    def key(self) -> Hashable:
        """By type and code."""
        return ("icmp", self.type, self.code)

    def test(self, traffic: Traffic, destination: Party) -> Answer:  # noqa: ARG002
        """Whether type and code fit."""
        return all_of(
            (
                traffic.proto in (Proto.ICMP, Proto.ICMPV6),
                _number(traffic.icmp_type, self.type),
                _number(traffic.icmp_code, self.code),
            )
        )

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """The type."""
        if self.test(traffic, destination) is None:
            return (Miss(MissKind.UNKNOWN, "the ICMP type is not known"),)
        return (Miss(MissKind.ICMP, f"the ICMP type is not {self.type}"),)


def _number(found: int, wanted: int) -> Answer:
    if wanted < 0:
        return True
    return None if found < 0 else found == wanted


class AnyTraffic(Struct, frozen=True):
    """One of several."""

    several: tuple[TrafficTest, ...]

    @property
    def key(self) -> Hashable:
        """By its members."""
        return ("any", tuple(each.key for each in self.several))

    def test(self, traffic: Traffic, destination: Party) -> Answer:
        """Whether one holds."""
        return any_of(each.test(traffic, destination) for each in self.several)

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """Those of the member that comes nearest."""
        return min((each.misses(traffic, destination) for each in self.several), key=len)


class AllTraffic(Struct, frozen=True):
    """All of several."""

    several: tuple[TrafficTest, ...]

    @property
    def key(self) -> Hashable:
        """By its members."""
        return ("all", tuple(each.key for each in self.several))

    def test(self, traffic: Traffic, destination: Party) -> Answer:
        """Whether all hold."""
        return all_of(each.test(traffic, destination) for each in self.several)

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """Those of every member that does not hold."""
        return tuple(
            miss
            for each in self.several
            if each.test(traffic, destination) is not True
            for miss in each.misses(traffic, destination)
        )


class NotTraffic(Struct, frozen=True):
    """Everything but this; `text` says what."""

    inner: TrafficTest
    text: str
    kind: MissKind = MissKind.PORT

    @property
    def key(self) -> Hashable:
        """By its inside."""
        return ("not", self.inner.key)

    def test(self, traffic: Traffic, destination: Party) -> Answer:
        """Whether the inside does not hold."""
        return opposite(self.inner.test(traffic, destination))

    def misses(self, traffic: Traffic, destination: Party) -> tuple[Miss, ...]:
        """The exclusion."""
        if self.test(traffic, destination) is None:
            return self.inner.misses(traffic, destination)
        return (Miss(self.kind, f"{traffic} is excluded by {self.text}"),)


def any_of_traffic(several: Iterable[TrafficTest]) -> TrafficTest:
    """One condition for several alternatives."""
    found = tuple(several)
    return found[0] if len(found) == 1 else AnyTraffic(found)


def all_of_traffic(several: Iterable[TrafficTest]) -> TrafficTest:
    """One condition for several that must all hold."""
    found = tuple(several)
    if not found:
        return ANYTHING
    return found[0] if len(found) == 1 else AllTraffic(found)


def protocol_word(number: int) -> str:
    """ "TCP" for 6; the number itself when it has no name here."""
    return _WORDS.get(number, f"protocol {number}")
