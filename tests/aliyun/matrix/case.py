"""One situation and what the answer must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.aliyun.matrix.lab import Lab

OK, DOWN, SOME, OPEN = "reachable", "unreachable", "partial", "unknown"


def nothing(lab: Lab) -> None:
    del lab


class Case(NamedTuple):
    """`first` is the name of the first suspicion ("" for none at all), `at` the end of the global
    id that it is about, `way` its direction. `seen` is the source that the server sees, "" when
    that does not matter. `also` is the name of another suspicion that must be there; `says` must
    stand somewhere in what was not checked."""

    id: str
    src: str
    dst: str
    change: Callable[[Lab], object] = nothing
    verdict: str = OK
    first: str = ""
    at: str = ""
    way: str = "forward"
    port: int = 80
    protocol: str = "tcp"
    seen: str = ""
    also: str = ""
    says: str = ""
