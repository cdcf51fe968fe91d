"""-m connmark: the connection's mark (xt_connmark.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option, Test, all_of
from skoop.netstack.iptables.match.conntrack import has_connection
from skoop.netstack.iptables.values import value_and_mask
from skoop.netstack.netfilter import View


def _test(option: Option) -> Test:
    value, mask = value_and_mask(option.value)
    inverted = option.inverted

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        """No connection: no, even when negated."""
        return has_connection(view) and (view.ct.mark & mask == value) is not inverted

    return test


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """connmark & mask == value."""
    return Match(test=all_of(map(_test, options)))


MATCH = MatchType("connmark", {"mark": 1}, build)
