"""The servers of a lab: one thread answers for every pod, node and the outside.

Over TCP and SCTP a server first says who it is and whom it sees, then reads a line with a number N
and N bytes, and sends N bytes back. Over UDP it answers every datagram in the same words, padded to
the datagram's size. A kernel without SCTP has no servers of it.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
from contextlib import suppress

from msgspec import Struct

from tests.lab.lab import OUTSIDE, Lab
from tests.lab.namespaces import Netns, inside
from tests.lab.probe import PROTOCOLS, speaks_sctp
from tests.lab.topology import NODE_PORT, OUTSIDE_PORT, Listener

_FILLER = b"." * 65536


class _Conversation(Struct):
    """A TCP connection: what was read of the header, and how much is still to come and to go."""

    sock: socket.socket
    header: bytes = b""
    size: int = -1
    left: int = 0
    owed: int = 0


class Servers:
    """Serves while it is open; a context manager."""

    def __init__(self, lab: Lab) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._sockets: list[socket.socket] = []
        for name, namespace, listener in _listeners(lab):
            made = _open(namespace, listener, six=6 in lab.cluster.families)
            answer = self._echo if listener.protocol == "udp" else self._accept
            self._selector.register(made, selectors.EVENT_READ, (answer, name))
            self._sockets.append(made)
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> Servers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _loop(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                act, name = key.data
                with suppress(OSError):
                    act(key.fileobj, name)

    def _accept(self, server: socket.socket, name: str) -> None:
        sock, peer = server.accept()
        here = sock.getsockname()
        sock.sendall(_banner(name, here[0], here[1], peer[0]))
        sock.setblocking(False)
        talk = _Conversation(sock)
        self._selector.register(sock, selectors.EVENT_READ, (self._converse, talk))

    def _converse(self, sock: socket.socket, talk: _Conversation) -> None:
        try:
            self._step(talk)
        except BlockingIOError:
            return
        except OSError:
            self._end(sock)

    def _step(self, talk: _Conversation) -> None:
        if talk.owed:
            talk.owed -= talk.sock.send(_FILLER[: talk.owed])
            if not talk.owed:
                self._watch(talk, selectors.EVENT_READ)
            return
        data = talk.sock.recv(65536)
        if not data:
            self._end(talk.sock)
            return
        if talk.size < 0:
            talk.header += data
            line, found, data = talk.header.partition(b"\n")
            if not found:
                return
            talk.size = talk.left = int(line)
        talk.left -= len(data)
        if talk.left <= 0:
            talk.owed, talk.left = talk.size, 0
            self._watch(talk, selectors.EVENT_WRITE)

    def _watch(self, talk: _Conversation, events: int) -> None:
        self._selector.modify(talk.sock, events, (self._converse, talk))

    def _end(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def _echo(self, server: socket.socket, name: str) -> None:
        data, peer = server.recvfrom(65536)
        port = server.getsockname()[1]
        words = _banner(name, "", port, peer[0])
        server.sendto(words.ljust(len(data), b"."), peer)


def _banner(name: str, address: str, port: int, seen: str) -> bytes:
    plain = seen.removeprefix("::ffff:")
    return f"{name} {address.removeprefix('::ffff:') or '-'} {port} {plain}\n".encode()


def _listeners(lab: Lab) -> list[tuple[str, Netns, Listener]]:
    found = [(n.id, lab.node(n.name), Listener("tcp", NODE_PORT)) for n in lab.cluster.nodes]
    found += [(OUTSIDE, lab.outside, Listener(p, OUTSIDE_PORT)) for p in ("tcp", "udp")]
    for pod in lab.cluster.pods:
        found += [(pod.id, lab.pod(pod.name), listener) for listener in pod.listeners]
    return [each for each in found if each[2].protocol != "sctp" or speaks_sctp()]


def _open(namespace: Netns, listener: Listener, *, six: bool) -> socket.socket:
    six = ":" in listener.address or (six and not listener.address)
    datagrams = listener.protocol == "udp"
    kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    family = socket.AF_INET6 if six else socket.AF_INET
    with inside(namespace):
        made = socket.socket(family, kind, PROTOCOLS[listener.protocol])
        if six and not listener.address:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((listener.address or ("::" if six else "0.0.0.0"), listener.port))
        if not datagrams:
            made.listen(256)
    made.setblocking(False)
    return made
