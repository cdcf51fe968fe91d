"""Clients for the double."""

from __future__ import annotations

from collections.abc import Callable

from skoop.infra.aliyun.client.client import Client, silent
from skoop.infra.aliyun.client.endpoints import Endpoints
from skoop.infra.aliyun.client.pace import Retries
from skoop.infra.aliyun.client.transport import Transport
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
