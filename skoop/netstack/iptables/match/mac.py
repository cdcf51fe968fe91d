"""-m mac and -m eui64: the sender's hardware address, which skoop's packets do not carry
(xt_mac.c, ip6t_eui64.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Answer, Match, MatchType, Option
from skoop.netstack.netfilter import View


def _test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
    """A packet made here has no Ethernet header: no, even when negated."""
    return None if view.iif else False


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Undecided for whatever came in."""
    option = options[0] if options else Option("", (), inverted=False)
    return Match(
        test=_test,
        why="the hardware address of the sender is not known",
        fact=("mac", *(value.lower() for value in option.values)),
        flipped=option.inverted,
        modelled=False,
    )


MATCH = MatchType("mac", {"mac-source": 1}, build, modelled=False)
EUI64 = MatchType("eui64", {}, build, modelled=False)
