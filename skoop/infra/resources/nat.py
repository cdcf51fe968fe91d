"""Public addresses and what translates to them."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from skoop.infra.resources.base import ANY_PORT_RANGE, Address, Kind, PortRange, Resource
from skoop.infra.resources.security import ANY_PROTOCOL
from skoop.model.address import Prefix


class Eip(Resource, frozen=True, kw_only=True):
    """A public address. `bound_to` is the id of what has it ("" when nothing has), `private` the
    private address it stands for, None for the only one."""

    kind: ClassVar[Kind] = Kind.EIP

    address: Address
    bound_to: str = ""
    private: Address | None = None
    active: bool = True


class SnatEntry(Struct, frozen=True, kw_only=True):
    """Whose packets get which public addresses. Exactly one of `cidr`, `subnet` and `instance` is
    set. () for `addresses` means that none is bound."""

    id: str
    addresses: tuple[Address, ...] = ()
    cidr: Prefix | None = None
    subnet: str = ""
    instance: str = ""
    active: bool = True
    raw: str = ""


class DnatEntry(Struct, frozen=True, kw_only=True):
    """A public port that leads to a private one. Ports of both ranges correspond one to one."""

    id: str
    external: Address
    internal: Address
    protocol: int = ANY_PROTOCOL
    external_ports: PortRange = ANY_PORT_RANGE
    internal_ports: PortRange = ANY_PORT_RANGE
    active: bool = True
    raw: str = ""


class NatGateway(Resource, frozen=True, kw_only=True):
    """A NAT gateway. `public` ones lead to the internet. `addresses` are those bound to it;
    `exhausted` says that the cloud reports no port left to translate to."""

    kind: ClassVar[Kind] = Kind.NAT_GATEWAY

    vpc: str = ""
    subnet: str = ""
    public: bool = True
    active: bool = True
    addresses: tuple[Address, ...] = ()
    snat: tuple[SnatEntry, ...] = ()
    dnat: tuple[DnatEntry, ...] = ()
    exhausted: bool = False
