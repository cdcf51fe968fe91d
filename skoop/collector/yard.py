"""The pods that a run has made, and their end."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import msgspec

from skoop.cluster.api import ApiClient, ApiError, At, NotFoundError
from skoop.cluster.api.resource import PODS
from skoop.collector.options import CollectorOptions
from skoop.collector.podspec import Assignment, collector_pod
from skoop.errors import AccessError

_PATIENCE = 15.0
"""Seconds that clean-up may take."""
_AT_ONCE = 8


class StoppedError(Exception):
    """The run is being ended; nothing is begun any more."""


class Yard:
    """Makes pods and knows which of them are there. Used by many threads.

    A name is written down before the pod is asked for: a request whose answer was lost has perhaps
    made one.
    """

    def __init__(self, client: ApiClient, options: CollectorOptions) -> None:
        self._client, self._options = client, options
        self._changed = threading.Condition()
        self._alive: set[str] = set()
        self._leaving: set[str] = set()
        self._coming = self._dropping = 0
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether `clear` has begun."""
        with self._changed:
            return self._stopped

    def make(self, assignment: Assignment) -> None:
        """Create a pod. Raises AccessError, or StoppedError once `clear` has begun."""
        body = msgspec.json.encode(collector_pod(assignment, self._options))
        with self._changed:
            if self._stopped:
                raise StoppedError
            self._alive.add(assignment.name)
            self._coming += 1
        try:
            self._client.create(At(PODS, self._options.namespace), body)
        except ApiError:
            with self._changed:
                self._alive.discard(assignment.name)  # The server has answered: there is none.
            raise
        finally:
            with self._changed:
                self._coming -= 1
                self._changed.notify_all()

    def remove(self, name: str) -> None:
        """Delete a pod at once. Raises AccessError; then it is still written down."""
        with self._changed:
            if name not in self._alive or name in self._leaving:
                return
            self._leaving.add(name)
        try:
            with suppress(NotFoundError):
                self._client.delete(At(PODS, self._options.namespace, name), grace_seconds=0)
            with self._changed:
                self._alive.discard(name)
        finally:
            with self._changed:
                self._leaving.discard(name)
                self._changed.notify_all()

    def clear(self) -> tuple[str, ...]:
        """Delete every pod that is left, those included that are being made just now. The names of
        those that could not be deleted in time."""
        until = time.monotonic() + _PATIENCE
        with self._changed:
            self._stopped = True
            self._changed.wait_for(lambda: not self._coming, _PATIENCE / 3)
            left = sorted(self._alive - self._leaving)
            self._dropping = min(_AT_ONCE, len(left))
        for start in range(min(_AT_ONCE, len(left))):
            mine = left[start::_AT_ONCE]
            threading.Thread(
                target=self._drop, args=(mine,), name="skoop-clear", daemon=True
            ).start()
        with self._changed:
            self._changed.wait_for(
                lambda: not (self._dropping or self._leaving),
                max(0.0, until - time.monotonic()),
            )
            return tuple(sorted(self._alive))

    def _drop(self, names: list[str]) -> None:
        for name in names:
            with suppress(AccessError):  # `clear` tells who is left.
                self.remove(name)
        with self._changed:
            self._dropping -= 1
            self._changed.notify_all()
