"""Statements that only count, log, copy or speed up: counter, log, dup, last, flow add.

`flow add` lets later packets of the connection skip the hooks; the first one goes on as usual.
"""

from __future__ import annotations

from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import NOTHING, Statement
from skoop.netstack.nft.values import Json


def compile_observer(_json: Json, _scope: Scope) -> Statement:
    """Nothing to do."""
    return NOTHING
