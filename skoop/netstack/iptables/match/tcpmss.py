"""-m tcpmss: the MSS option of a SYN (xt_tcpmss.c). Other segments carry none."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet, Proto, TcpFlag
from skoop.netstack.iptables.match.base import Match, MatchType, Option
from skoop.netstack.netfilter import View


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """A SYN's value is the sender's choice, so it stays undecided."""
    inverted = any(option.inverted for option in options)

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        if packet.proto != Proto.TCP:
            return False
        return None if packet.flags & TcpFlag.SYN else inverted

    return Match(test=test, why="the MSS that the sender announces is not known")


MATCH = MatchType("tcpmss", {"mss": 1}, build)
