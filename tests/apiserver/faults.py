"""What may go wrong, and when."""

from __future__ import annotations

import threading
from dataclasses import dataclass

FAULTS = (
    "throttle",  # 429 with Retry-After
    "unavailable",  # 503 with Retry-After
    "error",  # 500
    "reset",  # the connection is reset before an answer
    "slow",  # the answer takes `seconds`
    "unauthorized",  # 401
    "forbidden",  # 403
    "gone",  # 410
    "timeout",  # 504
    "truncate",  # half of the JSON, as a well-formed HTTP answer
    "cut",  # half of the body, then the connection closes
    "close",  # a watch ends after `events` events
)


@dataclass
class Fault:
    """One kind of trouble for some requests: the next `times` (0: all) that match after `skip`."""

    kind: str
    verb: str = ""
    resource: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    events: int = 0

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"{self.kind!r} is no fault; there are {', '.join(FAULTS)}")
        self._forever = self.times == 0

    def strikes(self, verb: str, resource: str) -> bool:
        if (self.verb and self.verb != verb) or (self.resource and self.resource != resource):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self._forever:
            return True
        self.times -= 1
        return self.times >= 0


class Faults:
    """Those that are planned, in order; the first that matches strikes."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._planned.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def next(self, verb: str, resource: str) -> Fault | None:
        """`resource` is "pods", or "pods/exec" for a subresource."""
        with self._lock:
            return next((each for each in self._planned if each.strikes(verb, resource)), None)
