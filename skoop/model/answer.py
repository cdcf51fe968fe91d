"""Yes, no, or "cannot tell" (None)."""

from __future__ import annotations

from collections.abc import Iterable

Answer = bool | None


def all_of(answers: Iterable[Answer]) -> Answer:
    """Yes when all are yes; a definite no wins over "cannot tell"."""
    result: Answer = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any_of(answers: Iterable[Answer]) -> Answer:
    """Yes when one is yes, no when all are no."""
    result: Answer = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            result = None
    return result


def opposite(answer: Answer) -> Answer:
    """The other answer; "cannot tell" stays."""
    return None if answer is None else not answer
