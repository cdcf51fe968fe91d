"""A key, and the promise to have one."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Credentials(Struct, frozen=True):
    """What a request is signed with. `token` goes with temporary keys; `expires` is seconds since
    the epoch, 0 for never."""

    key_id: str
    secret: str
    token: str = ""
    expires: float = 0.0

    def __repr__(self) -> str:
        """Without the secrets: a traceback may show this."""
        return "Credentials(***)"

    __str__ = __repr__


class CredentialSource(Protocol):
    """Gives credentials that are good now, renewing them when they run out."""

    @property
    def described(self) -> str:
        """Where they come from, for messages: "the environment", "profile x of ~/.aliyun/..."."""

    def credentials(self) -> Credentials:
        """Good credentials. Raises NoCredentials or another AliyunError."""


class Fixed:
    """Credentials that were given and do not change."""

    def __init__(self, credentials: Credentials, described: str) -> None:
        self._credentials = credentials
        self.described = described

    def credentials(self) -> Credentials:
        """See `CredentialSource`."""
        return self._credentials
