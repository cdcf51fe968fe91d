"""-m tcp: ports, flags (xt_tcpudp.c, tcp_mt)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import (
    Match,
    MatchType,
    Option,
    Test,
    UnmodelledError,
    all_of,
    either,
    undecided,
)
from skoop.netstack.iptables.match.portset import (
    PORT_OPTIONS,
    WHY,
    port_fact,
    port_test,
    single_dport,
)
from skoop.netstack.netfilter import View

_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ALL": 63, "NONE": 0}


def _flag_bits(text: str) -> int:
    bits = 0
    for name in text.split(","):
        if name.upper() not in _FLAGS:
            raise UnmodelledError(f"TCP flag {name[:20]!r} is not known")
        bits |= _FLAGS[name.upper()]
    return bits


def flags_test(mask: int, wanted: int, *, inverted: bool) -> Test:
    """Whether exactly `wanted` of the bits in `mask` are set."""

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return packet.flags & mask == wanted

    return either(test, inverted=inverted)


def _test(option: Option) -> Test:
    if option.name in PORT_OPTIONS:
        return port_test(option)
    if option.name == "syn":
        return flags_test(0x17, 0x02, inverted=option.inverted)
    if option.name == "tcp-flags":
        mask, wanted = map(_flag_bits, option.values)
        return flags_test(mask, wanted, inverted=option.inverted)
    return undecided


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """A packet's TCP options are not modelled: --tcp-option stays undecided."""
    fact, flipped = port_fact(options)
    has_option = any(option.name == "tcp-option" for option in options)
    return Match(
        test=all_of(map(_test, options)),
        why="TCP options are not known" if has_option else WHY,
        fact=fact,
        flipped=flipped,
        dport=single_dport(options),
        modelled=not has_option,
    )


MATCH = MatchType("tcp", {**PORT_OPTIONS, "syn": 0, "tcp-flags": 2, "tcp-option": 1}, build)
