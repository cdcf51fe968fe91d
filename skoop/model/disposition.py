"""The closed sets of answers. docs/how-it-decides.md gives each one's exact condition."""

from __future__ import annotations

from enum import Enum


class Disposition(Enum):
    """What became of one packet."""

    DELIVERED = "DELIVERED"
    LEFT_NETWORK = "LEFT_NETWORK"
    REFUSED = "REFUSED"
    REJECTED = "REJECTED"
    DROPPED = "DROPPED"
    NO_ROUTE = "NO_ROUTE"
    BLACKHOLED = "BLACKHOLED"
    NEIGHBOUR_UNREACHABLE = "NEIGHBOUR_UNREACHABLE"
    LINK_DOWN = "LINK_DOWN"
    MTU_EXCEEDED = "MTU_EXCEEDED"
    RPF_FAILED = "RPF_FAILED"
    LOOP = "LOOP"
    NO_ENDPOINT = "NO_ENDPOINT"
    INSUFFICIENT_INFO = "INSUFFICIENT_INFO"


class Result(Enum):
    """What the client of one branch would observe (by the errno its socket gets)."""

    OK = "ok"
    REFUSED = "refused"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    PROHIBITED = "prohibited"
    RESET = "reset"
    INVALID = "invalid"
    MSGSIZE = "msgsize"
    UNKNOWN = "unknown"


class Verdict(Enum):
    """The answer to the whole question."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class Direction(Enum):
    """Towards the destination, or back."""

    FORWARD = "forward"
    RETURN = "return"


class Level(Enum):
    """How bad a suspicion is, worst first."""

    FATAL = "fatal"
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {level: number for number, level in enumerate(Level)}
