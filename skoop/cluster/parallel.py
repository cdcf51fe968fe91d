"""Several questions at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

_A = TypeVar("_A")
_B = TypeVar("_B")


def in_parallel(function: Callable[[_A], _B], arguments: Iterable[_A], workers: int) -> list[_B]:
    """The results in the order of the arguments; the first exception, when all have ended.

    The threads do not keep the process alive: Ctrl-C ends the wait at once, which an executor's
    would not.
    """
    given = list(arguments)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    results: dict[int, _B] = {}
    errors: dict[int, BaseException] = {}

    def work() -> None:
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            try:
                results[number] = function(given[number])
            except BaseException as error:  # noqa: BLE001 - raised again where the caller waits
                errors[number] = error
            done.put(number)

    for number in range(len(given)):
        todo.put(number)
    for number in range(min(workers, len(given))):
        threading.Thread(target=work, name=f"skoop-{number}", daemon=True).start()
    for _ in given:
        done.get()
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(given))]


def begin(function: Callable[[], _B]) -> Callable[[], _B]:
    """Start something and go on; what is returned waits for its result, or raises as it did."""
    return _Begun(function).result


class _Begun(Generic[_B]):
    def __init__(self, function: Callable[[], _B]) -> None:
        self._function = function
        self._ended = threading.Event()
        self._results: list[_B] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="skoop-begun", daemon=True).start()

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:  # noqa: BLE001 - raised again where the caller waits
            self._error = error
        self._ended.set()

    def result(self) -> _B:
        """Wait for it."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._results[0]
