"""-m length, ttl, hl, tos, dscp, ecn: fields of the IP header (xt_length.c, xt_hl.c, xt_dscp.c,
xt_ecn.c)."""

from __future__ import annotations

from collections.abc import Callable

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.dscp import dscp_value, tos_value_and_mask
from skoop.netstack.iptables.match.base import (
    Match,
    MatchType,
    Option,
    Test,
    UnmodelledError,
    all_of,
    either,
)
from skoop.netstack.iptables.values import bounds, decimal
from skoop.netstack.netfilter import View


def _field(holds: Callable[[Packet], bool], option: Option) -> Test:
    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return holds(packet)

    return either(test, inverted=option.inverted)


def _length(option: Option) -> Test:
    low, high = bounds(option.value)
    return _field(lambda packet: low <= packet.size <= high, option)


def _ttl(option: Option) -> Test:
    wanted = decimal(option.value)
    if option.name.endswith("-lt"):
        return _field(lambda packet: packet.ttl < wanted, option)
    if option.name.endswith("-gt"):
        return _field(lambda packet: packet.ttl > wanted, option)
    return _field(lambda packet: packet.ttl == wanted, option)


def _tos(option: Option) -> Test:
    value, mask = tos_value_and_mask(option.value)
    return _field(lambda packet: packet.tos & mask == value, option)


def _dscp(option: Option) -> Test:
    wanted = dscp_value(option.value, is_class=option.name == "dscp-class")
    return _field(lambda packet: packet.tos >> 2 == wanted, option)


def _ecn(option: Option) -> Test:
    """The bits in the TCP header are not in skoop's packets."""
    if option.name != "ecn-ip-ect":
        raise UnmodelledError("ECN bits of TCP are not modelled")
    wanted = decimal(option.value)
    return _field(lambda packet: packet.tos & 3 == wanted, option)


def _type(name: str, names: tuple[str, ...], read: Callable[[Option], Test]) -> MatchType:
    def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
        return Match(test=all_of(map(read, options)))

    return MatchType(name, dict.fromkeys(names, 1), build)


LENGTH = _type("length", ("length",), _length)
TTL = _type("ttl", ("ttl", "ttl-eq", "ttl-lt", "ttl-gt"), _ttl)
HL = _type("hl", ("hl-eq", "hl-lt", "hl-gt"), _ttl)
TOS = _type("tos", ("tos",), _tos)
DSCP = _type("dscp", ("dscp", "dscp-class"), _dscp)
ECN = MatchType(
    "ecn",
    {"ecn-tcp-cwr": 0, "ecn-tcp-ece": 0, "ecn-ip-ect": 1},
    lambda options, family: Match(test=all_of(map(_ecn, options))),  # noqa: ARG005
)
