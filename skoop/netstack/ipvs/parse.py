"""IPVS's tables from /proc/net/ip_vs, `ipvsadm -Ln` and `ipvsadm-save -n`, and its connections.

ip_vs_ctl.c (ip_vs_info_seq_show) and ip_vs_conn.c (ip_vs_conn_seq_show) print addresses in
hexadecimal: IPv4 as eight digits, IPv6 in brackets.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from skoop.errors import ParseError
from skoop.model.address import Family, parse_ip
from skoop.model.packet import Proto
from skoop.netstack.ipvs.table import (
    AnyAddress,
    Forward,
    RealServer,
    VirtualConnection,
    VirtualServer,
)

_PROTOCOLS = {"TCP": Proto.TCP, "UDP": Proto.UDP, "SCTP": Proto.SCTP}
_FORWARDS = {each.value: each for each in Forward}
_OPTIONS = {"-t": Proto.TCP, "-u": Proto.UDP, "--sctp-service": Proto.SCTP}
_WAYS = {"-m": Forward.MASQ, "-g": Forward.ROUTE, "-i": Forward.TUNNEL}

_Read = Callable[[str], tuple[AnyAddress, int]]


def read_proc(text: str, source: str) -> tuple[VirtualServer, ...]:
    """/proc/net/ip_vs. Raises ParseError."""
    return _listed(text, source, _hexadecimal, mark_base=16)


def read_listing(text: str, source: str) -> tuple[VirtualServer, ...]:
    """`ipvsadm -Ln` (`ipvsadm -L -n`). Raises ParseError."""
    return _listed(text, source, _decimal, mark_base=10)


def _listed(text: str, source: str, read: _Read, *, mark_base: int) -> tuple[VirtualServer, ...]:
    found: list[VirtualServer] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0] in ("IP", "Prot") or words[:2] == ["->", "RemoteAddress:Port"]:
            continue
        try:
            if words[0] == "->":
                server = _real_server(words, read)
                found[-1] = replace(found[-1], servers=(*found[-1].servers, server))
            else:
                found.append(_virtual_server(words, read, mark_base))
        except (ValueError, IndexError, KeyError) as error:
            problem = f"not a line of IPVS ({error})"
            raise ParseError(source, number, problem, line) from None
    return tuple(found)


def _virtual_server(words: list[str], read: _Read, mark_base: int) -> VirtualServer:
    options = words[3:]
    persistent = options[options.index("persistent") + 1] if "persistent" in options else "0"
    if words[0] == "FWM":
        made = VirtualServer(fwmark=int(words[1], mark_base))
    else:
        address, port = read(words[1])
        made = VirtualServer(proto=_PROTOCOLS[words[0]], address=address, port=port)
    # As ipvsadm lists it: nobody reads the addresses of /proc/net/ip_vs.
    raw = " ".join((words[0], str(made) if words[0] != "FWM" else words[1], *words[2:]))
    return replace(made, scheduler=words[2], persistent=int(persistent), raw=raw)


def _real_server(words: list[str], read: _Read) -> RealServer:
    address, port = read(words[1])
    return RealServer(address, port, int(words[3]), _FORWARDS[words[2]])


def _hexadecimal(text: str) -> tuple[AnyAddress, int]:
    """ "0A600001:0050", "[fd00:...]:0050"."""
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        return parse_ip(host.strip("[]")), int(port, 16)
    return (Family.V4, int(host, 16)), int(port, 16)


def _decimal(text: str) -> tuple[AnyAddress, int]:
    host, _, port = text.rpartition(":")
    return parse_ip(host.strip("[]")), int(port)


def read_saved(text: str, source: str) -> tuple[VirtualServer, ...]:
    """`ipvsadm-save -n`. Raises ParseError."""
    found: dict[tuple[str, str], VirtualServer] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            option, target = words[1], words[2]
            given = _given(words[3:])
            if words[0] == "-A":
                found[option, target] = _saved_server(option, target, given, line)
            elif words[0] == "-a":
                whole = found[option, target]
                found[option, target] = replace(whole, servers=(*whole.servers, _saved_real(given)))
            else:
                raise ValueError(f"{words[0]!r} is not -A or -a")
        except (ValueError, IndexError, KeyError) as error:
            problem = f"not a line of ipvsadm-save ({error})"
            raise ParseError(source, number, problem, line) from None
    return tuple(found.values())


def _given(words: list[str]) -> dict[str, str]:
    """Options with their values; "" for those that have none."""
    found: dict[str, str] = {}
    for position, word in enumerate(words):
        following = words[position + 1] if position + 1 < len(words) else ""
        if word.startswith("-"):
            found[word] = "" if following.startswith("-") else following
    return found


def _saved_server(option: str, target: str, given: dict[str, str], line: str) -> VirtualServer:
    if option == "-f":
        made = VirtualServer(fwmark=int(target))
    else:
        address, port = _decimal(target)
        made = VirtualServer(proto=_OPTIONS[option], address=address, port=port)
    persistent = int(given["-p"] or 300) if "-p" in given else 0
    return replace(made, scheduler=given.get("-s", "wlc"), persistent=persistent, raw=line.strip())


def _saved_real(given: dict[str, str]) -> RealServer:
    address, port = _decimal(given["-r"])
    way = next((forward for word, forward in _WAYS.items() if word in given), Forward.ROUTE)
    return RealServer(address, port, int(given.get("-w") or 1), way)


def read_connections(text: str, source: str) -> tuple[VirtualConnection, ...]:
    """/proc/net/ip_vs_conn. Templates of persistence (client port 0) are left out: they tell which
    server a client had, not that it still counts. Raises ParseError."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0] in ("Pro", "IP"):
            continue
        try:
            made = _connection(words, line)
        except (ValueError, IndexError, KeyError) as error:
            problem = f"not a line of ip_vs_conn ({error})"
            raise ParseError(source, number, problem, line) from None
        if made.client_port:
            found.append(made)
    return tuple(found)


def _connection(words: list[str], line: str) -> VirtualConnection:
    def end(at: int) -> tuple[AnyAddress, int]:
        host = words[at]
        address = parse_ip(host) if ":" in host else (Family.V4, int(host, 16))
        return address, int(words[at + 1], 16)

    client, client_port = end(1)
    address, port = end(3)
    server, server_port = end(5)
    return VirtualConnection(
        proto=_PROTOCOLS[words[0]], client=client, client_port=client_port, address=address,
        port=port, server=server, server_port=server_port, state=words[7], raw=line.strip(),
    )  # fmt: skip
