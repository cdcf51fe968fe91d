"""-m addrtype: the type of an address in this namespace's routing tables (xt_addrtype.c)."""

from __future__ import annotations

from collections.abc import Callable

from skoop.model.address import Family, is_multicast
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option, UnmodelledError, by_name
from skoop.netstack.netfilter import AddressType, View

_TYPES = {kind.name: kind for kind in AddressType}
_ROUTED = frozenset(
    {
        AddressType.LOCAL,
        AddressType.ANYCAST,
        AddressType.PROHIBIT,
        AddressType.UNREACHABLE,
    }
)
Types = frozenset[AddressType]


def _types(text: str) -> Types:
    names = text.upper().split(",")
    unknown = [name for name in names if name not in _TYPES]
    if unknown:
        raise UnmodelledError(f"address type {unknown[0][:20]!r} is not modelled")
    return frozenset(_TYPES[name] for name in names)


def _v4(view: View, address: int, device: str, wanted: Types) -> bool:
    return view.host.address_type(Family.V4, address, device) in wanted


def _v6(view: View, address: int, device: str, wanted: Types) -> bool:
    """IPv6 asks several things that must all hold: a local address is unicast too (match_type6)."""
    if AddressType.MULTICAST in wanted and not is_multicast(Family.V6, address):
        return False
    if AddressType.UNICAST in wanted and (address == 0 or is_multicast(Family.V6, address)):
        return False
    if AddressType.UNSPEC in wanted and address != 0:
        return False
    routed = wanted & _ROUTED
    return not routed or view.host.address_type(Family.V6, address, device) in routed


def _device(options: dict[str, Option]) -> Callable[[View], str]:
    if "limit-iface-in" in options:
        return lambda view: view.iif
    if "limit-iface-out" in options:
        return lambda view: view.oif
    return lambda _: ""


def build(options: tuple[Option, ...], family: Family) -> Match:
    """--src-type and --dst-type, each negatable, limited to an interface on request."""
    given = by_name(options)
    device = _device(given)
    ask = _v4 if family is Family.V4 else _v6
    source, destination = given.get("src-type"), given.get("dst-type")
    source_types = _types(source.value) if source else frozenset()
    destination_types = _types(destination.value) if destination else frozenset()

    def test(packet: Packet, view: View) -> Answer:
        limit = device(view)
        if source and ask(view, packet.src, limit, source_types) is source.inverted:
            return False
        return (
            not destination
            or ask(view, packet.dst, limit, destination_types) is not destination.inverted
        )

    return Match(test=test)


MATCH = MatchType(
    "addrtype", {"src-type": 1, "dst-type": 1, "limit-iface-in": 0, "limit-iface-out": 0}, build
)
