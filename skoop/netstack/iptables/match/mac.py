"""-m mac and -m eui64: the hardware address of the frame's sender (xt_mac.c, ip6t_eui64.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option
from skoop.netstack.netfilter import View

_WHY = "the hardware address of the sender is not known"


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """A packet made here has no Ethernet header: no, even when negated."""
    option = options[0] if options else Option("", (), inverted=False)
    wanted = option.value.lower() if option.values else ""

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        if not view.iif:
            return False
        if not view.mac:
            return None
        return (view.mac.lower() == wanted) is not option.inverted

    return Match(test=test, why=_WHY, fact=("mac", wanted), flipped=option.inverted)


def _undecided(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """EUI-64 identifiers are compared with the frame's sender, which is seldom known."""
    return Match(
        test=lambda packet, view: None if view.iif else False,  # noqa: ARG005
        why=_WHY,
        fact=("eui64",),
        modelled=False,
    )


MATCH = MatchType("mac", {"mac-source": 1}, build)
EUI64 = MatchType("eui64", {}, _undecided, modelled=False)
