"""`wg show all WORD` -> the WireGuard devices. Columns: wireguard-tools src/show.c.

One word at a time, because what prints everything prints private keys too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from skoop.errors import ParseError
from skoop.model.address import Family, Prefix, parse_ip, parse_prefix
from skoop.netstack.dump.number import to_number
from skoop.netstack.state import Link, Wireguard, WireguardPeer

_T = TypeVar("_T")
Peer = tuple[str, str]
"""A device's name and a peer's public key."""
Endpoint = tuple[Family, int, int]

_KEY = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)
_MARK = re.compile(r"0x[0-9a-f]{1,8}", re.ASCII)
_NONE = "(none)"
_MOST_PORT = 65535


class Told(Struct, frozen=True):
    """What the words told. `met` is None when that was not collected."""

    keys: Mapping[str, str]
    ports: Mapping[str, int]
    marks: Mapping[str, int]
    endpoints: Mapping[Peer, Endpoint | None]
    allowed: Mapping[Peer, tuple[Prefix, ...]]
    met: Mapping[Peer, bool] | None


def read_keys(text: str, source: str) -> Mapping[str, str]:
    """Each device's public key, "" where it has none. Raises ParseError."""
    return _devices(text, source, lambda key: "" if key == _NONE else _key(key))


def read_listen_ports(text: str, source: str) -> Mapping[str, int]:
    """Each device's UDP port. Raises ParseError."""
    return _devices(text, source, _port)


def read_fwmarks(text: str, source: str) -> Mapping[str, int]:
    """The mark of the packets that a device sends, 0 for none. Raises ParseError."""
    return _devices(text, source, _mark)


def read_endpoints(text: str, source: str) -> Mapping[Peer, Endpoint | None]:
    """Where each peer is. Raises ParseError.

    Of this word alone wg names a device only once, before its first peer, and without ending the
    line where it has none.
    """
    found: dict[Peer, Endpoint | None] = {}
    device = ""
    for number, line in enumerate(text.split("\n"), 1):
        *devices, key, end = ("", *line.split("\t")) if "\t" in line else ("", line)
        if not end:
            continue
        device = next(filter(None, reversed(devices)), device)
        try:
            if not device:
                raise ValueError("a peer of no device")
            found[device, _key(key)] = _endpoint(end)
        except ValueError as error:
            raise ParseError(source, number, str(error), line) from error
    return found


def read_allowed(text: str, source: str) -> Mapping[Peer, tuple[Prefix, ...]]:
    """Each peer's allowed addresses. Raises ParseError."""
    return _peers(text, source, _allowed)


def read_handshakes(text: str, source: str) -> Mapping[Peer, bool]:
    """Whether a handshake with a peer was ever completed. Raises ParseError."""
    return _peers(text, source, lambda seconds: to_number(seconds) > 0)


def with_wireguard(links: tuple[Link, ...], told: Told) -> tuple[Link, ...]:
    """The links, the WireGuard devices completed: those that all words agree about."""
    agreed = told.endpoints.keys() == told.allowed.keys()
    known = told.keys.keys() & told.ports.keys() & told.marks.keys() if agreed else frozenset()
    return tuple(
        replace(link, wireguard=_device(told, link.name))
        if link.kind == "wireguard" and link.name in known
        else link
        for link in links
    )


def _device(told: Told, name: str) -> Wireguard:
    met = told.met
    return Wireguard(
        key=told.keys[name],
        port=told.ports[name],
        fwmark=told.marks[name],
        peers=tuple(
            WireguardPeer(
                key,
                told.endpoints[device, key],
                allowed,
                None if met is None else met.get((device, key)),
            )
            for (device, key), allowed in told.allowed.items()
            if device == name
        ),
    )


def _devices(text: str, source: str, read: Callable[[str], _T]) -> Mapping[str, _T]:
    return {device: value for (device,), value in _rows(text, source, 1, read)}


def _peers(text: str, source: str, read: Callable[[str], _T]) -> Mapping[Peer, _T]:
    return {(device, key): value for (device, key), value in _rows(text, source, 2, read)}


def _rows(
    text: str, source: str, columns: int, read: Callable[[str], _T]
) -> list[tuple[list[str], _T]]:
    """Each line's first columns, and what is read from the rest of it."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            continue
        words = line.split("\t")
        try:
            if len(words) != columns + 1:
                raise ValueError(f"not {columns + 1} columns")
            if columns > 1:
                _key(words[1])
            found.append((words[:-1], read(words[-1])))
        except ValueError as error:
            raise ParseError(source, number, str(error), line) from error
    return found


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(f"not a key: {text[:60]!r}")
    return text


def _port(text: str) -> int:
    port = to_number(text)
    if port > _MOST_PORT:
        raise ValueError(f"not a port: {text[:40]!r}")
    return port


def _mark(text: str) -> int:
    if text == "off":
        return 0
    if not _MARK.fullmatch(text):
        raise ValueError(f"not a mark: {text[:40]!r}")
    return int(text, 16)


def _endpoint(text: str) -> Endpoint | None:
    """ "10.0.0.1:51820", "[fd00::1]:51820". One with a zone, which is a link-local one, is not
    read: the device it names would have to be followed."""
    if text == _NONE:
        return None
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"not an address and port: {text[:60]!r}")
    family, value = parse_ip(host.removeprefix("[").removesuffix("]"))
    return family, value, _port(port)


def _allowed(text: str) -> tuple[Prefix, ...]:
    return () if text == _NONE else tuple(map(parse_prefix, text.split(" ")))
