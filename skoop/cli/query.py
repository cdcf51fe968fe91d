"""From flags to a question, and from a state source to a session that answers it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from skoop.errors import AccessError, UsageError
from skoop.model.disposition import Verdict
from skoop.model.request import Request

if TYPE_CHECKING:
    from skoop.network.base import NetworkFactory
    from skoop.network.session import Session

EXIT_CODES = {
    Verdict.REACHABLE: 0,
    Verdict.UNREACHABLE: 1,
    Verdict.PARTIAL: 1,
    Verdict.UNKNOWN: 3,
}
_PROTOCOLS = ("tcp", "udp", "sctp", "icmp")
_MAX_PORT = 65535
_MAX_PAYLOAD = 65507
"""What fits into one UDP datagram over IPv4."""


def parse_port(text: str) -> int | str | None:
    """A number, the name of a Service's port, or None for "". Raises UsageError."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return check_port(int(text[:9]))
    return text


def check_port(port: int) -> int:
    """Raises UsageError unless 1..65535."""
    if not 1 <= port <= _MAX_PORT:
        raise UsageError(f"There is no port {port}; ports are 1 to {_MAX_PORT}.")
    return port


def check_request(request: Request) -> Request:
    """The question, checked as far as it can be without a cluster: its port a number where it is
    one, its protocol in small letters. Raises UsageError."""
    protocol, port = request.protocol.lower(), request.port
    if not request.src or not request.dst:
        raise UsageError("A source and a destination are needed: skoop diagnose SRC DST.")
    if protocol not in _PROTOCOLS:
        raise UsageError(
            f"Unknown protocol {request.protocol!r}; there are {', '.join(_PROTOCOLS)}."
        )
    if isinstance(port, int):
        check_port(port)
    elif port is not None:
        port = parse_port(port)
    if request.sport:
        check_port(request.sport)
    if not 0 <= request.size <= _MAX_PAYLOAD:
        raise UsageError(f"A payload has 0 to {_MAX_PAYLOAD} bytes, not {request.size}.")
    return replace(request, port=port, protocol=protocol)


def open_session(snapshot: str, demo: str, provider: str) -> Session:
    """Load the state once, for a provider by name. Raises UsageError, SnapshotError or
    AccessError."""
    from skoop.provider.registry import find_provider

    create_network = find_provider(provider).create_network
    if snapshot and demo:
        raise UsageError("--snapshot and --demo are two sources of state; give one of them.")
    if not snapshot and not demo:
        raise AccessError(
            "This version reads snapshots only, not live clusters. Give --snapshot PATH (made "
            "with `skoop collect`), or try --demo NAME."
        )
    from skoop.demo import find_demo

    if snapshot:
        return _open(Path(snapshot), create_network)
    with find_demo(demo).path() as path:
        return _open(path, create_network)


def _open(path: Path, create_network: NetworkFactory) -> Session:
    from skoop.network.session import Session
    from skoop.snapshot import load

    return Session.open(load(path), create_network)
