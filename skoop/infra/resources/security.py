"""Security groups, their rules, prefix lists and network ACLs."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from msgspec import Struct

from skoop.infra.resources.base import ANY_PORT_RANGE, Kind, PortRange, Resource
from skoop.model.address import Prefix

ANY_PROTOCOL = -1


class Action(Enum):
    """What a rule does."""

    ACCEPT = "accept"
    DROP = "drop"


class Way(Enum):
    """Into an interface or subnet, or out of it."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Intra(Enum):
    """What members of one group may do with each other, apart from its rules.

    DEFAULT leaves it to the rules, then accepts; ACCEPT wins over every rule; DROP leaves it to the
    rules, then drops. NONE: membership means nothing.
    """

    NONE = "none"
    DEFAULT = "default"
    ACCEPT = "accept"
    DROP = "drop"


class PeerKind(Enum):
    """What a rule says about the other side."""

    ANY = "any"
    CIDR = "cidr"
    GROUP = "group"
    PREFIX_LIST = "prefix list"


class Peer(Struct, frozen=True):
    """The other side of a rule: the source of an ingress rule, the destination of an egress one.
    `id` is a group's or a prefix list's; `owner` the subscription it is in, "" for the same."""

    kind: PeerKind = PeerKind.ANY
    cidr: Prefix | None = None
    id: str = ""
    owner: str = ""

    def __str__(self) -> str:
        if self.kind is PeerKind.CIDR:
            return str(self.cidr)
        return f"{self.kind.value} {self.id}".strip()


ANYONE = Peer()


class SecurityRule(Struct, frozen=True, kw_only=True):
    """One rule of a group. `id` is unique in the group; a smaller `priority` wins. `protocol` is an
    IP protocol number or ANY_PROTOCOL; `ports` are destination ports. `local` is the other half of
    a five-tuple rule: the interface's own address, None for any."""

    id: str
    way: Way
    action: Action = Action.ACCEPT
    priority: int = 1
    protocol: int = ANY_PROTOCOL
    ports: PortRange = ANY_PORT_RANGE
    source_ports: PortRange = ANY_PORT_RANGE
    peer: Peer = ANYONE
    local: Prefix | None = None
    raw: str = ""


class SecurityGroup(Resource, frozen=True, kw_only=True):
    """A security group. `type` is the cloud's word for its sort; the last two say what happens when
    no rule matches."""

    kind: ClassVar[Kind] = Kind.SECURITY_GROUP

    vpc: str = ""
    type: str = ""
    intra: Intra = Intra.NONE
    rules: tuple[SecurityRule, ...] = ()
    ingress_default: Action = Action.DROP
    egress_default: Action = Action.ACCEPT


class PrefixList(Resource, frozen=True, kw_only=True):
    """A named list of networks that rules refer to."""

    kind: ClassVar[Kind] = Kind.PREFIX_LIST

    entries: tuple[Prefix, ...] = ()


class AclRule(Struct, frozen=True, kw_only=True):
    """One rule of a network ACL. `peer` is the source of an ingress rule, the destination of an
    egress one; `ports` are destination ports, for any direction."""

    id: str
    action: Action
    protocol: int = ANY_PROTOCOL
    ports: PortRange = ANY_PORT_RANGE
    peer: Prefix | None = None
    raw: str = ""


class NetworkAcl(Resource, frozen=True, kw_only=True):
    """A stateless filter of subnets. Rules are in the order in which they are tried; `default` is
    what becomes of a packet that none matches."""

    kind: ClassVar[Kind] = Kind.NETWORK_ACL

    vpc: str = ""
    subnets: tuple[str, ...] = ()
    ingress: tuple[AclRule, ...] = ()
    egress: tuple[AclRule, ...] = ()
    default: Action = Action.DROP
