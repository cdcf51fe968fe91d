"""Sets and what is in them.

Entries are grouped by everything but the port or hardware address, so that a packet whose port is
drawn at random can be asked about: with an entry in the way of that port the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import product

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.packet import Packet, Proto, port_within
from skoop.netstack.netfilter import Membership, View

Value = int | str | tuple[int, int]
Key = tuple[Value, ...]
Inner = int | str | tuple[int, int]
"""What tells entries of one key apart: (protocol, port), a port, a MAC address, or 0."""


class Dimension(Enum):
    """What one part of an entry is."""

    IP = "ip"
    NET = "net"
    PORT = "port"
    BARE_PORT = "port without protocol"
    IFACE = "iface"
    MAC = "mac"
    MARK = "mark"


INNER = (Dimension.PORT, Dimension.BARE_PORT, Dimension.MAC)
_WITH_PORTS = (Proto.TCP, Proto.UDP, Proto.SCTP, 136)
_ICMP = (Proto.ICMP, Proto.ICMPV6)


class OpaqueSet(Struct, frozen=True):
    """A set of a type skoop does not know: it never tells."""

    type: str

    def contains(
        self,
        packet: Packet,  # noqa: ARG002
        view: View,  # noqa: ARG002
        directions: tuple[str, ...],  # noqa: ARG002
    ) -> bool | None:
        """Cannot tell."""
        return None


class ListSet(Struct, frozen=True):
    """list:set: the union of other sets, asked in order (list_set_ktest)."""

    members: tuple[Membership, ...]

    def contains(self, packet: Packet, view: View, directions: tuple[str, ...]) -> bool | None:
        """Yes when one member says yes."""
        result: bool | None = False
        for member in self.members:
            answer = member.contains(packet, view, directions)
            if answer:
                return True
            if answer is None:
                result = None
        return result


class IpSet(Struct, frozen=True):
    """A hash or bitmap set.

    `family` is None for types without addresses. `entries` maps the outer dimensions' values to
    {inner value: nomatch}. `shifts` lists, for each network dimension, the host bits of the prefix
    lengths in use, fewest first. `masks` cut addresses and marks before the lookup, by dimension.
    `networks` are those of a hash:net,iface set: the most specific one decides alone, even when it
    is listed for other interfaces only (`multi` in mtype_test_cidrs ends the search).
    """

    type: str
    family: Family | None
    dimensions: tuple[Dimension, ...]
    entries: Mapping[Key, Mapping[Inner, bool]]
    shifts: tuple[tuple[int, ...], ...]
    masks: tuple[int, ...]
    wildcards: tuple[str, ...] = ()
    networks: frozenset[Value] = frozenset()

    def contains(self, packet: Packet, view: View, directions: tuple[str, ...]) -> bool | None:
        """The most specific entry decides, the first network dimension before the second; with
        `nomatch` it says no. Fewer directions than dimensions never match (ip_set_test)."""
        if len(directions) < len(self.dimensions):
            return False
        if self.family is not None and self.family is not packet.family:
            return False
        outer = self._outer(packet, view, directions)
        if self.networks:
            outer[0] = [value for value in outer[0] if value in self.networks][:1]
        result: bool | None = False
        for key in product(*outer):
            group = self.entries.get(key)
            if group is None:
                continue
            answer = self._inner(group, packet, view, directions)
            if answer is True:
                blocked = _is_physdev(key)
                return None if blocked or result is None else True
            if answer is False:
                return result
            if answer is None and not self._misses(group, packet, view, directions):
                result = None
        return result

    def _outer(self, packet: Packet, view: View, directions: tuple[str, ...]) -> list[list[Value]]:
        """Candidates for each dimension but the inner one, most specific first."""
        return [
            self._candidates(position, kind, packet, view, from_source=direction == "src")
            for position, (kind, direction) in enumerate(
                zip(self.dimensions, directions, strict=False)
            )
            if kind not in INNER
        ]

    def _candidates(
        self, position: int, kind: Dimension, packet: Packet, view: View, *, from_source: bool
    ) -> list[Value]:
        if kind is Dimension.MARK:
            return [packet.mark & self.masks[position]]
        if kind is Dimension.IFACE:
            return self._devices(view, from_source=from_source)
        address = packet.src if from_source else packet.dst
        if kind is Dimension.NET:
            return [(shift, address >> shift) for shift in self.shifts[position]]
        masked = address & self.masks[position]
        return [masked] if masked or self.type != "hash:ip" else []

    def _devices(self, view: View, *, from_source: bool) -> list[Value]:
        device = view.iif if from_source else view.oif
        port = view.physin if from_source else view.physout
        if not device:
            return []
        matching = [f"{name}*" for name in self.wildcards if device.startswith(name)]
        return [device, *matching, *([f"physdev:{port}"] if port else [])]

    def _inner_place(self) -> tuple[int, Dimension] | None:
        for position, kind in enumerate(self.dimensions):
            if kind in INNER:
                return position, kind
        return None

    def _inner(
        self,
        group: Mapping[Inner, bool],
        packet: Packet,
        view: View,
        directions: tuple[str, ...],
    ) -> bool | None:
        """True for an entry, False for a `nomatch` one, None for no answer here."""
        place = self._inner_place()
        if place is None:
            return not group[0]
        position, kind = place
        if kind is Dimension.MAC:
            return True if view.iif and "" in group else None
        wanted = _port_of(packet, from_source=directions[position] == "src")
        if wanted is None:
            return None
        found = group.get(wanted[1] if kind is Dimension.BARE_PORT else wanted)
        if kind is Dimension.BARE_PORT and wanted[0] not in (Proto.TCP, Proto.UDP):
            return None
        return None if found is None else not found

    def _misses(
        self,
        group: Mapping[Inner, bool],
        packet: Packet,
        view: View,
        directions: tuple[str, ...],
    ) -> bool:
        """Whether no entry of a group can be meant, after `_inner` found none."""
        place = self._inner_place()
        if place is None:
            return True
        position, kind = place
        if kind is Dimension.MAC:
            return not view.iif
        port = packet.sport if directions[position] == "src" else packet.dport
        if kind is Dimension.BARE_PORT:
            if port >= 0 or packet.proto not in (Proto.TCP, Proto.UDP):
                return True
            return not _drawn_from(port, [one for one in group if isinstance(one, int)])
        if packet.proto in _ICMP:
            return packet.icmp.type >= 0 or not _of_protocol(group, packet.proto)
        if packet.proto not in _WITH_PORTS or port >= 0:
            return True
        return not _drawn_from(port, _of_protocol(group, packet.proto))


def _drawn_from(port: int, ports: list[int]) -> bool:
    """Whether a port drawn at random may well be one of these, taken as ranges."""
    low = high = -1
    for one in [*sorted(ports), 1 << 17]:
        if one != high + 1:
            if low >= 0 and port_within(port, low, high) is not False:
                return True
            low = one
        high = one
    return False


def _is_physdev(key: Key) -> bool:
    """Whether an entry is about a bridge port, which only IPSET_FLAG_PHYSDEV asks for."""
    return any(isinstance(value, str) and value.startswith("physdev:") for value in key)


def _of_protocol(group: Mapping[Inner, bool], proto: int) -> list[int]:
    return [one[1] for one in group if isinstance(one, tuple) and one[0] == proto]


def _port_of(packet: Packet, *, from_source: bool) -> tuple[int, int] | None:
    """(protocol, port) as ip_set_get_ip4_port reads them: ICMP's type and code make a port, other
    protocols have port 0. None when the packet's port is drawn at random."""
    if packet.proto in _ICMP:
        kind = packet.icmp.type
        return (packet.proto, kind << 8 | packet.icmp.code) if kind >= 0 else None
    if packet.proto not in _WITH_PORTS:
        return packet.proto, 0
    port = packet.sport if from_source else packet.dport
    return (packet.proto, port) if port >= 0 else None
