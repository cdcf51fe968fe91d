"""An instance's own RAM role, from the metadata server (version 2: with a session token).

https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from skoop.infra.aliyun.client.errors import NoCredentials, NotFound, Unavailable
from skoop.infra.aliyun.credentials.base import Credentials
from skoop.infra.aliyun.credentials.roles import Temporary, temporary_key

ADDRESS = "100.100.100.200"
_TOKEN = "/latest/api/token"
_ROLES = "/latest/meta-data/ram/security-credentials/"
_TIMEOUT = 2.0
_LARGEST = 64 * 1024


class Metadata:
    """The metadata server of the instance this runs on: plain HTTP on a link-local address that
    only the instance itself can reach, never through a proxy."""

    def __init__(self, address: str = ADDRESS) -> None:
        self._address = address

    def read(self, path: str) -> str:
        """One value. Raises NotFound or Unavailable."""
        token = self._send("PUT", _TOKEN, {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"})
        return self._send("GET", path, {"X-aliyun-ecs-metadata-token": token})

    def _send(self, method: str, path: str, headers: dict[str, str]) -> str:
        from urllib3 import PoolManager, Timeout
        from urllib3.exceptions import HTTPError

        url = f"http://{self._address}{path}"
        try:
            with PoolManager(timeout=Timeout(_TIMEOUT)) as pool:
                response = pool.request(
                    method,
                    url,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                body = response.read(_LARGEST).decode("utf-8", "replace").strip()
                response.release_conn()
        except HTTPError:
            raise Unavailable(
                f"The metadata server {self._address} does not answer; an instance's RAM role can "
                "only be used on an instance of Aliyun."
            ) from None
        if response.status == 404:
            raise NotFound(f"The metadata server has no {path}.")
        if response.status != 200:
            raise Unavailable(f"The metadata server answered {path} with HTTP {response.status}.")
        return body


class EcsRole(Temporary):
    """The role attached to this instance; an empty name means whichever it is."""

    def __init__(
        self, metadata: Metadata, role: str, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(clock)
        self._metadata, self._role = metadata, role
        self.described = f"the instance's RAM role {role}".strip()

    def _fetch(self) -> Credentials:
        try:
            role = self._role or self._metadata.read(_ROLES).split("\n", 1)[0]
            text = self._metadata.read(_ROLES + role)
        except NotFound:
            missing = f"no RAM role {self._role!r}" if self._role else "no RAM role"
            raise NoCredentials(f"This instance has {missing}.") from None
        try:
            fields = msgspec.json.decode(text)
        except msgspec.DecodeError:
            fields = None
        if isinstance(fields, dict) and fields.get("Code", "Success") != "Success":
            raise NoCredentials(f"The metadata server has no credentials for {self.described}.")
        return temporary_key(fields, self.described)
