"""-m limit, hashlimit, connlimit, quota: rates and counts that other traffic uses up.

The packet asked about is taken to stay inside every limit: it is one connection attempt, a token
bucket starts full (burst 5 unless set) and refills, and a diagnosis that called each of these rules
undecided would say nothing about hosts whose limits are idle. Whoever is being throttled sees that
in the rule's counters; the assumption is stated in the answer (xt_limit.c, xt_hashlimit.c,
xt_connlimit.c, xt_quota.c). A limit of zero is exceeded at once.
"""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.match.base import (
    Match,
    MatchType,
    Option,
    UnmodelledError,
    always,
    by_name,
    never,
)
from skoop.netstack.iptables.values import decimal

RATE = "traffic stays below the rate limit"
COUNT = "there are fewer connections than the limit"


def build_limit(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Matches while there are tokens."""
    return Match(test=always, assumption=RATE)


def build_hashlimit(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """--hashlimit-upto (old: --hashlimit) matches below the rate, --hashlimit-above beyond it."""
    given = by_name(options)
    if "hashlimit-above" in given:
        beyond = not given["hashlimit-above"].inverted
    else:
        rate = given.get("hashlimit-upto") or given.get("hashlimit")
        if rate is None:
            raise UnmodelledError("a hashlimit without a rate")
        beyond = rate.inverted
    return Match(test=never if beyond else always, assumption=RATE)


def build_connlimit(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """--connlimit-above n matches the n+1st connection, --connlimit-upto n the first n."""
    given = by_name(options)
    option = given.get("connlimit-above") or given.get("connlimit-upto")
    if option is None:
        raise UnmodelledError("a connlimit without a number")
    above = (option.name == "connlimit-above") is not option.inverted
    exceeded = decimal(option.value) < 1
    return Match(test=always if above is exceeded else never, assumption=COUNT)


def build_quota(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """iptables-save prints what is left; more than nothing lets the packet through."""
    option = by_name(options).get("quota")
    if option is None:
        raise UnmodelledError("a quota without a number")
    left = decimal(option.value) > 0
    return Match(test=always if left is not option.inverted else never, assumption=RATE)


_HASH = (
    *("hashlimit-upto", "hashlimit-above", "hashlimit", "hashlimit-burst", "hashlimit-mode"),
    *("hashlimit-name", "hashlimit-srcmask", "hashlimit-dstmask", "hashlimit-rate-interval"),
    *("hashlimit-htable-size", "hashlimit-htable-max", "hashlimit-htable-expire"),
    "hashlimit-htable-gcinterval",
)
_CONN = dict.fromkeys(("connlimit-above", "connlimit-upto", "connlimit-mask"), 1)

MATCH = MatchType("limit", {"limit": 1, "limit-burst": 1}, build_limit)
HASHLIMIT = MatchType(
    "hashlimit",
    {**dict.fromkeys(_HASH, 1), "hashlimit-rate-match": 0},
    build_hashlimit,
)
CONNLIMIT = MatchType(
    "connlimit", {**_CONN, "connlimit-saddr": 0, "connlimit-daddr": 0}, build_connlimit
)
QUOTA = MatchType("quota", {"quota": 1}, build_quota)
