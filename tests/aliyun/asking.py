"""Clients for the double."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from skoop.infra.aliyun.client.client import Client, silent
from skoop.infra.aliyun.client.endpoints import Endpoints
from skoop.infra.aliyun.client.errors import Unavailable
from skoop.infra.aliyun.client.pace import RateLimit, Retries
from skoop.infra.aliyun.client.transport import Answer, Transport
from skoop.infra.aliyun.credentials.base import Credentials, CredentialSource, Fixed
from tests.aliyun.double import Server
from tests.aliyun.double.server import KEY, Key

QUICK = Retries(attempts=4, first=0.0, longest=0.0)


def source(key: Key = KEY, secret: str = "") -> Fixed:
    return Fixed(Credentials(key.id, secret or key.secret, key.token), "the test")


def client(
    server: Server,
    credentials: CredentialSource | None = None,
    *,
    debug: Callable[[str], None] = silent,
    read_timeout: float = 5.0,
) -> Client:
    return Client(
        credentials or source(),
        transport=Transport(server.ca, connect_timeout=2.0, read_timeout=read_timeout),
        endpoints=Endpoints({"*": server.host}),
        retries=QUICK,
        debug=debug,
        sleep=lambda seconds: None,
    )


class InProcess(Transport):
    """Hands requests to a double without a connection; everything else is as over HTTPS."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def post(self, host: str, parameters: Mapping[str, str]) -> Answer:
        body = urlencode(parameters).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answered = self._server.respond("POST", {}, headers, body)
        if answered is None:
            raise Unavailable("the connection broke")
        return Answer(*answered)


def direct(server: Server, credentials: CredentialSource | None = None) -> Client:
    return Client(
        credentials or source(),
        transport=InProcess(server),
        retries=QUICK,
        limit=RateLimit(10**9, 10**9),
        sleep=lambda seconds: None,
    )
