"""ACCEPT, DROP and RETURN (ip_tables.c, ipt_do_table)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.target.base import Ending, Op, Option, Target, TargetType, ends
from skoop.netstack.netfilter import Action

_ACCEPT = ends("accept", Ending(Action.ACCEPT))
_DROP = ends("drop", Ending(Action.DROP))
_RETURN = Target(op=Op.RETURN, effect="return")


def _same(name: str, target: Target) -> TargetType:
    def build(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
        return target

    return TargetType(name, {}, build)


ACCEPT = _same("ACCEPT", _ACCEPT)
DROP = _same("DROP", _DROP)
RETURN = _same("RETURN", _RETURN)
