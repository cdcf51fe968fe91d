"""Port options of tcp, udp, udplite, sctp and dccp, which all read alike (xt_tcpudp.c)."""

from __future__ import annotations

from skoop.model.answer import Answer
from skoop.model.packet import Packet, port_within
from skoop.netstack.iptables.match.base import Option, Test, either
from skoop.netstack.iptables.values import ports
from skoop.netstack.netfilter import View

PORT_OPTIONS = {"sport": 1, "source-port": 1, "dport": 1, "destination-port": 1}
WHY = "it is about a port that is drawn at random, and the rule covers part of the range"


def is_source(option: Option) -> bool:
    """--sport rather than --dport."""
    return option.name in ("sport", "source-port")


def port_test(option: Option) -> Test:
    """Whether a packet's port lies in the option's range."""
    low, high = ports(option.value)

    def source(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return port_within(packet.sport, low, high)

    def destination(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return port_within(packet.dport, low, high)

    return either(source if is_source(option) else destination, inverted=option.inverted)


def single_dport(options: tuple[Option, ...]) -> int:
    """The one destination port these options ask for, -1 if there is no such port."""
    for option in options:
        if option.name in ("dport", "destination-port") and not option.inverted:
            low, high = ports(option.value)
            if low == high:
                return low
    return -1


def port_fact(options: tuple[Option, ...]) -> tuple[tuple[object, ...], bool]:
    """(fact, flipped) when these options are about one port only."""
    if len(options) != 1 or options[0].name not in PORT_OPTIONS:
        return (), False
    end = "sport" if is_source(options[0]) else "dport"
    return (end, *ports(options[0].value)), options[0].inverted
