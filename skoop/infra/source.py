"""Where a resource tree comes from: a cloud's API, or its recorded answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from skoop.infra.capability import Capability
from skoop.infra.resources import Resource, Subscription, Tree
from skoop.model.kube import Address, Node, Service


class Scope(Struct, frozen=True, kw_only=True):
    """What a question needs to know of the cloud.

    `nodes` are the cluster's, `addresses` what else the packets may be for or from (load balancers,
    servers outside), `services` the Services asked for. `internet` says that packets may leave or
    come in by public addresses.
    """

    nodes: tuple[Node, ...] = ()
    addresses: tuple[Address, ...] = ()
    services: tuple[Service, ...] = ()
    internet: bool = False


class Gap(Struct, frozen=True):
    """An area that could not be asked, and why: "Forbidden: grant vpc:DescribeNetworkAcls".
    Its checks are left out and the reason is part of the answer."""

    capability: Capability
    why: str


class CloudState(Struct, frozen=True):
    """What a source knows for a scope. `gaps` are what it could not ask; `assumptions` are
    sentences such as "there is no resource directory, so one subscription was looked at".
    `complete` says that the tree holds every instance and interface of its VPCs, so that what a
    route names and the tree lacks does not exist."""

    tree: Tree
    gaps: tuple[Gap, ...] = ()
    assumptions: tuple[str, ...] = ()
    subscription: Subscription | None = None
    complete: bool = False


class CloudSource(Protocol):
    """Reads a cloud, live or from a record. Never raises for what the cloud refuses: that is a
    gap."""

    def state(self, scope: Scope) -> CloudState:
        """The tree for a scope. Asking again for what is known costs nothing."""

    def again(self, resource: Resource) -> Resource | None:
        """One more look at a resource before it is blamed: as it is now, or None when it is gone.
        From a record: the resource itself. Raises AccessError when it cannot be asked again."""

    def recorded(self) -> Mapping[str, bytes]:
        """The answers used so far, as cloud/<provider>.json by provider; what a record was made
        from when it is one."""
