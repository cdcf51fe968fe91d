"""-m udp, -m udplite: ports (xt_tcpudp.c, udp_mt)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.match.base import Match, MatchType, Option, all_of
from skoop.netstack.iptables.match.portset import (
    PORT_OPTIONS,
    WHY,
    port_fact,
    port_test,
    single_dport,
)


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Ports only."""
    fact, flipped = port_fact(options)
    return Match(
        test=all_of(map(port_test, options)),
        why=WHY,
        fact=fact,
        flipped=flipped,
        dport=single_dport(options),
    )


MATCH = MatchType("udp", PORT_OPTIONS, build)
UDPLITE = MatchType("udplite", PORT_OPTIONS, build)
