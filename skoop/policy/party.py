"""The two ends of a connection, and the connection itself, as policies see them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from skoop.model.address import Family, format_ip
from skoop.model.packet import EPHEMERAL, Proto

NAMES = {"TCP": int(Proto.TCP), "UDP": int(Proto.UDP), "SCTP": int(Proto.SCTP)}
"""Protocols by the names that NetworkPolicy gives them."""


class PartyKind(Enum):
    """What an end is. A hostNetwork pod is a HOST: it has its node's address."""

    POD = "pod"
    HOST = "node"
    ADDRESS = "address"


class NamedPort(Struct, frozen=True, gc=False):
    """A container's port with a name; `proto` is an IP protocol number."""

    name: str
    proto: int
    port: int


class Party(Struct, frozen=True, kw_only=True):
    """One end, seen in one IP family.

    `ip` is -1 when the address is not known. `labels` are the pod's, or a HOST's node's;
    `namespace_labels` None means that namespaces were not collected. `identities` are the label
    sets under which Calico's selectors find it as a peer: the first `endpoints` are its own, the
    others those of the network sets that hold its address. `protected` tells that a HostEndpoint
    covers a HOST; `profiles` are that one's, and `all_interfaces` that it is for every interface.
    `host` is a pod's node where a HostEndpoint covers that.
    """

    kind: PartyKind
    name: str
    family: Family
    ip: int = -1
    namespace: str = ""
    node: str = ""
    labels: Mapping[str, str] = {}
    namespace_labels: Mapping[str, str] | None = {}
    service_account: str = ""
    ports: tuple[NamedPort, ...] = ()
    identities: tuple[Mapping[str, str], ...] = ()
    endpoints: int = 0
    protected: bool = False
    profiles: tuple[str, ...] = ()
    all_interfaces: bool = False
    host: Party | None = None

    @property
    def address(self) -> str:
        """Its address as text, "" when not known."""
        return format_ip(self.family, self.ip) if self.ip >= 0 else ""

    @property
    def full_name(self) -> str:
        """ "shop/web", or "k1" without a namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def identity(self) -> tuple[PartyKind, str, str]:
        """What it is, by whichever of its addresses: kind, namespace, name."""
        return self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.kind.value} {self.full_name}"


class Traffic(Struct, frozen=True):
    """What is sent: an IP protocol number with its ports (0 for protocols without), or an ICMP
    type and code (-1 when not known)."""

    proto: int
    dport: int = 0
    sport: int = EPHEMERAL
    icmp_type: int = -1
    icmp_code: int = -1

    def __str__(self) -> str:
        name = next((key for key, value in NAMES.items() if value == self.proto), "")
        if name:
            return f"{name} {self.dport}"
        return "ICMP" if self.proto in (Proto.ICMP, Proto.ICMPV6) else f"protocol {self.proto}"


class Flow(Struct, frozen=True):
    """A connection, by its first packet."""

    source: Party
    destination: Party
    traffic: Traffic
