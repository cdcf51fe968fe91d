"""Which socket a packet for this host reaches (inet_hashtables.c, udp.c: compute_score)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from skoop.model.address import Family
from skoop.model.packet import Packet, Proto
from skoop.netstack.state import Socket

_MAPPED = 0xFFFF << 32


class SocketTable:
    """The listening sockets of a namespace, by protocol and port."""

    __slots__ = ("_by_port",)

    def __init__(self, sockets: Iterable[Socket]) -> None:
        self._by_port: dict[tuple[int, int], list[Socket]] = defaultdict(list)
        for socket in sockets:
            self._by_port[socket.proto, socket.port].append(socket)

    def at(self, proto: int, port: int) -> tuple[Socket, ...]:
        """Every socket of a port, also those a given packet would not reach."""
        return tuple(self._by_port.get((proto, port), ()))

    def find(self, packet: Packet, device: str) -> Socket | None:
        """The socket that takes a packet that came in by `device`; the most specific one wins."""
        best, best_score = None, -1
        for socket in self._by_port.get((packet.proto, packet.dport), ()):
            score = _score(socket, packet, device)
            if score > best_score:
                best, best_score = socket, score
        return best


def _score(socket: Socket, packet: Packet, device: str) -> int:
    """How specific a socket is for a packet, -1 when it does not take it."""
    if socket.device and socket.device != device:
        return -1
    if socket.peer and socket.peer != (packet.src, packet.sport):
        return -1
    score = 4 * bool(socket.device) + 8 * bool(socket.peer)
    if socket.family is packet.family:
        if socket.address and socket.address != packet.dst:
            return -1
        return score + 2 * bool(socket.address) + (socket.family is Family.V4)
    if packet.family is Family.V6:
        return -1
    if socket.address == _MAPPED | packet.dst:
        return score + 2
    return score if socket.dual and not socket.address else -1


def wrong_protocol(table: SocketTable, packet: Packet) -> tuple[Socket, ...]:
    """Sockets on the packet's port that speak another transport protocol."""
    others = [proto for proto in (Proto.TCP, Proto.UDP, Proto.SCTP) if proto != packet.proto]
    return tuple(socket for proto in others for socket in table.at(proto, packet.dport))
