"""What is asked, and from where."""

from __future__ import annotations

from msgspec import Struct

from skoop.model.address import Family
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link


class Question(Struct, frozen=True, kw_only=True):
    """What is asked: one client socket, one destination. Addresses are integers.

    `size` is the payload in bytes, 0 for a short line; `df` forbids fragmentation (UDP).
    """

    family: Family
    proto: int
    dst: int
    dport: int
    sport: int
    size: int = 0
    df: bool = False


class Client(Struct, frozen=True):
    """Where the question is asked: a namespace, or (stack None) an address outside, whose packets
    come in by `entry`."""

    stack: Stack | None
    address: int = 0
    entry: tuple[Stack, Link] | None = None
