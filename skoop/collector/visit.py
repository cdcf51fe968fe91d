"""One node: from the wish to its document, or the reason why there is none."""

from __future__ import annotations

import time
from typing import Final

import msgspec
from msgspec import Struct

from skoop.cluster.api import ApiClient, ApiError, At, ForbiddenError, NotFoundError, Selection
from skoop.cluster.api.resource import EVENTS, PODS
from skoop.collector import labels
from skoop.collector.board import Board, Sight
from skoop.collector.document import parse_agent_output
from skoop.collector.exec import ExecError, execute
from skoop.collector.options import CollectorOptions
from skoop.collector.packing import unpack
from skoop.collector.podspec import Assignment
from skoop.collector.podstate import PodState, Standing, decode_pod
from skoop.collector.script import PodOnNode, agent_input
from skoop.collector.yard import Yard
from skoop.errors import AccessError, ParseError
from skoop.model.progress import NodeFinished, NodeStage, Observer
from skoop.snapshot import NodeDocument

NO_TOOL: Final = 3
"""The agent's status when iproute2 is missing."""
_NO_NSENTER = "nsenter is not installed"
_NO_SHELL = ("executable file not found", "no such file or directory")


class FailedError(AccessError):
    """A node's collection failed; the text is a clause."""


class UnsuitableError(FailedError):
    """The image lacks what the agent needs; another one may do."""


class IncompleteError(UnsuitableError):
    """A document without the pods, because the image cannot enter their namespaces."""

    def __init__(self, document: NodeDocument) -> None:
        self.document = document
        super().__init__(f"its image does not do: {_NO_NSENTER}")


class Place(Struct, frozen=True):
    """A running container to read from."""

    namespace: str
    pod: str
    container: str = labels.CONTAINER


