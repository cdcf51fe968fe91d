"""`ss -H -lntu` -> Socket. Columns: iproute2 misc/ss.c.

An IPv6 socket that also takes IPv4 is printed `*`; one that does not, `[::]` (before iproute2 4.16
the first was `:::80` and `*:80` meant IPv4: told apart by a `:::` anywhere in the text).
"""

from __future__ import annotations

from skoop.errors import ParseError
from skoop.model.address import Family, parse_ip
from skoop.model.packet import Proto
from skoop.netstack.dump.number import to_number
from skoop.netstack.state import Socket

_PROTOCOLS = {"tcp": Proto.TCP, "udp": Proto.UDP, "sctp": Proto.SCTP}
# Netids whose sockets receive no first TCP, UDP or SCTP packet.
_OTHERS = frozenset(
    [
        "raw",
        "icmp",
        "icmp6",
        "p_raw",
        "p_dgr",
        "dccp",
        "u_str",
        "u_dgr",
        "u_seq",
        "nl",
        "v_str",
        "v_dgr",
        "xdp",
        "mptcp",
        "ti_st",
        "ti_rd",
        "ti_sq",
        "ti_dg",
        "???",
        "unix_sqpkt",
    ]
)
_STATES = frozenset(
    [
        "LISTEN",
        "UNCONN",
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSING",
        "UNKNOWN",
        "NEW-SYN-RECV",
        "BOUND-INACTIVE",
        "CLOSED",
    ]
)


def read_sockets(text: str, source: str, *, netid: str = "") -> tuple[Socket, ...]:
    """Sockets that can receive a first packet, and connected UDP ones. `netid` is the protocol
    when the command asked for one only (`ss -u`), which drops that column. Raises ParseError."""
    old = ":::" in text
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0] in ("Netid", "State"):
            continue
        if words[0] in _STATES:
            words.insert(0, netid)
        try:
            socket = _socket(words, old=old, raw=line.rstrip())
        except ValueError as error:
            raise ParseError(source, number, str(error), line) from error
        if socket is not None:
            found.append(socket)
    return tuple(found)


def _socket(words: list[str], *, old: bool, raw: str) -> Socket | None:
    if words[0] in _OTHERS:
        return None
    if words[0] not in _PROTOCOLS:
        raise ValueError(f"unknown netid {words[0]!r}")
    if len(words) < 6:
        raise ValueError("a socket has at least six columns")
    proto, state = _PROTOCOLS[words[0]], words[1]
    if state not in _STATES:
        raise ValueError(f"unknown state {state!r}")
    connected = proto is Proto.UDP and state == "ESTAB"
    if state not in ("LISTEN", "UNCONN") and not connected:
        return None
    address, port = _endpoint(words[4])
    host, _, device = address.partition("%")
    family, value, dual = _wildcard_or_address(host, old=old)
    peer = None
    if connected:
        peer_host, peer_port = _endpoint(words[5])
        peer = (_wildcard_or_address(peer_host.partition("%")[0], old=old)[1], peer_port)
    return Socket(
        proto=proto,
        family=family,
        address=value,
        port=port,
        dual=dual,
        device=device,
        backlog=to_number(words[3]),
        queued=to_number(words[2]),
        peer=peer,
        raw=raw,
    )


def _endpoint(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"not an address and port: {text!r}")
    # "[::]%eth0" and "[fe80::1%eth0]" both occur.
    return host.replace("[", "").replace("]", ""), 0 if port == "*" else to_number(port)


def _wildcard_or_address(host: str, *, old: bool) -> tuple[Family, int, bool]:
    if host == "*":
        return (Family.V4, 0, False) if old else (Family.V6, 0, True)
    family, value = parse_ip(host)
    if family is Family.V6 and value >> 32 == 0xFFFF:
        return Family.V4, value & 0xFFFFFFFF, False
    return family, value, old and value == 0 and family is Family.V6


def merged(sockets: tuple[Socket, ...]) -> tuple[Socket, ...]:
    """The same sockets listed by several commands, once each."""
    seen: dict[tuple[object, ...], Socket] = {}
    for socket in sockets:
        key = (
            socket.proto,
            socket.family,
            socket.address,
            socket.port,
            socket.dual,
            socket.device,
            socket.peer,
        )
        seen.setdefault(key, socket)
    return tuple(seen.values())
