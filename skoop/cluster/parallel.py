"""Several questions at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

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
