"""-m set: membership in an ipset (xt_set.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option, Test, UnmodelledError
from skoop.netstack.netfilter import View

_NO_EFFECT = frozenset({"update-counters", "update-subcounters"})


def _test(option: Option) -> Test:
    name, directions = option.values[0], tuple(option.values[1].split(","))
    if not all(direction in ("src", "dst") for direction in directions):
        raise UnmodelledError("a set's directions are src and dst")
    inverted = option.inverted

    def test(packet: Packet, view: View) -> Answer:
        members = view.host.ipset(name)
        if members is None:
            return None
        answer = members.contains(packet, view, directions)
        return None if answer is None else answer is not inverted

    return test


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """--match-set; conditions on an entry's counters, and --return-nomatch, are not modelled."""
    asked = [option for option in options if option.name in ("match-set", "set")]
    if len(asked) != 1 or any(
        option.name not in _NO_EFFECT for option in options if option is not asked[0]
    ):
        raise UnmodelledError("this option of the set match is not modelled")
    option = asked[0]
    return Match(
        test=_test(option),
        why=f"the contents of set {option.values[0]} are not known for this packet",
        fact=("set", *option.values),
        flipped=option.inverted,
    )


_COUNTERS = ("packets-eq", "packets-lt", "packets-gt", "bytes-eq", "bytes-lt", "bytes-gt")
MATCH = MatchType(
    "set",
    {
        "match-set": 2,
        "set": 2,
        "return-nomatch": 0,
        **dict.fromkeys(_NO_EFFECT, 0),
        **dict.fromkeys(_COUNTERS, 1),
    },
    build,
)
