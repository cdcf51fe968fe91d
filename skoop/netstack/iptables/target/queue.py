"""NFQUEUE and QUEUE: a program decides (xt_NFQUEUE.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.target.base import Option, Target, TargetType, unknown

_WHY = "a program in user space decides about the packet"


def build(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """It may accept, which skips the rest of the chain, or drop."""
    return unknown("NFQUEUE", _WHY, may_continue=False)


NFQUEUE = TargetType(
    "NFQUEUE",
    {"queue-num": 1, "queue-balance": 1, "queue-bypass": 0, "queue-cpu-fanout": 0},
    build,
    modelled=False,
)
QUEUE = TargetType("QUEUE", {}, build, modelled=False)
