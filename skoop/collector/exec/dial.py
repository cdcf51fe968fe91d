"""A WebSocket to an API server. The socket is made here, because websocket-client would take a
proxy from the environment that the kubeconfig does not ask for."""

from __future__ import annotations

import http.client
import socket
from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from skoop.cluster.api import WebSocketTarget
from skoop.collector.exec.result import ExecError

if TYPE_CHECKING:
    from websocket import WebSocket

PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
_CONNECT_TIMEOUT = 15.0
_SHOWN = 300


def dial(target: WebSocketTarget, timeout: float, scrub: Callable[[str], str]) -> WebSocket:
    """An open connection that speaks one of PROTOCOLS. Raises ExecError."""
    from websocket import WebSocket, WebSocketBadStatusException, WebSocketException

    connection = WebSocket(skip_utf8_validation=True, enable_multithread=False)
    stream = None
    try:
        stream = _stream(target, min(timeout, _CONNECT_TIMEOUT))
        stream.settimeout(timeout)
        connection.connect(
            target.url,
            socket=stream,
            header=[f"{name}: {value}" for name, value in target.headers.items()],
            subprotocols=PROTOCOLS,
            suppress_origin=True,
            redirect_limit=0,
            timeout=timeout,
        )
    except WebSocketBadStatusException as error:
        raise _refused(error.status_code, error.resp_body, scrub) from None
    except (WebSocketException, http.client.HTTPException, OSError) as error:
        if stream is not None:
            stream.close()
        problem = scrub(str(error)) or type(error).__name__
        if "Invalid WebSocket Header" in problem:  # What the library says of a subprotocol, too.
            problem = f"the server or a proxy before it does not speak {' or '.join(PROTOCOLS)}"
        raise ExecError(f"no connection for exec could be made ({problem})", again=True) from None
    return connection


def _stream(target: WebSocketTarget, timeout: float) -> socket.socket:
    """A TCP connection, through the proxy where there is one, with TLS where the URL asks."""
    url = urlsplit(target.url)
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "wss" else 80)
    if target.proxy:
        stream = _through_proxy(target.proxy, host, port, timeout)
    else:
        stream = socket.create_connection((host, port), timeout)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if target.tls is None:
        return stream
    try:
        return target.tls.wrap_socket(stream, server_hostname=target.server_hostname or host)
    except OSError:
        stream.close()
        raise


def _through_proxy(proxy: str, host: str, port: int, timeout: float) -> socket.socket:
    parts = urlsplit(proxy)
    if parts.scheme != "http":
        raise ExecError(f"exec cannot go through a proxy that speaks {parts.scheme}; http can")
    headers = {}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    tunnel = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    tunnel.set_tunnel(host, port, headers)
    tunnel.connect()
    stream: socket.socket = tunnel.sock
    return stream


class _Status(Struct, frozen=True):
    message: str = ""


def _refused(status: int, body: bytes | str | None, scrub: Callable[[str], str]) -> ExecError:
    raw = body.encode() if isinstance(body, str) else body or b""
    try:
        message = msgspec.json.decode(raw, type=_Status).message
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        message = raw[:_SHOWN].decode("utf-8", "replace")
    said = " ".join(scrub(message).split())[:_SHOWN] or "no reason given"
    if status == 403:
        return ExecError(
            f"exec is forbidden: it needs the RBAC verbs get and create on pods/exec ({said})"
        )
    return ExecError(
        f"exec was refused with status {status}: {said}",
        again=status >= 500,
        unauthorized=status == 401,
    )