class Visitor:
    """Reads nodes for one run. Used by many threads."""

    def __init__(
        self,
        client: ApiClient,
        options: CollectorOptions,
        board: Board,
        yard: Yard,
        observe: Observer,
    ) -> None:
        self._client, self._options = client, options
        self._board, self._yard, self._observe = board, yard, observe

    def with_pod(self, assignment: Assignment, pods: tuple[PodOnNode, ...]) -> NodeDocument:
        """A node's document by a pod of its own, which is left for the yard to remove. Raises
        FailedError; AccessError when the API server cannot be reached; StoppedError when the run
        ends."""
        until = time.monotonic() + self._options.timeout
        self._observe(NodeStage(assignment.node, f"starting a pod from {assignment.image}"))
        try:
            self._yard.make(assignment)
        except ApiError as error:
            raise FailedError(_not_made(error, self._options.namespace)) from None
        self._await(assignment, until)
        place = Place(self._options.namespace, assignment.name)
        return self.read(place, assignment.node, pods, until)

    def read(
        self, place: Place, node: str, pods: tuple[PodOnNode, ...], until: float
    ) -> NodeDocument:
        """A node's document by the agent in a running container. What broke on the way is tried
        once more, as long as time.monotonic() is below `until`. Raises FailedError."""
        self._observe(NodeStage(node, "reading"))
        try:
            return self._run_agent(place, node, pods, until)
        except (ExecError, ParseError) as error:
            lost = isinstance(error, ParseError) or error.again
            if not lost or time.monotonic() >= until or self._ended(place.pod):
                raise self._failure(place, error) from None
            if isinstance(error, ExecError) and error.unauthorized:
                self._client.renew()
        try:
            return self._run_agent(place, node, pods, until)
        except (ExecError, ParseError) as error:
            raise self._failure(place, error) from None

    def _failure(self, place: Place, error: ExecError | ParseError) -> FailedError:
        if any(words in str(error) for words in _NO_SHELL):
            return UnsuitableError(f"its image has no shell: {error}")
        ended = self._ended(place.pod)
        return FailedError(f"reading it failed: {error}" + (f"; {ended}" if ended else ""))

    def _run_agent(
        self, place: Place, node: str, pods: tuple[PodOnNode, ...], until: float
    ) -> NodeDocument:
        query = (("container", place.container), ("command", "sh"), ("command", "-s"))
        streams = (("stdin", "true"), ("stdout", "true"), ("stderr", "true"))
        at = At(PODS, place.namespace, place.pod, "exec")
        done = execute(
            self._client.websocket(at, query + streams),
            agent_input(pods),
            timeout=max(1.0, until - time.monotonic()),
            scrub=self._client.scrub,
        )
        if done.status == NO_TOOL:
            raise UnsuitableError(f"its image does not do: {done.stderr}")
        if done.status:
            raise FailedError(f"the agent failed with status {done.status}: {done.stderr[-300:]}")
        source = f"the collector on {node}"
        document = parse_agent_output(unpack(done.stdout, source), node, source)
        if any(note.startswith(_NO_NSENTER) for note in document.notes):
            raise IncompleteError(document)
        self._observe(NodeFinished(node, len(document.namespaces), len(done.stdout)))
        return document

    def _await(self, assignment: Assignment, until: float) -> None:
        try:
            sight = self._board.wait(assignment.name, until)
        except AccessError as error:
            raise FailedError(f"its pod could not be watched: {error}") from None
        if sight is None or not sight.decided:
            sight = self._asked(assignment.name)  # Should the watch have been silent.
        if sight is not None and sight.state.standing is Standing.RUNNING and not sight.gone:
            return
        said = sight.said if sight else ""
        if not said and sight is not None and sight.gone:
            said = "its pod was deleted by somebody else"
        elif not said:
            waited = f"its pod did not start within {self._options.timeout:.0f} s"
            said = ": ".join(filter(None, (waited, self._events(assignment.name))))
        elif "BackOff" in said and "ErrImagePull" not in said:
            said = "; ".join(filter(None, (said, self._events(assignment.name))))
        if any(words in said for words in _NO_SHELL):
            raise UnsuitableError(said)
        raise FailedError(said)

    def _asked(self, name: str) -> Sight | None:
        try:
            data = self._client.get(At(PODS, self._options.namespace, name))
        except NotFoundError:
            return Sight(PodState(), gone=True)
        except AccessError:
            return None
        state = decode_pod(data)
        return Sight(state, state.why)

    def _ended(self, name: str) -> str:
        """What became of a pod that is no more; "" while it runs, or nothing is known."""
        sight = self._board.seen(name)
        if sight is None or (sight.state.standing is not Standing.FAILED and not sight.gone):
            return ""
        return sight.said or "its pod was deleted by somebody else"

    def _events(self, name: str) -> str:
        """The last warning about a pod, else whatever was last said of it, as "reason: message";
        "" when there is nothing to be had."""
        at = At(EVENTS, self._options.namespace)
        try:
            pages = self._client.pages(at, Selection(fields=f"involvedObject.name={name}"))
        except AccessError:
            return ""
        events = [_decoded(bytes(raw)) for page in pages for raw in page.items]
        # "Error: ErrImagePull" and the like repeat the state.
        events = [each for each in events if each.reason and not each.message.startswith("Error: ")]
        if not events:
            return ""
        last = max(events, key=lambda each: (each.type == "Warning", each.when))
        return f"{last.reason}: {' '.join(last.message.split())[:300]}"


class _Event(Struct, frozen=True, rename="camel"):
    type: str = ""
    reason: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def when(self) -> str:
        """RFC 3339, so that later is greater."""
        return self.last_timestamp or self.event_time or ""


def _decoded(data: bytes) -> _Event:
    try:
        return msgspec.json.decode(data, type=_Event)
    except (msgspec.MsgspecError, UnicodeError):
        return _Event()


def _not_made(error: ApiError, namespace: str) -> str:
    """Why a pod was refused. What PodSecurity forbids is 403 too, and no matter of RBAC."""
    said = " ".join(error.message.split()).rstrip(".")
    if "violates PodSecurity" in said:
        return (
            f"PodSecurity admission of namespace {namespace} refuses its pod ({said}); take a"
            " namespace that allows privileged pods with --collector-namespace"
        )
    if isinstance(error, ForbiddenError):
        return f"its pod may not be created: this needs {error.missing} ({said})"
    if error.status == 404:
        return f"its pod could not be created: {said or f'no namespace {namespace}'}"
    return f"its pod was refused: {said or error.reason}"
