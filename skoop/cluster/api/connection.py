"""One way into a cluster: its address, a pool of connections, and what to show at the door."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    from urllib3 import PoolManager

_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))


class WebSocketTarget(Struct, frozen=True):
    """What a WebSocket client needs for `exec`: the URL ("wss://..."), the headers with the
    credentials, the TLS context (None for "ws://"), the name to ask for by SNI ("" the URL's host),
    and an HTTP proxy's URL ("" none)."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    server_hostname: str
    proxy: str

    def __repr__(self) -> str:
        return f"WebSocketTarget({self.url!r})"


class Connection:
    """A server, a pool of connections to it, and credentials. Its text shows the server only."""

    def __init__(
        self,
        *,
        host: str,
        pool: PoolManager,
        authorization: Callable[[], Mapping[str, str]],
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        server_hostname: str = "",
        proxy: str = "",
    ) -> None:
        self.host = host.rstrip("/")
        self._pool = pool
        self._authorization = authorization
        self._tls = tls
        self._server_hostname = server_hostname
        self._proxy = proxy
        self.local = (urlsplit(host).hostname or "") in _LOCAL

    def __repr__(self) -> str:
        return f"Connection({self.shown_host!r})"

    @property
    def shown_host(self) -> str:
        """The server's address without user information."""
        parts = urlsplit(self.host)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: Any
    ) -> Any:
        """Send once; the response of urllib3, unread. Raises its HTTPError."""
        return self._pool.request(
            method,
            self.host + path,
            headers={**self._authorization(), **headers},
            body=body,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def websocket(self, path: str) -> WebSocketTarget:
        """The same server and credentials for a WebSocket client."""
        scheme, _, rest = self.host.partition("://")
        secure = scheme == "https"
        return WebSocketTarget(
            url=f"{'wss' if secure else 'ws'}://{rest}{path}",
            headers=dict(self._authorization()),
            tls=self._tls() if secure else None,
            server_hostname=self._server_hostname,
            proxy=self._proxy,
        )

    def scrub(self, text: str) -> str:
        """A text without the credentials, should it hold any."""
        for value in self._authorization().values():
            for word in value.split():
                if len(word) > len("Bearer"):
                    text = text.replace(word, "***")
        proxy = urlsplit(self._proxy)
        return text.replace(proxy.password, "***") if proxy.password else text

    def close(self) -> None:
        """Drop the pooled connections."""
        self._pool.clear()
