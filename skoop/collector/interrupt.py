"""Ctrl-C and a polite kill, as one exception that clean-up survives."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether a signal may still interrupt. Clean-up sets `deaf`, and so does the first signal: the
    second Ctrl-C of an impatient person must not leave pods behind."""

    def __init__(self) -> None:
        self.deaf = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.deaf:
            return
        self.deaf = True
        raise SystemExit(128 + number)


@contextmanager
def stoppable() -> Iterator[Stop]:
    """While it lasts SIGINT, SIGTERM and SIGHUP raise SystemExit with the status that a shell gives
    them (128 and the signal's number) in the main thread. Elsewhere it changes nothing."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        # What the parent has told us to ignore (nohup) stays ignored.
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, stop._on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
