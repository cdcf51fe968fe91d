"""VPCs, subnets, route tables, and what joins VPCs."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from msgspec import Struct

from skoop.infra.resources.base import Kind, Resource
from skoop.model.address import Prefix


class Vpc(Resource, frozen=True, kw_only=True):
    """A private network. `cidrs` are routed inside it; `user_cidrs` are public ranges that are used
    as private ones, so that they are not sent to the internet."""

    kind: ClassVar[Kind] = Kind.VPC

    cidrs: tuple[Prefix, ...] = ()
    user_cidrs: tuple[Prefix, ...] = ()


class Subnet(Resource, frozen=True, kw_only=True):
    """A subnet (vSwitch). `route_table` is "" when the VPC's main table serves it; `acl` is "" when
    no network ACL is bound."""

    kind: ClassVar[Kind] = Kind.SUBNET

    vpc: str = ""
    zone: str = ""
    cidrs: tuple[Prefix, ...] = ()
    route_table: str = ""
    acl: str = ""


class NextHopKind(Enum):
    """Where a route leads."""

    LOCAL = "local"
    INSTANCE = "instance"
    INTERFACE = "network interface"
    NAT_GATEWAY = "NAT gateway"
    INTERNET_GATEWAY = "internet gateway"
    PEERING = "peering"
    BLACKHOLE = "blackhole"
    SERVICE = "service of the cloud"
    OTHER = "other"


class NextHop(Struct, frozen=True):
    """One way on. `weight` is its share among several; 0 is never chosen when another is not."""

    kind: NextHopKind
    id: str = ""
    region: str = ""
    weight: int = 1

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}".strip()


class RouteOrigin(Enum):
    """Who wrote a route. Ordered by preference where a cloud has one: system first."""

    SYSTEM = "system"
    CUSTOM = "custom"
    DYNAMIC = "dynamic"


class RouteState(Enum):
    """Whether a route is in force."""

    ACTIVE = "active"
    PENDING = "pending"
    INACTIVE = "inactive"
    BLACKHOLE = "blackhole"


class Route(Struct, frozen=True, kw_only=True):
    """One entry of a route table. `id` is unique in the table."""

    id: str
    destination: Prefix
    next_hops: tuple[NextHop, ...]
    state: RouteState = RouteState.ACTIVE
    origin: RouteOrigin = RouteOrigin.CUSTOM
    name: str = ""
    raw: str = ""

    def __str__(self) -> str:
        ways = ", ".join(str(hop) for hop in self.next_hops) or "nowhere"
        return f"{self.destination} via {ways} ({self.origin.value}, {self.state.value})"


class RouteTable(Resource, frozen=True, kw_only=True):
    """A route table. `main` serves every subnet that names no other; `quota` is how many custom
    entries it may hold, 0 when not known."""

    kind: ClassVar[Kind] = Kind.ROUTE_TABLE

    vpc: str = ""
    main: bool = False
    subnets: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    quota: int = 0


class PeeredVpc(Struct, frozen=True):
    """A VPC that a peering or a transit router joins, with the networks it takes over it."""

    vpc: str
    region: str = ""
    owner: str = ""
    cidrs: tuple[Prefix, ...] = ()


class Peering(Resource, frozen=True, kw_only=True):
    """A peering connection, or a transit router with its attachments; `ends` are what it joins."""

    kind: ClassVar[Kind] = Kind.PEERING

    active: bool = True
    ends: tuple[PeeredVpc, ...] = ()
