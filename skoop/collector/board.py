"""What one watch tells about the pods of a run, for the many that wait for one of them."""

from __future__ import annotations

import threading
import time

from msgspec import Struct

from skoop.cluster.api import ApiClient, At, EventKind, ExpiredError, Selection
from skoop.cluster.api.resource import PODS
from skoop.collector.podstate import PodState, Standing, decode_pod
from skoop.errors import AccessError

_LONGEST = 24 * 3600.0


class Sight(Struct, frozen=True):
    """A pod as last seen. `said` is the most telling reason so far; `gone`: it is deleted."""

    state: PodState
    said: str = ""
    gone: bool = False

    @property
    def decided(self) -> bool:
        """Whether waiting on would change nothing."""
        return self.gone or self.state.standing is not Standing.COMING


class Board:
    """The pods of a namespace that a selector takes, followed by a single watch in a thread."""

    def __init__(self, client: ApiClient, namespace: str, selector: str) -> None:
        self._client, self._selection = client, Selection(labels=selector)
        self._at = At(PODS, namespace)
        self._changed = threading.Condition()
        self._seen: dict[str, Sight] = {}
        self._error: AccessError | None = None
        self._started = self._stopped = False

    def start(self) -> None:
        """Begin to watch, unless it has begun. Without a resource version the server begins with
        what there is, so no list is needed and nothing is missed in between."""
        with self._changed:
            if self._started:
                return
            self._started = True
        threading.Thread(target=self._follow, name="skoop-watch", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end with the next event."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait(self, name: str, until: float) -> Sight | None:
        """The pod when it runs or never will, or as last seen at `until` (time.monotonic()); None
        when nothing was seen of it. Raises AccessError when the watch is refused."""
        with self._changed:
            while not self._stopped:
                sight = self._seen.get(name)
                left = until - time.monotonic()
                if (sight is not None and sight.decided) or left <= 0:
                    return sight
                if self._error is not None:
                    raise self._error
                self._changed.wait(left)
        return None

    def seen(self, name: str) -> Sight | None:
        """The pod as last seen."""
        with self._changed:
            return self._seen.get(name)

    def spent(self) -> tuple[PodState, ...]:
        """Pods of any run whose time has run out."""
        with self._changed:
            return tuple(s.state for s in self._seen.values() if s.state.spent and not s.gone)

    def _follow(self) -> None:
        deadline = time.monotonic() + _LONGEST
        failures = 0
        while not self._ended():
            try:
                for event in self._client.watch(
                    self._at, self._selection, resource_version="", deadline=deadline
                ):
                    failures = 0
                    self._note(event.object, deleted=event.kind is EventKind.DELETED)
                    if self._ended():
                        return
            except ExpiredError:
                failures += 1
                self._client.patience.wait(min(failures, 6))
            except AccessError as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return

    def _ended(self) -> bool:
        return self._stopped

    def _note(self, data: bytes, *, deleted: bool) -> None:
        state = decode_pod(data)
        with self._changed:
            before = self._seen.get(state.metadata.name)
            said = _more_telling(before.said if before else "", state.why)
            self._seen[state.metadata.name] = Sight(state, said, deleted)
            self._changed.notify_all()


def _more_telling(before: str, now: str) -> str:
    """A reason stays until there is another; "Back-off pulling" and "is being deleted" say less
    than what came before them."""
    if not now or (before and now.startswith("its pod is being deleted")):
        return before
    return before if "ErrImagePull" in before and "BackOff" in now else now
