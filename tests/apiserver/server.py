"""HTTP."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.apiserver import verbs
from tests.apiserver.discovery import discover
from tests.apiserver.faults import Fault, Faults
from tests.apiserver.kinds import KINDS, Kind
from tests.apiserver.store import Object, Store, Stored, flattened

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "AlreadyExists",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_OF_FAULTS = {
    "throttle": 429,
    "unavailable": 503,
    "error": 500,
    "unauthorized": 401,
    "forbidden": 403,
    "gone": 410,
    "timeout": 504,
}
_GZIP_FROM = 128 * 1024
TOKEN = "double-token"


class Request:
    """One request that has been read, and the way to answer it."""

    def __init__(self, handler: _Handler, server: ApiServer, body: bytes) -> None:
        parts = urlsplit(handler.path)
        self.server = server
        self.method = handler.command
        self.path = parts.path
        self.query: list[tuple[str, str]] = parse_qsl(parts.query, keep_blank_values=True)
        self.headers: Mapping[str, str] = handler.headers
        self.body = body
        self.kind: Kind | None = None
        self.namespace = self.name = self.subresource = ""
        self.fault: Fault | None = None
        self._handler = handler
        self._route()

    def _route(self) -> None:
        """/api/v1/namespaces/NS/pods/NAME/exec."""
        parts = [unquote(part) for part in self.path.strip("/").split("/")]
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        group = "" if parts[0] == "api" else "".join(parts[1:2])
        if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in ("status", "finalize"):
            self.namespace, rest = rest[1], rest[2:]
        if parts[0] in ("api", "apis") and rest:
            kind = self.server.resources.get(rest[0])
            self.kind = kind if kind and kind.group == group else None
            self.name = rest[1] if len(rest) > 1 else ""
            self.subresource = rest[2] if len(rest) > 2 else ""

    def get(self, key: str) -> str:
        """The last value of a query parameter."""
        return dict(self.query).get(key, "")

    @property
    def resource(self) -> str:
        plural = self.kind.plural if self.kind else self.path
        return f"{plural}/{self.subresource}" if self.subresource else plural

    @property
    def verb(self) -> str:
        """As RBAC names it."""
        if self.subresource:
            return "get" if self.subresource == "log" else "create"
        if self.method == "GET":
            if self.get("watch") in ("1", "true"):
                return "watch"
            return "get" if self.name or self.kind is None else "list"
        if self.method == "DELETE":
            return "delete" if self.name else "deletecollection"
        return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(self.method, "?")

    def send_json(self, content: Any, status: int = 200) -> None:
        self.send(json.dumps(content, separators=(",", ":")).encode(), status=status)

    def send(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A whole answer, spoilt as the request's fault wants it."""
        headers = dict(headers or {})
        if self.fault and self.fault.kind == "truncate":
            body = body[: len(body) // 2]
        if len(body) >= _GZIP_FROM and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        handler = self._handler
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            handler.send_header(key, value)
        handler.end_headers()
        if self.fault and self.fault.kind == "cut":
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            self.hang_up()
            return
        handler.wfile.write(body)

    def refuse(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        """A Status object."""
        content: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": _REASONS.get(status, "Unknown"),
            "code": status,
        }
        if self.kind and status in (403, 404, 409):
            named = {"name": self.name} if self.name else {}
            content["details"] = {**named, "kind": self.kind.plural}
        self.send(json.dumps(content).encode(), status=status, headers=headers)

    def stream(self, chunks: Iterable[bytes]) -> None:
        """A chunked answer."""
        handler = self._handler
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.flush()
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            handler.wfile.flush()
        handler.wfile.write(b"0\r\n\r\n")

    def take_over(self) -> socket.socket:
        """The connection itself; nothing has been answered on it."""
        self._handler.close_connection = True
        return self._handler.connection

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection now, with RST if so wanted."""
        connection = self.take_over()
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


Subresource = Callable[[Request], None]


class ApiServer:
    """The double. `log` holds (verb, resource, path) of each request."""

    def __init__(self, documents: Iterable[Object] = ()) -> None:
        self.store = Store()
        self.faults = Faults()
        self.resources: dict[str, Kind] = dict(KINDS)
        self.subresources: dict[tuple[str, str], Subresource] = {("pods", "log"): verbs.log}
        self.tokens = {TOKEN}
        self.logs: dict[tuple[str, str], bytes] = {}
        self.watch_cache = True
        self.log: list[tuple[str, str, str]] = []
        self.load(documents)
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.api = self
        self._scheme = "http"

    @classmethod
    @contextmanager
    def started(cls, documents: Iterable[Object] = ()) -> Iterator[ApiServer]:
        server = cls(documents)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def load(self, documents: Iterable[Object]) -> None:
        """Objects that are there from the start."""
        by_kind = {each.kind: each for each in self.resources.values()}
        for each in flattened(documents):
            each.setdefault("metadata", {}).setdefault("resourceVersion", "1")
            self.store.put(by_kind[each["kind"]].plural, Stored(each))

    def serve_tls(self, context: ssl.SSLContext) -> None:
        """HTTPS from now on; before `start`."""
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._scheme = "https"

    def start(self) -> None:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._http.stopping = True
        self._http.shutdown()
        self._http.server_close()

    @property
    def stopping(self) -> bool:
        return self._http.stopping

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}"

    def kubeconfig(self, folder: Path, **user: Any) -> Path:
        """A file that leads here, with the token that is accepted or another user."""
        entry = user or {"token": TOKEN}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "double",
            "clusters": [{"name": "double", "cluster": {"server": self.url}}],
            "users": [{"name": "someone", "user": entry}],
            "contexts": [{"name": "double", "context": {"cluster": "double", "user": "someone"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def asked(self, verb: str, resource: str) -> int:
        """How often."""
        return sum(1 for each in self.log if each[:2] == (verb, resource))

    def answer(self, request: Request) -> None:
        self.log.append((request.verb, request.resource, request.path))
        fault = self.faults.next(request.verb, request.resource)
        request.fault = fault
        if fault and self._strike(fault, request):
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if self.tokens and (scheme.lower() != "bearer" or token.strip() not in self.tokens):
            request.refuse(401, "Unauthorized")
        elif request.kind is None:
            discover(request)
        elif request.subresource:
            handler = self.subresources.get((request.kind.plural, request.subresource))
            if handler is None:
                request.refuse(404, "the server could not find the requested resource")
            else:
                handler(request)
        else:
            verbs.VERBS[request.verb](request)

    def _strike(self, fault: Fault, request: Request) -> bool:
        """Whether the fault was the answer."""
        if fault.kind == "reset":
            request.hang_up(reset=True)
            return True
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        status = _OF_FAULTS.get(fault.kind)
        if status is None:
            return False
        headers = {}
        if fault.kind in ("throttle", "unavailable"):
            headers["Retry-After"] = str(int(fault.seconds) or 1)
        message = {
            403: f"{request.resource} is forbidden: User cannot {request.verb} it",
            410: "The provided continue parameter is too old",
            429: "too many requests",
        }.get(status, _REASONS[status])
        request.refuse(status, message, headers)
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stopping = False
    api: ApiServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one segment: two would wait for each other (Nagle and delayed ACK).
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self, self.server.api, self.rfile.read(length))
        self.server.api.answer(request)
        if not self.close_connection:
            self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """`ApiServer.log` has it."""
