"""-m icmp and -m icmp6: type and code (ip_tables.c, icmp_match; ip6_tables.c, icmp6_match)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.icmp_names import icmp_numbers
from skoop.netstack.iptables.match.base import Match, MatchType, Option, Test, always, either
from skoop.netstack.iptables.values import decimal
from skoop.netstack.netfilter import View


def _wanted(text: str, family: Family) -> tuple[int, int, int]:
    """(type, lowest code, highest code); type -1 for any."""
    if text == "any" and family is Family.V4:
        return -1, 0, 255
    type_text, slash, code_text = text.partition("/")
    if not type_text.isdigit():
        kind, code = icmp_numbers(text, family)
        return (kind, 0, 255) if code < 0 else (kind, code, code)
    code = decimal(code_text) if slash else -1
    kind = decimal(type_text)
    if family is Family.V4 and kind == 255:
        return -1, 0, 255
    return (kind, 0, 255) if code < 0 else (kind, code, code)


def _test(option: Option, family: Family) -> Test:
    kind, low, high = _wanted(option.value, family)
    if kind < 0:
        return either(always, inverted=option.inverted)

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        message = packet.icmp
        if message.type < 0:
            return None
        return message.type == kind and low <= message.code <= high

    return either(test, inverted=option.inverted)


def build(options: tuple[Option, ...], family: Family) -> Match:
    """Without an option every message matches."""
    if not options:
        return Match(test=always)
    return Match(
        test=_test(options[-1], family), why="the type of the packet's ICMP message is not known"
    )


MATCH = MatchType("icmp", {"icmp-type": 1}, build)
ICMP6 = MatchType("icmp6", {"icmpv6-type": 1, "icmp6-type": 1}, build)
