"""-m multiport: a list of ports and ranges (xt_multiport.c, ports_match_v1)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer, any_of
from skoop.model.packet import Packet, port_within
from skoop.netstack.iptables.match.base import (
    Match,
    MatchType,
    Option,
    Test,
    UnmodelledError,
    either,
)
from skoop.netstack.iptables.match.portset import WHY
from skoop.netstack.iptables.values import ports
from skoop.netstack.netfilter import View

_SOURCE = frozenset({"sports", "source-ports"})
_DESTINATION = frozenset({"dports", "destination-ports"})


def _listed(port: int, ranges: tuple[tuple[int, int], ...]) -> Answer:
    return any_of(port_within(port, low, high) for low, high in ranges)


def _test(option: Option) -> Test:
    ranges = tuple(map(ports, option.value.split(",")))

    def source(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return _listed(packet.sport, ranges)

    def destination(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return _listed(packet.dport, ranges)

    def both(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return any_of((_listed(packet.dport, ranges), _listed(packet.sport, ranges)))

    if option.name in _SOURCE:
        test = source
    elif option.name in _DESTINATION:
        test = destination
    else:
        test = both
    return either(test, inverted=option.inverted)


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """One list per `-m multiport`; several need several."""
    if len(options) != 1:
        raise UnmodelledError("multiport takes one list of ports")
    option = options[0]
    ranges = tuple(map(ports, option.value.split(",")))
    single = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
    indexed = single and option.name in _DESTINATION and not option.inverted
    return Match(
        test=_test(option),
        why=WHY,
        fact=("multiport", option.name[:1], *ranges),
        flipped=option.inverted,
        dport=ranges[0][0] if indexed else -1,
    )


MATCH = MatchType(
    "multiport",
    {
        "sports": 1,
        "source-ports": 1,
        "dports": 1,
        "destination-ports": 1,
        "ports": 1,
    },
    build,
)
