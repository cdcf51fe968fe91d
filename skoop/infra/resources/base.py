"""What every cloud resource has: a kind, an id that is unique in its region, an owner."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from msgspec import Struct

from skoop.model.kube import Address

__all__ = ["ANY_PORT_RANGE", "Address", "Kind", "PortRange", "Resource"]


class Kind(Enum):
    """The kinds of resources a tree holds."""

    SUBSCRIPTION = "subscription"
    REGION = "region"
    ZONE = "zone"
    VPC = "vpc"
    SUBNET = "subnet"
    ROUTE_TABLE = "route table"
    NETWORK_ACL = "network ACL"
    PREFIX_LIST = "prefix list"
    SECURITY_GROUP = "security group"
    INSTANCE = "instance"
    INTERFACE = "network interface"
    NAT_GATEWAY = "NAT gateway"
    EIP = "EIP"
    LOAD_BALANCER = "load balancer"
    SERVER_GROUP = "server group"
    PEERING = "peering"


class PortRange(Struct, frozen=True, order=True):
    """Ports `first` to `last`, both inclusive."""

    first: int = 0
    last: int = 65535

    @property
    def is_any(self) -> bool:
        """Whether no port is left out."""
        return self.first <= 1 and self.last >= 65535

    def __str__(self) -> str:
        if self.is_any:
            return "any port"
        return f"port {self.first}" if self.first == self.last else f"port {self.first}-{self.last}"


ANY_PORT_RANGE = PortRange()


class Resource(Struct, frozen=True, kw_only=True):
    """One resource as a cloud's API gives it.

    `id` is the cloud's own, unique among its kind in `region` ("" for what has no region). `owner`
    is the id of the subscription it belongs to, "" when the cloud does not say. `emulated` marks
    what skoop made up because the cloud has no such object (a VPC's router). `raw` is the API's own
    text, shown as evidence.
    """

    kind: ClassVar[Kind]

    id: str
    name: str = ""
    region: str = ""
    owner: str = ""
    status: str = ""
    emulated: bool = False
    raw: str = ""
