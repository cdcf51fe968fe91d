"""How often, and how long to wait: retries with backoff and jitter, and a limit on the rate."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from msgspec import Struct


class Retries(Struct, frozen=True):
    """At most `attempts` tries; waits double from `first` to `longest` seconds, each drawn between
    half of it and all of it."""

    attempts: int = 4
    first: float = 0.4
    longest: float = 5.0

    def wait(self, attempt: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds to wait after attempt number `attempt`, from 0."""
        full = min(self.longest, self.first * float(2**attempt))
        return full * (0.5 + draw() / 2)


DEFAULT_RETRIES = Retries()


class RateLimit:
    """A token bucket, shared by the threads of one client."""

    def __init__(
        self,
        per_second: float = 15.0,
        burst: int = 15,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second, self._burst = per_second, burst
        self._clock, self._sleep = clock, sleep
        self._tokens, self._filled = float(burst), clock()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait until one more request may be sent."""
        with self._lock:
            now = self._clock()
            refill = (now - self._filled) * self._per_second
            self._tokens = min(float(self._burst), self._tokens + refill) - 1
            self._filled = now
            wait = -self._tokens / self._per_second
        if wait > 0:
            self._sleep(wait)
