"""Temporary credentials from STS, renewed before they run out."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skoop.infra.aliyun.client.actions import ASSUME_ROLE, ASSUME_ROLE_WITH_OIDC
from skoop.infra.aliyun.client.client import Client
from skoop.infra.aliyun.client.errors import BadAnswer, NoCredentials
from skoop.infra.aliyun.credentials.base import Credentials

MARGIN = 300.0
"""Seconds before the end at which new credentials are fetched."""
_DURATION = "3600"


class Temporary(ABC):
    """Keeps temporary credentials until shortly before they run out."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Credentials | None = None

    def credentials(self) -> Credentials:
        """See `CredentialSource`; at most one thread fetches."""
        with self._lock:
            kept = self._kept
            if kept is None or kept.expires - MARGIN < self._clock():
                kept = self._kept = self._fetch()
            return kept

    @abstractmethod
    def _fetch(self) -> Credentials:
        """New credentials."""


class AssumedRole(Temporary):
    """A role, assumed with other credentials (sts:AssumeRole)."""

    def __init__(
        self,
        client: Client,
        base: str,
        *,
        role_arn: str,
        session_name: str,
        external_id: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.described = f"the role {role_arn}, assumed with {base}"
        self._client = client
        self._asked = {
            "RoleArn": role_arn,
            "RoleSessionName": session_name,
            "DurationSeconds": _DURATION,
        }
        if external_id:
            self._asked["ExternalId"] = external_id

    def _fetch(self) -> Credentials:
        answer = self._client.ask(ASSUME_ROLE, "", self._asked)
        return temporary_key(answer.get("Credentials"), self.described)


class OidcRole(Temporary):
    """A role for a service account (RRSA): the token's file is read anew each time."""

    def __init__(
        self,
        client: Client,
        *,
        role_arn: str,
        provider_arn: str,
        token_file: str,
        session_name: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.described = f"the role {role_arn} by OIDC"
        self._client = client
        self._file = Path(token_file)
        self._asked = {
            "RoleArn": role_arn,
            "OIDCProviderArn": provider_arn,
            "RoleSessionName": session_name,
            "DurationSeconds": _DURATION,
        }

    def _fetch(self) -> Credentials:
        try:
            token = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise NoCredentials(f"The OIDC token file {self._file} cannot be read.") from None
        if not token:
            raise NoCredentials(f"The OIDC token file {self._file} is empty.")
        answer = self._client.ask(ASSUME_ROLE_WITH_OIDC, "", {**self._asked, "OIDCToken": token})
        return temporary_key(answer.get("Credentials"), self.described)


def temporary_key(fields: Any, source: str) -> Credentials:
    """The four fields that STS and the metadata server give alike. Raises BadAnswer."""
    try:
        end = datetime.strptime(fields["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return Credentials(
            str(fields["AccessKeyId"]),
            str(fields["AccessKeySecret"]),
            str(fields["SecurityToken"]),
            end.timestamp(),
        )
    except (KeyError, TypeError, ValueError):
        raise BadAnswer(f"No usable temporary credentials came for {source}.") from None
