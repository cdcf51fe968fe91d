"""Nodes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Prefix
from skoop.model.kube.meta import Address, Condition


class NodeAddress(Struct, frozen=True, gc=False):
    """An IP address of status.addresses. `type` is "InternalIP" or "ExternalIP"."""

    type: str
    address: Address


class Node(Struct, frozen=True, kw_only=True, gc=False):
    """A node as the API knows it.

    `addresses` are in API order, IP addresses only. `ready` is the Ready condition being "True".
    `taints` are "key=value:effect".
    """

    name: str
    addresses: tuple[NodeAddress, ...] = ()
    pod_cidrs: tuple[Prefix, ...] = ()
    provider_id: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    ready: bool = False
    conditions: tuple[Condition, ...] = ()
    unschedulable: bool = False
    taints: tuple[str, ...] = ()
    kubelet_version: str = ""
    kernel_version: str = ""
    os_image: str = ""

    @property
    def internal_ips(self) -> tuple[Address, ...]:
        """The InternalIP addresses, in API order."""
        return tuple(each.address for each in self.addresses if each.type == "InternalIP")

    @property
    def external_ips(self) -> tuple[Address, ...]:
        """The ExternalIP addresses, in API order."""
        return tuple(each.address for each in self.addresses if each.type == "ExternalIP")

    @property
    def ips(self) -> tuple[Address, ...]:
        """All addresses once each, InternalIP first."""
        return tuple(dict.fromkeys(self.internal_ips + self.external_ips))

    @property
    def zone(self) -> str:
        """The label topology.kubernetes.io/zone, "" without one."""
        return self.labels.get("topology.kubernetes.io/zone", "")
