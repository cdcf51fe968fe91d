"""Calico's own objects about the network, as written (docs.tigera.io/calico/latest/reference)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from skoop.model.address import Prefix
from skoop.model.kube.meta import Address


class Tunnelling(Enum):
    """ipipMode and vxlanMode of an IP pool."""

    NEVER = "Never"
    ALWAYS = "Always"
    CROSS_SUBNET = "CrossSubnet"


class IpPool(Struct, frozen=True, kw_only=True, gc=False):
    """An IPPool. A disabled one gives out no new addresses; the ones in use are served on.
    `block_size` is the prefix length of the blocks that nodes get."""

    name: str
    cidr: Prefix
    ipip: Tunnelling = Tunnelling.NEVER
    vxlan: Tunnelling = Tunnelling.NEVER
    nat_outgoing: bool = False
    disabled: bool = False
    block_size: int = 26
    node_selector: str = "all()"
    bgp_export: bool = True


class BlockAffinity(Struct, frozen=True, gc=False):
    """Which node a block of addresses belongs to; `state` is "confirmed", "pending" or
    "pendingDeletion"."""

    node: str
    cidr: Prefix
    state: str = "confirmed"


class IpamBlock(Struct, frozen=True, gc=False):
    """A block and what was given out of it to other nodes than its own ("" for a block without
    one): `borrowed` holds address and node."""

    cidr: Prefix
    node: str = ""
    borrowed: tuple[tuple[Address, str], ...] = ()


class FelixConfiguration(Struct, frozen=True, gc=False):
    """Settings of Felix: "default" holds for all nodes, "node.NAME" for one. `settings` are those
    fields of its spec that are texts, numbers or booleans, as text ("true")."""

    name: str
    settings: Mapping[str, str] = {}


class BgpPeer(Struct, frozen=True, kw_only=True, gc=False):
    """A BGPPeer. `peer_ip` is without its port, "" where `peer_selector` chooses nodes."""

    name: str
    node: str = ""
    node_selector: str = ""
    peer_ip: str = ""
    peer_selector: str = ""


class CalicoNode(Struct, frozen=True, kw_only=True, gc=False):
    """What Calico has registered about a node, from its own Node resource. Texts are "" and
    addresses as written where not set."""

    name: str
    ipv4: str = ""
    ipv6: str = ""
    ipip_address: str = ""
    vxlan_address: str = ""
    vxlan_address6: str = ""
    vxlan_mac: str = ""
    vxlan_mac6: str = ""


class CalicoInstallation(Struct, frozen=True, gc=False):
    """What the operator was asked for: pools, and "iptables", "nftables", "bpf" or "vpp" ("" for
    the default)."""

    pools: tuple[IpPool, ...] = ()
    dataplane: str = ""


class CalicoObjects(Struct, frozen=True, kw_only=True):
    """All of them. `known` names the lists that were there ("ippools", and of Calico's policies
    "calico networkpolicies"); a list that was not is empty here, which says nothing about the
    cluster. `mesh` is nodeToNodeMeshEnabled, None where no
    BGPConfiguration says so (it is on then)."""

    pools: tuple[IpPool, ...] = ()
    affinities: tuple[BlockAffinity, ...] = ()
    blocks: tuple[IpamBlock, ...] = ()
    felix: tuple[FelixConfiguration, ...] = ()
    peers: tuple[BgpPeer, ...] = ()
    nodes: tuple[CalicoNode, ...] = ()
    installations: tuple[CalicoInstallation, ...] = ()
    mesh: bool | None = None
    known: tuple[str, ...] = ()
