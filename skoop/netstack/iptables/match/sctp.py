"""-m sctp and -m dccp: ports; chunk and packet types are not in skoop's packets."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.match.base import Match, MatchType, Option, Test, all_of, undecided
from skoop.netstack.iptables.match.portset import (
    PORT_OPTIONS,
    WHY,
    port_fact,
    port_test,
    single_dport,
)


def _test(option: Option) -> Test:
    return port_test(option) if option.name in PORT_OPTIONS else undecided


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Ports (xt_sctp.c, xt_dccp.c); any other option stays undecided."""
    only_ports = all(option.name in PORT_OPTIONS for option in options)
    fact, flipped = port_fact(options)
    return Match(
        test=all_of(map(_test, options)),
        why=WHY if only_ports else "the packet's chunks or type are not known",
        fact=fact,
        flipped=flipped,
        dport=single_dport(options),
        modelled=only_ports,
    )


MATCH = MatchType("sctp", {**PORT_OPTIONS, "chunk-types": 2}, build)
DCCP = MatchType("dccp", {**PORT_OPTIONS, "dccp-types": 1, "dccp-option": 1}, build)
