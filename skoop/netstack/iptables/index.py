"""Finding the rules of a long chain that a packet can match at all.

A rule that asks for one destination network, source network, port or interface is filed under it
(under the first of these it has); all others are always candidates. Lookups cost one dict access
per file and per prefix length in use, so a chain of 10,000 services is as quick as one of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import merge

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.iptables.decode import Decoded
from skoop.netstack.iptables.head import Net, Port
from skoop.netstack.netfilter import View

WORTH_INDEXING = 12
"""Shorter chains are simply walked."""

Key = tuple[str, int, object]
Positions = list[int]


def _prefix(file: str, net: Net | None, bits: int) -> Key | None:
    """(file, shift, network >> shift) for a plain prefix."""
    if net is None or net.inverted or net.mask == 0:
        return None
    length = net.mask.bit_count()
    shift = bits - length
    if net.mask != ((1 << length) - 1) << shift:
        return None
    return file, shift, net.network >> shift


def _name(file: str, port: Port | None) -> Key | None:
    if port is None or port.inverted or port.interface.prefix:
        return None
    return file, 0, port.interface.name


def _dport(rule: Decoded) -> Key | None:
    for match in rule.matches:
        if match.dport >= 0:
            return "dport", 0, match.dport
    return None


def _key(rule: Decoded, bits: int) -> Key | None:
    head = rule.head
    host = bits // 2
    destination = _prefix("dst", head.destination, bits)
    if destination and destination[1] < host:
        return destination
    return (
        _prefix("src", head.source, bits)
        or _dport(rule)
        or _name("iif", head.iif)
        or _name("oif", head.oif)
        or destination
    )


class Index:
    """Positions of candidate rules, in order."""

    def __init__(self, rules: Iterable[Decoded], family: Family) -> None:
        self._always: Positions = []
        self._files: dict[str, dict[int, dict[object, Positions]]] = {}
        self._ports: Positions = []
        for position, rule in enumerate(rules):
            key = _key(rule, family.bits)
            if key is None:
                self._always.append(position)
                continue
            file, shift, value = key
            self._files.setdefault(file, {}).setdefault(shift, {}).setdefault(value, []).append(
                position
            )
            if file == "dport":
                self._ports.append(position)

    def candidates(self, packet: Packet, view: View) -> list[int]:
        """Positions of every rule that may match, ascending. A packet whose destination port is
        drawn at random may match every rule about ports."""
        found = [self._always] if self._always else []
        for file, shifts in self._files.items():
            if file == "dport" and packet.dport < 0:
                found.append(self._ports)
                continue
            value = _FIELDS[file](packet, view)
            for shift, values in shifts.items():
                wanted = value >> shift if isinstance(value, int) else value
                positions = values.get(wanted)
                if positions:
                    found.append(positions)
        if len(found) == 1:
            return found[0]
        return list(merge(*found))


_FIELDS: dict[str, Callable[[Packet, View], int | str]] = {
    "dst": lambda packet, view: packet.dst,  # noqa: ARG005
    "src": lambda packet, view: packet.src,  # noqa: ARG005
    "dport": lambda packet, view: packet.dport,  # noqa: ARG005
    "iif": lambda packet, view: view.iif,  # noqa: ARG005
    "oif": lambda packet, view: view.oif,  # noqa: ARG005
}
