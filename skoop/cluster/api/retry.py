"""How long skoop goes on asking."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

_THROTTLED = frozenset((429, 503))
_FAILED = frozenset((500, 502, 503, 504))
_READING = frozenset(("get", "list", "watch"))
_REPEATABLE = _READING | {"patch", "delete", "deletecollection"}
_LONGEST_WAIT = 30.0


class Patience(Struct, frozen=True, kw_only=True):
    """Timeouts and retries; all times in seconds.

    `connect` bounds making a connection, `read` the silence on one. A call is sent at most
    `attempts` times, waiting 0.2, 0.4, 0.8, ... between them, or as long as the server's
    Retry-After says, at most 30.
    """

    connect: float = 10.0
    read: float = 60.0
    attempts: int = 5
    sleep: Callable[[float], None] = time.sleep

    def wait(self, attempt: int, retry_after: str = "") -> None:
        """Wait after the given attempt, counted from 1."""
        seconds = 0.1 * 2.0**attempt
        if retry_after.isascii() and retry_after.isdigit():
            seconds = float(retry_after[:6])
        self.sleep(min(seconds, _LONGEST_WAIT))

    def again_after_status(self, verb: str, status: int, attempt: int) -> bool:
        """Whether to ask again after an answer. The server did not act on what it throttled."""
        if attempt >= self.attempts:
            return False
        return status in _THROTTLED or (status in _FAILED and verb in _REPEATABLE)

    def again_after_loss(self, attempt: int, *, brief: bool) -> bool:
        """Whether to ask again after a connection was lost or (`brief`) could not be made."""
        return attempt < (min(self.attempts, 3) if brief else self.attempts)
