"""-m rpfilter: would a reply leave where this packet came in? (ipt_rpfilter.c, ip6t_rpfilter.c)."""

from __future__ import annotations

from skoop.model.address import Family, is_link_local, is_multicast
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option
from skoop.netstack.netfilter import AddressType, View


def build(options: tuple[Option, ...], family: Family) -> Match:
    """Loopback always passes; --loose takes any route, --accept-local own addresses as well."""
    names = {option.name for option in options}
    loose, validmark = "loose" in names, "validmark" in names
    accept_local, invert = "accept-local" in names, "invert" in names

    def reverse(packet: Packet, view: View) -> bool:
        source = 0 if is_multicast(family, packet.dst) else packet.dst
        mark = packet.mark if validmark else 0
        scoped = family is Family.V6 and is_link_local(family, packet.src)
        oif = view.iif if scoped else ""
        route = view.host.fib(family, source, packet.src, mark, "", oif, packet.tos)
        usable = route.type is AddressType.UNICAST or (
            accept_local and route.type is AddressType.LOCAL
        )
        return usable and (loose or route.oif == view.iif)

    def test(packet: Packet, view: View) -> Answer:
        return (view.iif == "lo" or reverse(packet, view)) is not invert

    return Match(test=test)


MATCH = MatchType("rpfilter", {"loose": 0, "validmark": 0, "accept-local": 0, "invert": 0}, build)
