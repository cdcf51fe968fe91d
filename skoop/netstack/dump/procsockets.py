"""/proc/net/{tcp,tcp6,udp,udp6} -> Socket, for images without `ss`.

Columns: Documentation/networking/proc_net_tcp.rst. Addresses are hexadecimal words in the
machine's byte order. These files do not show SO_BINDTODEVICE nor IPV6_V6ONLY.
"""

from __future__ import annotations

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.model.packet import Proto
from skoop.netstack.state import Socket

_LISTEN, _ESTABLISHED, _CLOSE = "0A", "01", "07"


def read_proc_sockets(text: str, proto: Proto, source: str) -> tuple[Socket, ...]:
    """Sockets of one protocol. A v6 wildcard counts as taking IPv4 too unless the same text also
    lists an IPv4 wildcard on that port, which then got there first. Raises ParseError.

    Little-endian machines are assumed, as Kubernetes nodes are.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0] == "sl":
            continue
        try:
            socket = _socket(words, proto, line.strip())
        except ValueError as error:
            raise ParseError(source, number, str(error), line) from error
        if socket is not None:
            found.append(socket)
    return tuple(found)


def with_dual(sockets: tuple[Socket, ...]) -> tuple[Socket, ...]:
    """Both families' sockets together, v6 wildcards judged."""
    v4 = {(s.proto, s.port) for s in sockets if s.family is Family.V4 and not s.address}
    return tuple(
        _dual(socket)
        if socket.family is Family.V6
        and not socket.address
        and (socket.proto, socket.port) not in v4
        else socket
        for socket in sockets
    )


def _dual(socket: Socket) -> Socket:
    return Socket(
        socket.proto,
        socket.family,
        0,
        socket.port,
        dual=True,
        backlog=socket.backlog,
        queued=socket.queued,
        peer=socket.peer,
        raw=socket.raw,
    )


def _socket(words: list[str], proto: Proto, raw: str) -> Socket | None:
    if len(words) < 5 or not words[0].endswith(":"):
        raise ValueError("not a socket's line")
    state = words[3]
    connected = proto is Proto.UDP and state == _ESTABLISHED
    wanted = _LISTEN if proto is Proto.TCP else _CLOSE
    family, address, port = _endpoint(words[1])
    _, peer_address, peer_port = _endpoint(words[2])
    if state != wanted and not connected:
        return None
    queue = words[4].partition(":")[2]
    return Socket(
        proto=proto,
        family=family,
        address=address,
        port=port,
        queued=int(queue, 16) if queue else 0,
        peer=(peer_address, peer_port) if connected else None,
        raw=raw,
    )


def _endpoint(text: str) -> tuple[Family, int, int]:
    host, _, port = text.partition(":")
    if len(host) not in (8, 32) or len(port) != 4:
        raise ValueError(f"not an address and port: {text[:60]!r}")
    words = [bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8)]
    if any(len(word) != 4 for word in words):
        raise ValueError(f"not an address: {host!r}")
    value = int.from_bytes(b"".join(words), "big")
    family = Family.V4 if len(host) == 8 else Family.V6
    if family is Family.V6 and value >> 32 == 0xFFFF:
        family, value = Family.V4, value & 0xFFFFFFFF
    return family, value, int(port, 16)
