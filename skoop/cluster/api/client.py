"""The client: bytes in, bytes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Raw, Struct

from skoop.cluster.api.connection import Connection, WebSocketTarget
from skoop.cluster.api.errors import (
    ApiError,
    BrokenAnswerError,
    ConflictError,
    ExpiredError,
    UnreachableError,
)
from skoop.cluster.api.exchange import Ask, Exchange, decode, whole
from skoop.cluster.api.resource import At, Call, Resource
from skoop.cluster.api.retry import Patience
from skoop.cluster.api.watch import Event, EventKind, Stream

PAGE = 500
"""Objects asked for in the first page of a list."""

_FIELD_MANAGER = "skoop"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_NO_QUERY: Mapping[str, str] = {}


class _ListMeta(Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int = 0


class _List(Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()
    items: tuple[Raw, ...] | None = None


class _Named(Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Object(Struct, frozen=True):
    metadata: _Named = _Named()


class Page(Struct, frozen=True):
    """One page of a list: its document, its objects as they stand in it, the list's version, and
    how to ask for the next page ("" when this was the last)."""

    document: bytes
    items: tuple[Raw, ...]
    resource_version: str
    next: str = ""
    remaining: int = 0


class Selection(Struct, frozen=True, kw_only=True):
    """Which objects of a list, as `kubectl -l` and `--field-selector` take it; "" all."""

    labels: str = ""
    fields: str = ""

    @property
    def query(self) -> dict[str, str]:
        """As parameters of a URL."""
        given = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {key: value for key, value in given.items() if value}


ALL = Selection()


class ApiClient:
    """Asks one API server; may be used by many threads at once.

    What is throttled (429, 503), server errors (of reads and deletes) and lost connections are
    asked for again as `Patience` allows; a 401 once more with renewed credentials. Every method
    raises the subclasses of AccessError in `errors.py`.
    """

    def __init__(self, connect: Callable[[], Connection], patience: Patience) -> None:
        self._exchange = Exchange(connect, patience)

    @property
    def host(self) -> str:
        """The server's address, without credentials."""
        return self._exchange.connection.shown_host

    @property
    def patience(self) -> Patience:
        """Its timeouts and retries."""
        return self._exchange.patience

    @property
    def requests(self) -> int:
        """How many requests were sent, retries and WebSockets included."""
        return self._exchange.counts.total()

    @property
    def requests_by_call(self) -> Mapping[str, int]:
        """The same by verb and resource ("list pods")."""
        return dict(self._exchange.counts)

    def get(self, at: At, query: Mapping[str, str] = _NO_QUERY) -> bytes:
        """One object as JSON."""
        return self._exchange(Ask(call=Call("get", at), path=at.path, query=query), _checked)

    def read(self, at: At, query: Mapping[str, str] = _NO_QUERY) -> bytes:
        """Something that is no JSON, like a pod's log."""
        return self._exchange(Ask(call=Call("get", at), path=at.path, query=query), whole)

    def ask(self, path: str) -> bytes:
        """JSON from a path outside the resources ("/version")."""
        call = Call("get", At(Resource(path)))
        return self._exchange(Ask(call=call, path=path), _checked)

    def pages(self, at: At, selection: Selection = ALL, *, cached: bool = True) -> tuple[Page, ...]:
        """A whole list, in the pages the server makes of it.

        `cached` asks with resourceVersion=0, which an API server answers from its memory, at once
        and whole (it ignores the limit then), as it does for every kubelet and kube-proxy: the list
        may be a moment old. A server without that memory answers with 500 objects and then with
        all the rest, so that the number of requests does not grow with the cluster. Only a list
        that comes to nothing that way is asked for 500 by 500.
        """
        version = {"resourceVersion": "0"} if cached else {}
        try:
            return self._pages(at, selection, version, most=0)
        except ExpiredError:
            return self._pages(at, selection, {"resourceVersion": "0"}, most=0)
        except BrokenAnswerError:
            return self._pages(at, selection, {}, most=PAGE)
        except ApiError as error:
            if error.status not in (500, 504):
                raise
            return self._pages(at, selection, {}, most=PAGE)

    def _pages(
        self, at: At, selection: Selection, version: Mapping[str, str], most: int
    ) -> tuple[Page, ...]:
        """`most` bounds a page (0: nothing does)."""
        call = Call("list", at)
        query = {**selection.query, **version, "limit": str(PAGE)}
        found = [self._exchange(Ask(call=call, path=at.path, query=query), _page)]
        while found[-1].next:
            limit = most or max(PAGE, found[-1].remaining)
            query = {**selection.query, "limit": str(limit), "continue": found[-1].next}
            found.append(self._exchange(Ask(call=call, path=at.path, query=query), _page))
        return tuple(found)

    def names(self, at: At) -> Iterator[tuple[str, str]]:
        """(namespace, name) of the first objects of a list; nothing else of them is asked for."""
        query = {"limit": str(PAGE), "resourceVersion": "0"}
        ask = Ask(call=Call("list", at), path=at.path, query=query, accept=_METADATA_ONLY)
        for raw in self._exchange(ask, _page).items:
            metadata = msgspec.json.decode(raw, type=_Object).metadata
            yield metadata.namespace, metadata.name

    def create(self, at: At, body: bytes) -> bytes:
        """Create an object; what the server made of it. When the connection was lost half-way and
        the object is there on the next try, it was the first that made it."""
        lost: list[bool] = []
        ask = Ask(call=Call("create", at), path=at.path, body=body)
        try:
            return self._exchange(ask, _checked, lambda: lost.append(True))
        except ConflictError:
            name = msgspec.json.decode(body, type=_Object).metadata.name
            if not lost or not name:
                raise
            return self.get(At(at.resource, at.namespace, name))

    def apply(self, at: At, body: bytes) -> bytes:
        """Create an object or make it have these fields (server-side apply, field manager "skoop",
        which takes over fields that others have set); what the server made of it. An object that
        has them all keeps its resourceVersion."""
        query = {"fieldManager": _FIELD_MANAGER, "force": "true"}
        ask = Ask(call=Call("patch", at), path=at.path, query=query, body=body)
        return self._exchange(ask, _checked)

    def delete(self, at: At, *, grace_seconds: int | None = None) -> None:
        """Delete an object. Raises NotFoundError when there is none."""
        query = _grace(grace_seconds)
        self._exchange(Ask(call=Call("delete", at), path=at.path, query=query), whole)

    def watch(
        self, at: At, selection: Selection = ALL, *, resource_version: str, deadline: float
    ) -> Iterator[Event]:
        """Changes after a version, until `deadline` (time.monotonic()).

        A watch that closes or breaks is taken up where it ended. Raises ExpiredError when the
        server no longer knows the version: list again.
        """
        call = Call("watch", at)
        query = {"watch": "1", "allowWatchBookmarks": "true", **selection.query}
        idle = 0
        while (left := deadline - time.monotonic()) > 0:
            query |= {"resourceVersion": resource_version, "timeoutSeconds": str(int(left) + 1)}
            before = resource_version
            ask = Ask(call=call, path=at.path, query=query, until=deadline)
            try:
                stream = self._exchange(ask, Stream)
            except UnreachableError:
                if ask.overdue:
                    return
                raise
            for event in stream.events(deadline):
                resource_version = event.resource_version or resource_version
                if event.kind is not EventKind.BOOKMARK:
                    yield event
            idle = idle + 1 if before == resource_version else 0
            if idle and deadline > time.monotonic():
                self.patience.wait(min(idle, 6))

    def websocket(self, at: At, query: tuple[tuple[str, str], ...] = ()) -> WebSocketTarget:
        """What a WebSocket client needs for a subresource ("pods/exec"), counted as one request.
        A query is pairs because `command` is given once a word."""
        self._exchange.count(Call("create", at))
        return self._exchange.connection.websocket(f"{at.path}?{urlencode(query)}")

    def renew(self) -> None:
        """Read the kubeconfig and run its plugins again."""
        self._exchange.renew()

    def scrub(self, text: str) -> str:
        """A text without this client's credentials."""
        return self._exchange.connection.scrub(text)

    def close(self) -> None:
        """Drop the pooled connections."""
        self._exchange.connection.close()


def _checked(call: Call, response: Any) -> bytes:
    data = whole(call, response)
    decode(call, data, _Object)
    return data


def _page(call: Call, response: Any) -> Page:
    data = whole(call, response)
    found = decode(call, data, _List)
    meta = found.metadata
    return Page(
        data, found.items or (), meta.resource_version, meta.continue_, meta.remaining_item_count
    )


def _grace(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"gracePeriodSeconds": str(seconds)}
