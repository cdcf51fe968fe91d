"""-m pkttype: unicast, broadcast or multicast on the link (xt_pkttype.c)."""

from __future__ import annotations

from skoop.model.address import Family, is_multicast
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option, UnmodelledError, either
from skoop.netstack.netfilter import AddressType, View

_KINDS = {
    "unicast": "unicast",
    "host": "unicast",
    "broadcast": "broadcast",
    "bcast": "broadcast",
    "multicast": "multicast",
    "mcast": "multicast",
}


def _kind(packet: Packet, view: View) -> str:
    """A frame follows its IP destination; one made here counts as unicast."""
    if not view.iif:
        return "unicast"
    if is_multicast(packet.family, packet.dst):
        return "multicast"
    kind = view.host.address_type(packet.family, packet.dst, "")
    return "broadcast" if kind is AddressType.BROADCAST else "unicast"


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """One kind, negatable."""
    if len(options) != 1 or options[0].value.lower() not in _KINDS:
        raise UnmodelledError("this packet type is not known")
    wanted = _KINDS[options[0].value.lower()]

    def test(packet: Packet, view: View) -> Answer:
        return _kind(packet, view) == wanted

    return Match(test=either(test, inverted=options[0].inverted))


MATCH = MatchType("pkttype", {"pkt-type": 1}, build)
