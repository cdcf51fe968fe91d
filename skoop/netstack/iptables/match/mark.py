"""-m mark: the packet's mark (xt_mark.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option, Test, all_of, either
from skoop.netstack.iptables.values import value_and_mask
from skoop.netstack.netfilter import View


def _test(option: Option) -> Test:
    value, mask = value_and_mask(option.value)

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return packet.mark & mask == value

    return either(test, inverted=option.inverted)


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """mark & mask == value."""
    return Match(test=all_of(map(_test, options)))


MATCH = MatchType("mark", {"mark": 1}, build)
