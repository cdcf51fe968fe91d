"""A packet as a cloud's filters see it, and how single conditions match."""

from __future__ import annotations

from msgspec import Struct

from skoop.infra.resources import ANY_PROTOCOL, PortRange
from skoop.model.address import Family, Prefix
from skoop.model.kube import Address
from skoop.model.packet import Packet, Proto, port_within

Match = bool | None
"""Yes, no, or None: cannot be told."""
_WITH_PORTS = frozenset((Proto.TCP, Proto.UDP, Proto.SCTP))
_ICMP = frozenset((Proto.ICMP, Proto.ICMPV6))


class Flow(Struct, frozen=True, kw_only=True):
    """The header fields that filters look at."""

    family: Family
    protocol: int
    src: int
    dst: int
    sport: int = 0
    dport: int = 0

    @classmethod
    def of(cls, packet: Packet) -> Flow:
        """A packet's; of a tunnel packet the outer header's."""
        return cls(
            family=packet.family,
            protocol=packet.proto,
            src=packet.src,
            dst=packet.dst,
            sport=packet.sport,
            dport=packet.dport,
        )

    @property
    def source(self) -> Address:
        """The source address."""
        return self.family, self.src

    @property
    def destination(self) -> Address:
        """The destination address."""
        return self.family, self.dst


def both(*matches: Match) -> Match:
    """Whether all conditions hold."""
    if False in matches:
        return False
    return None if None in matches else True


def protocol_is(protocol: int, flow: Flow) -> bool:
    """ICMP in a rule means ICMPv6 for IPv6 too: clouds have one word for both."""
    if protocol == ANY_PROTOCOL or protocol == flow.protocol:
        return True
    return protocol in _ICMP and flow.protocol in _ICMP


def port_in(ports: PortRange, port: int, flow: Flow) -> Match:
    """Whether a port is in a range; protocols without ports match any range."""
    if flow.protocol not in _WITH_PORTS or ports.is_any:
        return True
    return port_within(port, ports.first, ports.last)


def address_in(prefix: Prefix | None, family: Family, address: int) -> bool:
    """Whether an address is in a network; None is every network."""
    return prefix is None or (prefix.family is family and prefix.contains(address))
