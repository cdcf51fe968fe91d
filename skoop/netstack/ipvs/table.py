"""What IPVS is told to balance, and the connections it has balanced."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.address import Family, format_ip, with_port

AnyAddress = tuple[Family, int]


class Forward(Enum):
    """How packets get to a real server. MASQ translates the destination (NAT); the others leave it
    as it is and only send the packet elsewhere."""

    MASQ = "Masq"
    ROUTE = "Route"
    TUNNEL = "Tunnel"
    LOCAL = "Local"


class RealServer(Struct, frozen=True):
    """One destination of a virtual server; weight 0 takes no new connections."""

    address: AnyAddress
    port: int
    weight: int = 1
    forward: Forward = Forward.MASQ

    def __str__(self) -> str:
        return with_port(format_ip(*self.address), self.port)


class VirtualServer(Struct, frozen=True, kw_only=True):
    """A virtual server: an address, protocol and port, or a firewall mark (`address` is None then).

    `persistent` is the seconds for which a client keeps its real server, 0 for none.
    """

    proto: int = 0
    address: AnyAddress | None = None
    port: int = 0
    fwmark: int = 0
    scheduler: str = ""
    persistent: int = 0
    servers: tuple[RealServer, ...] = ()
    raw: str = ""

    def __str__(self) -> str:
        if self.address is None:
            return f"firewall mark {self.fwmark}"
        return with_port(format_ip(*self.address), self.port)

    @property
    def available(self) -> tuple[RealServer, ...]:
        """Real servers that take new connections."""
        return tuple(each for each in self.servers if each.weight > 0)


class VirtualConnection(Struct, frozen=True, kw_only=True):
    """A connection that was balanced: who asked for what, and who got it."""

    proto: int
    client: AnyAddress
    client_port: int
    address: AnyAddress
    port: int
    server: AnyAddress
    server_port: int
    state: str = ""
    raw: str = ""


class IpvsTable(Struct, frozen=True):
    """A namespace's virtual servers, and the connections that were collected."""

    servers: tuple[VirtualServer, ...] = ()
    connections: tuple[VirtualConnection, ...] = ()

    def at(self, proto: int, address: AnyAddress, port: int) -> VirtualServer | None:
        """The virtual server of an address, protocol and port."""
        for each in self.servers:
            if (each.proto, each.address, each.port) == (proto, address, port):
                return each
        return None
