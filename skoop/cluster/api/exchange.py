"""One request and its answer, as often as it takes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from skoop.cluster.api.connection import Connection
from skoop.cluster.api.errors import ApiError, BrokenAnswerError, UnreachableError, refusal
from skoop.cluster.api.resource import Call
from skoop.cluster.api.retry import Patience
from skoop.errors import AccessError

_METHODS = {
    "create": "POST",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
_BODIES = {"patch": "application/apply-patch+yaml"}
_SHOWN = 300
_T = TypeVar("_T")


class Ask(Struct, frozen=True, kw_only=True):
    """A request. `until` (time.monotonic()) is when its answer is no longer wanted; until then the
    server may be silent. 0: the client's own patience holds."""

    call: Call
    path: str
    query: Mapping[str, str] = {}
    body: bytes | None = None
    until: float = 0.0
    accept: str = "application/json"

    @property
    def url(self) -> str:
        """The path with its query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def overdue(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return bool(self.until) and time.monotonic() >= self.until


class Exchange:
    """Sends requests over a connection that it can renew. For many threads."""

    def __init__(self, connect: Callable[[], Connection], patience: Patience) -> None:
        self._connect = connect
        self.connection = connect()
        self.patience = patience
        self.counts: Counter[str] = Counter()
        self._generation = 0
        self._lock = threading.Lock()

    def count(self, call: Call) -> None:
        """Count a request."""
        with self._lock:
            self.counts[f"{call.verb} {call.at.rbac}"] += 1

    def renew(self) -> None:
        """Read the kubeconfig and run its plugins again."""
        self._renew(self._generation)

    def __call__(
        self,
        ask: Ask,
        take: Callable[[Call, Any], _T],
        lost: Callable[[], None] = lambda: None,
    ) -> _T:
        """What `take` makes of a successful answer; `lost` is told of every attempt of which it is
        not known whether the server acted on it. Raises AccessError's subclasses."""
        renewed, attempt = False, 0
        while True:
            attempt += 1
            connection, generation = self.connection, self._generation
            outcome = self._once(connection, ask, take, lost)
            if isinstance(outcome, _Got):
                return outcome.value
            if outcome.unauthorized and not renewed:
                renewed = True
                self._renew(generation)
            elif not outcome.again(self.patience, attempt) or ask.overdue:
                raise outcome.error
            else:
                self.patience.wait(attempt, outcome.retry_after)

    def _once(
        self,
        connection: Connection,
        ask: Ask,
        take: Callable[[Call, Any], _T],
        lost: Callable[[], None],
    ) -> _Got[_T] | _Failed:
        from urllib3.exceptions import HTTPError, NewConnectionError

        try:
            response = self._send(connection, ask)
            if 200 <= response.status < 300:
                return _Got(take(ask.call, response))
            refused = refusal(ask.call, response.status, response.read())
            response.release_conn()
            return _Failed(refused, retry_after=response.headers.get("Retry-After", ""))
        except BrokenAnswerError as broken:
            return _Failed(broken)
        except (HTTPError, OSError) as problem:
            unreachable = UnreachableError(_sentence(connection, ask.call, problem))
            if isinstance(problem, NewConnectionError):
                return _Failed(unreachable, brief=True)
            lost()
            return _Failed(unreachable, final=_is_about_certificates(problem))

    def _send(self, connection: Connection, ask: Ask) -> Any:
        from urllib3 import Timeout

        self.count(ask.call)
        headers = {"Accept": ask.accept}
        if ask.body is not None:
            headers["Content-Type"] = _BODIES.get(ask.call.verb, "application/json")
        if not connection.local and ask.call.verb in ("get", "list"):
            headers["Accept-Encoding"] = "gzip"
        return connection.request(
            _METHODS.get(ask.call.verb, "GET"),
            ask.url,
            headers,
            ask.body,
            Timeout(connect=self.patience.connect, read=self._silence(ask)),
        )

    def _silence(self, ask: Ask) -> float:
        return max(ask.until - time.monotonic(), 0.1) if ask.until else self.patience.read

    def _renew(self, generation: int) -> None:
        """New credentials, unless another thread has fetched them since."""
        with self._lock:
            if self._generation == generation:
                self.connection = self._connect()
                self._generation += 1


class _Got(Generic[_T]):
    def __init__(self, value: _T) -> None:
        self.value = value


class _Failed(Struct, frozen=True):
    """An attempt that came to nothing. `brief`: nobody may be there at all, so ask only shortly;
    `final`: asking again would not help."""

    error: AccessError
    retry_after: str = ""
    brief: bool = False
    final: bool = False

    @property
    def unauthorized(self) -> bool:
        return isinstance(self.error, ApiError) and self.error.status == 401

    def again(self, patience: Patience, attempt: int) -> bool:
        if self.final:
            return False
        if isinstance(self.error, ApiError):
            return patience.again_after_status(self.error.call.verb, self.error.status, attempt)
        return patience.again_after_loss(attempt, brief=self.brief)


def decode(call: Call, data: bytes, kind: type[_T]) -> _T:
    """JSON that is whole. Raises BrokenAnswerError."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BrokenAnswerError(call, f"{error}, in {len(data)} bytes") from None


def whole(_: Call, response: Any) -> bytes:
    """The body of an answer."""
    data: bytes = response.read(decode_content=True)
    response.release_conn()
    return data


def _is_about_certificates(problem: BaseException) -> bool:
    """They do not change by asking again."""
    return "certificate" in str(problem).lower()


def _sentence(connection: Connection, call: Call, problem: BaseException) -> str:
    text = " ".join(connection.scrub(str(problem)).split())
    # urllib3 puts the connection object in front: "<...>: Failed to establish ...".
    text = (text.rpartition(">: ")[2] or type(problem).__name__)[:_SHOWN].rstrip(".")
    return f"Cannot reach the API server {connection.shown_host} ({call}): {text}."
