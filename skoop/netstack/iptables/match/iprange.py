"""-m iprange: addresses between two others (xt_iprange.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option, Test, all_of, either
from skoop.netstack.iptables.values import address_range
from skoop.netstack.netfilter import View


def _test(option: Option, family: Family) -> Test:
    low, high = address_range(option.value, family)

    def source(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return low <= packet.src <= high

    def destination(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return low <= packet.dst <= high

    return either(source if option.name == "src-range" else destination, inverted=option.inverted)


def build(options: tuple[Option, ...], family: Family) -> Match:
    """Both ends are inclusive."""
    return Match(test=all_of(_test(option, family) for option in options))


MATCH = MatchType("iprange", {"src-range": 1, "dst-range": 1}, build)
