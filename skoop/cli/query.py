"""From flags to a question, and from a state source to a session that answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec.structs import replace

from skoop.cli.live import LiveFlags, live_session
from skoop.errors import UsageError
from skoop.model.disposition import Verdict
from skoop.model.request import Overrides, Request

if TYPE_CHECKING:
    from skoop.cli.plugged import Asked
    from skoop.model.diagnosis import Diagnosis
    from skoop.network.base import Context, Network
    from skoop.network.session import Session
    from skoop.network.walks import LiveFactory
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
    """Which provider is meant, with what options; `live` asks its cloud now, `emulated` shows what
    its cloud has no object for."""

    name: str
    asked: Asked
    live: bool = False
    debug: Callable[[str], None] | None = None
    emulated: bool = False

    def shown(self, diagnosis: Diagnosis) -> Diagnosis:
        """The diagnosis with as much of the cloud as was asked for."""
        from skoop.report.emulated import without_emulated

        return diagnosis if self.emulated else without_emulated(diagnosis)


class Answering(Protocol):
    """What answers requests: a session over a snapshot, or with a running cluster."""

    def diagnose(self, request: Request) -> Diagnosis:
        """Answer one. Raises SkoopError."""


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


class State(NamedTuple):
    """Where the state is from: a snapshot's path, a demo's name, or else a running cluster."""

    snapshot: str = ""
    demo: str = ""
    live: LiveFlags = LiveFlags()


@contextmanager
def open_session(state: State, cloud: CloudQuestion) -> Iterator[Answering]:
    """What answers questions about the state, for a provider. Raises UsageError, SnapshotError or
    AccessError."""
    named = [each for each in (state.snapshot, state.demo) if each]
    if cloud.name != AUTO:  # what is wrong with its options is said before anything is asked
        chosen = cloud.asked.registry.find(cloud.name)
        cloud.asked.settings(chosen, live=cloud.live or not named)
    if len(named) > 1 or (named and (state.live.kubeconfig or state.live.context)):
        raise UsageError(
            "--snapshot, --demo and --kubeconfig or --context are different sources of state; give "
            "one of them."
        )
    if not named:
        with live_session(state.live, _live_network(cloud)) as session:
            yield session
    elif state.snapshot:
        yield _open(Path(state.snapshot), cloud)
    else:
        from skoop.demo import find_demo

        with find_demo(state.demo).path() as path:
            yield _open(path, cloud)


def _live_network(cloud: CloudQuestion) -> LiveFactory:
    """A running cluster's cloud is there to be asked."""
    asking = cloud._replace(live=True)
    return lambda context, objects: create_network(context, objects, asking)


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
