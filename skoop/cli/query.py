"""From flags to a question, and from a state source to a session that answers it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from skoop.errors import AccessError, UsageError
from skoop.model.disposition import Verdict
from skoop.model.request import Overrides, Request

if TYPE_CHECKING:
    from skoop.cli.plugged import Asked
    from skoop.network.base import Context, Network
    from skoop.network.session import Session
    from skoop.snapshot import Snapshot

AUTO = "auto"

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


class CloudQuestion(NamedTuple):
    """Which provider is meant, with what options; `live` asks its cloud now."""

    name: str
    asked: Asked
    live: bool = False
    debug: Callable[[str], None] | None = None


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
    check_overrides(request.overrides)
    if request.sport:
        check_port(request.sport)
    if not 0 <= request.size <= _MAX_PAYLOAD:
        raise UsageError(f"A payload has 0 to {_MAX_PAYLOAD} bytes, not {request.size}.")
    return replace(request, port=port, protocol=protocol)


def check_overrides(overrides: Overrides) -> None:
    """Raises UsageError for what no detection could ever find, before anything is asked."""
    from skoop.cluster.detect import known_plugin

    if overrides.network_plugin:
        known_plugin(overrides.network_plugin)


def open_session(snapshot: str, demo: str, cloud: CloudQuestion) -> Session:
    """Load the state once, for a provider. Raises UsageError, SnapshotError or AccessError."""
    if cloud.name != AUTO:
        cloud.asked.registry.find(cloud.name)
    if snapshot and demo:
        raise UsageError("--snapshot and --demo are two sources of state; give one of them.")
    if not snapshot and not demo:
        raise AccessError(
            "This version reads snapshots only, not live clusters. Give --snapshot PATH (made "
            "with `skoop collect`), or try --demo NAME."
        )
    from skoop.demo import find_demo

    if snapshot:
        return _open(Path(snapshot), cloud)
    with find_demo(demo).path() as path:
        return _open(path, cloud)


def _open(path: Path, cloud: CloudQuestion) -> Session:
    from skoop.network.session import Session
    from skoop.snapshot import load

    snapshot = load(path)
    return Session.open(snapshot, lambda context: create_network(context, snapshot, cloud))


def create_network(context: Context, snapshot: Snapshot, cloud: CloudQuestion) -> Network:
    """The network of the provider that was asked for, or that the cluster asks for. Raises
    UsageError for what contradicts itself, ConfigError for its options."""
    from skoop.infra.store import Answers
    from skoop.provider.auto import choose

    collected = context.collected
    chosen = choose(
        cloud.name, cloud.asked.registry, collected.inventory.nodes, snapshot.cluster
    )  # fmt: skip
    name = chosen.provider.name
    answers = Answers()
    if name in snapshot.cloud:
        answers = Answers.decode(snapshot.cloud[name], f"cloud/{name}.json")
    complete = replace(
        context,
        collected=replace(collected, notes=(*collected.notes, *chosen.notes)),
        settings=cloud.asked.settings(chosen.provider, live=cloud.live),
        answers=answers,
        live=cloud.live,
        debug=cloud.debug,
    )
    return chosen.provider.create_network(complete)
