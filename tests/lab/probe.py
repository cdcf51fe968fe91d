"""Asking the kernel: real sockets from inside a namespace, and words for what became of them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from msgspec import Struct

from tests.lab.namespaces import Netns, inside

TIMEOUT = 0.3
"""Seconds. A path of a lab answers within two milliseconds."""

# ip(7) and linux/net/ipv4/icmp.c icmp_err_convert: what a socket is told.
_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.EINVAL: "invalid",
    errno.EMSGSIZE: "msgsize",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EPROTO: "unreachable",
    errno.ENOPROTOOPT: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.ENOKEY: "unreachable",  # what wg_xmit() returns reaches sendto() of UDP
    errno.EDESTADDRREQ: "unreachable",
    errno.ENOBUFS: "timeout",  # a veth dropped it; only a socket with IP_RECVERR hears of it
}
_ECHO, _ECHO6 = 8, 128
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DO = 10, 23, 2
_IP_RECVERR, _IPV6_RECVERR = 11, 25
PROTOCOLS = {
    "tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": 132, "icmp": socket.IPPROTO_ICMP,
}  # fmt: skip


@cache
def speaks_sctp() -> bool:
    """Whether this machine's kernel does."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, PROTOCOLS["sctp"]).close()
    except OSError:
        return False
    return True


class Shot(Struct, frozen=True, kw_only=True):
    """One attempt to make. `sport` 0 lets the kernel choose; `size` is a payload in bytes, each
    way."""

    namespace: Netns
    address: str
    port: int
    protocol: str = "tcp"
    sport: int = 0
    size: int = 0
    df: bool = False


class Hit(Struct, frozen=True, order=True):
    """What one attempt came to. `server` is "pod/NS/NAME:PORT" or the like, "" when nobody
    answered; `seen_source` the client's address as the server saw it; `phase` how far it got."""

    result: str
    server: str = ""
    seen_source: str = ""
    phase: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What is compared."""
        return (self.result, self.server, self.seen_source)


def shoot(shots: Iterable[Shot], *, timeout: float = TIMEOUT, width: int = 128) -> list[Hit]:
    """Make all attempts, up to `width` at a time, in the order given."""
    with ThreadPoolExecutor(width) as pool:
        return list(pool.map(lambda shot: fire(shot, timeout=timeout), shots))


def fire(shot: Shot, *, timeout: float = TIMEOUT) -> Hit:
    """Make one attempt."""
    kind = socket.SOCK_STREAM if shot.protocol in ("tcp", "sctp") else socket.SOCK_DGRAM
    family = socket.AF_INET6 if ":" in shot.address else socket.AF_INET
    protocol = PROTOCOLS[shot.protocol]
    if shot.protocol == "icmp" and family == socket.AF_INET6:
        protocol = socket.IPPROTO_ICMPV6
    progress = ["socket"]
    try:
        with inside(shot.namespace):
            sock = socket.socket(family, kind, protocol)
        with sock:
            sock.settimeout(timeout)
            if shot.sport:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", shot.sport))
            if shot.df:
                _forbid_fragments(sock, family)
            datagrams = _echo if shot.protocol == "icmp" else _datagram
            talk = _stream if kind == socket.SOCK_STREAM else datagrams
            server, seen = talk(sock, shot, progress.append)
        return Hit("ok", server, seen, progress[-1])
    except OSError as error:
        number = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno
        return Hit(_WORDS.get(number or 0, f"errno-{number}"), phase=progress[-1])


def _forbid_fragments(sock: socket.socket, family: socket.AddressFamily) -> None:
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DO)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DO)


def _hear_errors(sock: socket.socket) -> None:
    """Without IP_RECVERR a UDP socket is not told of net and host unreachable (udp_err, which
    takes them for passing troubles), and a path that says no would look like one that is silent."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def _stream(sock: socket.socket, shot: Shot, reached: Callable[[str], None]) -> tuple[str, str]:
    reached("connect")
    sock.connect((shot.address, shot.port))
    reached("banner")
    words = b""
    while not words.endswith(b"\n"):
        data = sock.recv(4096)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "closed before the banner")
        words += data
    if shot.size:
        reached("upload")
        sock.sendall(f"{shot.size}\n".encode() + b"." * shot.size)
        reached("download")
        left = shot.size
        while left > 0:
            data = sock.recv(65536)
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "closed in the download")
            left -= len(data)
    return _parse(words)


def _datagram(sock: socket.socket, shot: Shot, reached: Callable[[str], None]) -> tuple[str, str]:
    _hear_errors(sock)
    reached("connect")
    sock.connect((shot.address, shot.port))
    reached("send")
    sock.send(b"." * max(shot.size, 1))
    reached("answer")
    return _parse(sock.recv(65536))


def _echo(sock: socket.socket, shot: Shot, reached: Callable[[str], None]) -> tuple[str, str]:
    """A ping socket (ping_group_range) gets the answers to its own requests alone. Who answers,
    and which address it saw, no answer tells."""
    _hear_errors(sock)
    reached("connect")
    sock.connect((shot.address, 0))
    reached("send")
    kind = _ECHO if sock.family == socket.AF_INET else _ECHO6
    sock.send(bytes((kind, 0, 0, 0, 0, 0, 0, 1)) + b"." * shot.size)
    reached("answer")
    try:
        sock.recv(65536)
    except OSError as error:
        # A router that knows a shorter way tells the socket, too (ping_err()), and sends it on.
        if error.errno != errno.EREMOTEIO:
            raise
        sock.recv(65536)
    return "", ""


def _parse(words: bytes) -> tuple[str, str]:
    name, _, port, seen = words.decode().split("\n")[0].rstrip(".").split()
    return f"{name}:{port}", seen
