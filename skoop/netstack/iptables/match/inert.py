"""-m comment and -m nfacct: they match everything (xt_comment.c, xt_nfacct.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.match.base import ALWAYS, Match, MatchType, Option


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Yes."""
    return ALWAYS


COMMENT = MatchType("comment", {"comment": 1}, build)
NFACCT = MatchType("nfacct", {"nfacct-name": 1}, build)
