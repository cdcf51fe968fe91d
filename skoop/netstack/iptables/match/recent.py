"""-m recent: lists of addresses seen lately (xt_recent.c).

No tool prints these lists, so whether an address is on one is not known, with one exception.
kube-proxy's session affinity keeps a list per endpoint (KUBE-SEP-*): each `--rcheck` on one leads
to an endpoint that the rules after it choose among anyway. A client is taken to be new to those
lists, so all endpoints are followed; a sticky client reaches one of them.
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
    undecided,
)

AFFINITY = "the client has no session affinity yet, so any endpoint may be chosen"
_COMMANDS = ("set", "rcheck", "update", "remove")


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """--set always matches; the others ask for an entry."""
    given = by_name(options)
    commands = [given[name] for name in _COMMANDS if name in given]
    if len(commands) != 1:
        raise UnmodelledError("recent takes one of --set, --rcheck, --update, --remove")
    command = commands[0]
    name = given["name"].value if "name" in given else "DEFAULT"
    if command.name == "set":
        return Match(test=never if command.inverted else always)
    if name.startswith("KUBE-SEP-"):
        return Match(test=always if command.inverted else never, assumption=AFFINITY)
    return Match(test=undecided, why=f"the addresses on the recent list {name} are not known")


_FLAGS = ("reap", "rttl", "rsource", "rdest")
MATCH = MatchType(
    "recent",
    {
        **dict.fromkeys((*_COMMANDS, *_FLAGS), 0),
        "name": 1,
        "seconds": 1,
        "hitcount": 1,
        "mask": 1,
    },
    build,
)
