"""-m statistic: a share of the packets (xt_statistic.c).

`--mode nth --every n` counts packets of everybody, so which one is ours is as good as random: 1/n.
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
)
from skoop.netstack.iptables.values import decimal


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """A match with a chance instead of a test."""
    given = by_name(options)
    mode = given["mode"].value if "mode" in given else ""
    if mode == "random" and "probability" in given:
        try:
            chance = float(given["probability"].value)
        except ValueError:
            raise UnmodelledError("the probability is not a number") from None
        inverted = given["probability"].inverted
    elif mode == "nth" and "every" in given and decimal(given["every"].value) > 0:
        chance = 1 / decimal(given["every"].value)
        inverted = given["every"].inverted
    else:
        raise UnmodelledError("this mode of statistic is not known")
    if not 0 <= chance <= 1:
        raise UnmodelledError("the probability is not between 0 and 1")
    return Match(test=always, chance=1 - chance if inverted else chance)


MATCH = MatchType("statistic", {"mode": 1, "probability": 1, "every": 1, "packet": 1}, build)
