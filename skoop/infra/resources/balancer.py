"""Load balancers (layer 4)."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from msgspec import Struct

from skoop.infra.resources.base import Address, Kind, PortRange, Resource
from skoop.model.address import Prefix


class Health(Enum):
    """What the balancer thinks of a backend."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class BackendKind(Enum):
    """What a backend's id names."""

    INSTANCE = "instance"
    INTERFACE = "network interface"
    ADDRESS = "address"


class Backend(Struct, frozen=True, kw_only=True):
    """One server of a group. `address` is None when the server's primary address is meant. `port`
    0 is the listener's own. A weight of 0 gets no new connection."""

    id: str
    kind: BackendKind = BackendKind.INSTANCE
    address: Address | None = None
    port: int = 0
    weight: int = 100
    health: Health = Health.UNKNOWN
    zone: str = ""
    raw: str = ""


class ServerGroup(Resource, frozen=True, kw_only=True):
    """The servers behind listeners. `preserves_client` says that servers see the client's
    address; otherwise they see one of the balancer's."""

    kind: ClassVar[Kind] = Kind.SERVER_GROUP

    vpc: str = ""
    backends: tuple[Backend, ...] = ()
    preserves_client: bool = True


class AccessMode(Enum):
    """What a listener's access list means."""

    OFF = "off"
    ALLOW = "allow"
    DENY = "deny"


class Access(Struct, frozen=True):
    """Who may use a listener; `id` names the access list. An empty list allows, or denies,
    nobody."""

    mode: AccessMode = AccessMode.OFF
    id: str = ""
    entries: tuple[Prefix, ...] = ()
    raw: str = ""


class HealthCheck(Struct, frozen=True):
    """What the balancer asks of a backend; `port` 0 is the backend's own."""

    enabled: bool = False
    protocol: int = 6
    port: int = 0


NO_CHECK = HealthCheck()
OPEN = Access()


class Listener(Struct, frozen=True, kw_only=True):
    """A port of a load balancer. `protocol` is an IP protocol number; `application` says that the
    balancer speaks HTTP or TLS with the client itself. `group` is "" when it leads nowhere."""

    id: str
    protocol: int
    ports: PortRange
    running: bool = True
    status: str = ""
    group: str = ""
    access: Access = OPEN
    check: HealthCheck = NO_CHECK
    application: bool = False
    raw: str = ""


class LoadBalancer(Resource, frozen=True, kw_only=True):
    """A load balancer.

    `flavour` is the cloud's word for its sort. `internal` ones have private addresses only.
    `zones` are those it serves from; with `cross_zone` off each zone's address reaches only
    backends of that zone. `sources` are where its own packets come from: health checks, and
    connections whose client address is not preserved. `zone_of` pairs an address with its zone
    where that matters. `groups` are security groups on the balancer itself.
    """

    kind: ClassVar[Kind] = Kind.LOAD_BALANCER

    vpc: str = ""
    flavour: str = ""
    internal: bool = False
    active: bool = True
    addresses: tuple[Address, ...] = ()
    zone_of: tuple[tuple[Address, str], ...] = ()
    dns_name: str = ""
    zones: tuple[str, ...] = ()
    cross_zone: bool = True
    sources: tuple[Prefix, ...] = ()
    groups: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()
