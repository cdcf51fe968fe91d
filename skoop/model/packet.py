"""A packet, as far as any rule or route can tell two of them apart."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from skoop.model.address import Family, format_ip

# Ports that are not one number. A client's source port is chosen at random, so rules about it can
# only be decided when they hold for the whole range (see `port_within`).
EPHEMERAL = -1
"""Some port of net.ipv4.ip_local_port_range (32768-60999 unless a host says otherwise)."""
ANY_PORT = -2
"""Some port of 1024-65535: what masquerading with --random-fully leaves."""

_RANGES = {EPHEMERAL: (32768, 60999), ANY_PORT: (1024, 65535)}


class Proto(IntEnum):
    """IP protocol numbers skoop knows by name. A packet may carry any other number."""

    ICMP = 1
    IPIP = 4
    TCP = 6
    UDP = 17
    IPV6 = 41
    GRE = 47
    ICMPV6 = 58
    SCTP = 132


class TcpFlag(IntEnum):
    """Bits of the TCP header's flag byte (RFC 9293)."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20


class Icmp(Struct, frozen=True):
    """The type and code of an ICMP or ICMPv6 message; (-1, -1) on a packet that is none."""

    type: int = -1
    code: int = -1


NO_ICMP = Icmp()


class Seal(Struct, frozen=True):
    """Who encrypted a WireGuard packet and for whom, by their public keys. `met` tells whether the
    sender ever completed a handshake with the receiver, None when that is not known."""

    sender: str
    receiver: str
    met: bool | None = None


class Packet(Struct, frozen=True, kw_only=True):
    """One IP packet in flight.

    `size` is its length on the wire from the IP header on, in bytes. `sport` and `dport` may be
    `EPHEMERAL` or `ANY_PORT`; they are 0 for protocols without ports. `mark` is the skb mark: it
    belongs to the namespace the packet is in, not to the wire. An ICMP error quotes the packet it
    is about in `quoted`; a tunnel packet carries the inner one in `inner` (`vni` is -1 unless VXLAN
    carries it, `seal` None unless WireGuard does), and the inner frame's source and destination
    addresses in `inner_macs`. `gso` marks a burst of TCP segments that virtual devices pass on
    whole: their MTU only counts where the kernel routes. `fragment` is the size in bytes of the
    largest fragment that a datagram travels in, 0 when it is whole; `joined` tells that a bridge
    has put them together. `mss` is the segment size that a rule wrote into a SYN, 0 for none.
    """

    family: Family
    proto: int
    src: int
    dst: int
    sport: int = 0
    dport: int = 0
    flags: int = 0
    icmp: Icmp = NO_ICMP
    size: int = 60
    df: bool = True
    ttl: int = 64
    tos: int = 0
    mark: int = 0
    quoted: Packet | None = None
    inner: Packet | None = None
    inner_macs: tuple[str, str] = ("", "")
    vni: int = -1
    seal: Seal | None = None
    gso: bool = False
    fragment: int = 0
    joined: bool = False
    mss: int = 0

    @property
    def source(self) -> str:
        """The source address as text."""
        return format_ip(self.family, self.src)

    @property
    def destination(self) -> str:
        """The destination address as text."""
        return format_ip(self.family, self.dst)

    def __str__(self) -> str:
        name = protocol_name(self.proto)
        source, destination = self.source, self.destination
        if self.family is Family.V6:
            source, destination = f"[{source}]", f"[{destination}]"
        if self.icmp is not NO_ICMP and self.icmp.type >= 0:
            return f"{source} -> {destination} {name} type {self.icmp.type} code {self.icmp.code}"
        if self.dport or self.sport:
            sport = "*" if self.sport < 0 else self.sport
            dport = "*" if self.dport < 0 else self.dport
            return f"{source}:{sport} -> {destination}:{dport} {name}"
        return f"{source} -> {destination} {name}"


def protocol_name(number: int) -> str:
    """ "tcp" for 6, "proto-99" for a number without a name here."""
    try:
        return Proto(number).name.lower()
    except ValueError:
        return f"proto-{number}"


RARE = 0.01
"""A drawn port is taken not to hit a range that holds less than this share of what it is drawn
from: one port of 28,000 would otherwise make every rule about a port undecidable for replies."""


def port_within(port: int, low: int, high: int) -> bool | None:
    """Whether a port lies in low..high (both inclusive); None when it depends on the port drawn."""
    if port >= 0:
        return low <= port <= high
    return drawn_within(*_RANGES[port], low, high)


def drawn_within(first: int, last: int, low: int, high: int) -> bool | None:
    """The same of one that is drawn from first..last."""
    share = (min(last, high) - max(first, low) + 1) / (last - first + 1)
    if share < RARE:
        return False
    return True if share > 1 - RARE else None
