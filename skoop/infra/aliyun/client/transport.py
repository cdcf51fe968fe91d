"""Sending: HTTPS only, certificates verified, proxies honoured, one try with a time limit."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import getproxies_environment

from msgspec import Struct

from skoop.infra.aliyun.client.errors import AliyunError, BadAnswer, Unavailable

if TYPE_CHECKING:
    from urllib3 import PoolManager

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes; an answer of 500 interfaces is under 1 MB."""


class Answer(Struct, frozen=True):
    """What came back: the HTTP status and the body."""

    status: int
    body: bytes


class Transport:
    """Keeps connections open, directly or through a proxy, as the environment says.

    `HTTPS_PROXY` and `NO_PROXY` count as curl reads them, in either case. `ca_file` replaces the
    default certificates, for a proxy that re-signs. Safe to share between threads.
    """

    def __init__(
        self,
        ca_file: str = "",
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._ca_file = ca_file or os.environ.get("SSL_CERT_FILE", "")
        self._timeouts = connect_timeout, read_timeout
        self._pools: dict[str, PoolManager] = {}
        self._lock = threading.Lock()

    def post(self, host: str, parameters: Mapping[str, str]) -> Answer:
        """Send one request to `host` ("name" or "name:port") with its parameters as a form.

        They travel in the body so that no URL, and no error or log about one, ever holds a key.
        Raises Unavailable when there is no answer, BadAnswer when it is too large.
        """
        from urllib3.exceptions import HTTPError

        try:
            response = self._pool(host).request(
                "POST",
                f"https://{host}/",
                body=urlencode(parameters),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                preload_content=False,
                redirect=False,
                retries=False,
            )
            try:
                body = response.read(LARGEST_ANSWER + 1)
            finally:
                response.release_conn()
        except HTTPError as error:
            raise _unreachable(host, error) from None
        if len(body) > LARGEST_ANSWER:
            raise BadAnswer(f"{host} sent more than {LARGEST_ANSWER // 1024 // 1024} MB.")
        return Answer(response.status, body)

    def _pool(self, host: str) -> PoolManager:
        proxy = _proxy_for(host)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._new_pool(proxy)
            return self._pools[proxy]

    def _new_pool(self, proxy: str) -> PoolManager:
        import ssl

        from urllib3 import PoolManager, ProxyManager, Timeout

        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
            # Since 3.13 Python refuses CAs without key usage, as inspecting proxies have them.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        except OSError as error:
            raise AliyunError(
                f"The certificates in {self._ca_file} cannot be read: {error.strerror or error}."
            ) from None
        connect, read = self._timeouts
        timeout = Timeout(connect=connect, read=read)
        if proxy:
            return ProxyManager(proxy, ssl_context=context, timeout=timeout, maxsize=8)
        return PoolManager(ssl_context=context, timeout=timeout, maxsize=8)


def _proxy_for(host: str) -> str:
    """The proxy for a host, "" for none."""
    proxies = getproxies_environment()
    proxy = proxies.get("https") or proxies.get("all") or ""
    if not proxy or _goes_direct(host, proxies.get("no", "")):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _goes_direct(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: "*", a name, or a domain that it belongs to, each with or
    without a leading dot and a port."""
    name = host.lower()
    bare = name.partition(":")[0]
    for entry in no_proxy.lower().split(","):
        entry = entry.strip().removeprefix("*.").lstrip(".")
        if entry == "*" or (
            entry and (name == entry or bare == entry or bare.endswith(f".{entry}"))
        ):
            return True
    return False


def _unreachable(host: str, error: Exception) -> AliyunError:
    """A sentence about the kind of failure. The library's own text is not repeated: it may name
    the proxy with its password."""
    from urllib3 import exceptions

    why = "the connection broke"
    if isinstance(error, exceptions.ProxyError):
        why = "the proxy did not connect"
    elif isinstance(error, exceptions.SSLError):
        why = "its certificate is not trusted, or TLS failed"
    elif isinstance(error, exceptions.NameResolutionError):
        why = "its name is not known"
    elif isinstance(error, exceptions.NewConnectionError):
        why = "it cannot be connected to"
    elif isinstance(error, exceptions.TimeoutError):
        why = "no answer in time"
    return Unavailable(f"Cannot reach {host}: {why}.")
