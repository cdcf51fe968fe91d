"""Calico's objects: of its custom resources, or as its own API server gives them.

Both have the same spec (libcalico-go/config/crd and api/pkg/apis/projectcalico/v3 in
projectcalico/calico), but for `deleted` of a block affinity, which is a text in the one.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import FieldError, Metadata, prefix
from skoop.model.address import Prefix
from skoop.model.kube.calico import (
    BgpPeer,
    BlockAffinity,
    CalicoInstallation,
    CalicoNode,
    FelixConfiguration,
    IpamBlock,
    IpPool,
    Tunnelling,
)
from skoop.model.kube.meta import Address

_BLOCK_SIZES = {4: 26, 6: 122}
_Scalar = str | bool | int | float


_POOL_NAMES = {
    "ipip": "ipipMode",
    "vxlan": "vxlanMode",
    "nat": "natOutgoing",
    "size": "blockSize",
    "selector": "nodeSelector",
    "bgp_off": "disableBGPExport",
}


class _PoolSpec(Struct, rename=_POOL_NAMES, frozen=True, gc=False):
    cidr: str
    ipip: str | None = None
    vxlan: str | None = None
    nat: bool | None = None
    disabled: bool | None = None
    size: Annotated[int, Meta(ge=0, le=128)] | None = None
    selector: str | None = None
    bgp_off: bool | None = None


class _Pool(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _PoolSpec


def decode_pools(document: bytes, resource: str = "ippools") -> tuple[IpPool, ...]:
    """Every IPPool."""
    return decode_list(resource, document, _Pool, _pool)


def _pool(wire: _Pool) -> IpPool:
    spec = wire.spec
    cidr = prefix(spec.cidr, "spec.cidr")
    return IpPool(
        name=wire.metadata.name,
        cidr=cidr,
        ipip=tunnelling(spec.ipip or "", "spec.ipipMode"),
        vxlan=tunnelling(spec.vxlan or "", "spec.vxlanMode"),
        nat_outgoing=bool(spec.nat),
        disabled=bool(spec.disabled),
        block_size=spec.size or _BLOCK_SIZES[cidr.family.value],
        node_selector=spec.selector or "all()",
        bgp_export=not spec.bgp_off,
    )


def tunnelling(text: str, field: str) -> Tunnelling:
    """A mode as manifests of all ages write it ("crossSubnet", "Off"). Raises FieldError."""
    word = text.lower().replace("-", "")
    for each in Tunnelling:
        if each.value.lower() == word:
            return each
    if word in ("", "off", "false"):
        return Tunnelling.NEVER
    raise FieldError(field, f"unknown mode {text[:40]!r}")


class _AffinitySpec(Struct, frozen=True, gc=False):
    cidr: str
    node: str = ""
    state: str = "confirmed"
    deleted: str | bool | None = None


class _Affinity(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _AffinitySpec


def decode_affinities(
    document: bytes, resource: str = "blockaffinities"
) -> tuple[BlockAffinity, ...]:
    """Every BlockAffinity that is not being deleted."""
    found = decode_list(resource, document, _Affinity, _affinity)
    return tuple(each for each in found if each is not None)


def _affinity(wire: _Affinity) -> BlockAffinity | None:
    spec = wire.spec
    if str(spec.deleted).lower() == "true":
        return None
    return BlockAffinity(spec.node, prefix(spec.cidr, "spec.cidr"), spec.state)


class _Owner(Struct, frozen=True, gc=False):
    secondary: dict[str, str] | None = None


class _BlockSpec(Struct, frozen=True, gc=False):
    cidr: str
    affinity: str | None = None
    allocations: list[int | None] | None = None
    attributes: list[_Owner] | None = None


class _Block(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _BlockSpec


def decode_blocks(document: bytes, resource: str = "ipamblocks") -> tuple[IpamBlock, ...]:
    """Every IPAMBlock."""
    return decode_list(resource, document, _Block, _block)


def _block(wire: _Block) -> IpamBlock:
    spec = wire.spec
    cidr = prefix(spec.cidr, "spec.cidr")
    node = (spec.affinity or "").removeprefix("host:")
    return IpamBlock(cidr, node, tuple(_borrowed(spec, cidr, node)))


def _borrowed(spec: _BlockSpec, cidr: Prefix, node: str) -> list[tuple[Address, str]]:
    """Addresses whose attributes name another node."""
    owners = spec.attributes or []
    found = []
    for number, index in enumerate(spec.allocations or ()):
        if index is None or not 0 <= index < len(owners):
            continue
        user = (owners[index].secondary or {}).get("node", "")
        if user and user != node:
            found.append(((cidr.family, cidr.network + number), user))
    return found


class _Felix(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: dict[str, object] = {}


def decode_felix(
    document: bytes, resource: str = "felixconfigurations"
) -> tuple[FelixConfiguration, ...]:
    """Every FelixConfiguration."""
    return decode_list(resource, document, _Felix, _felix)


def _felix(wire: _Felix) -> FelixConfiguration:
    settings = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in wire.spec.items()
        if isinstance(value, _Scalar)
    }
    return FelixConfiguration(wire.metadata.name, settings)


_PEER_NAMES = {
    "node_selector": "nodeSelector",
    "peer_ip": "peerIP",
    "peer_selector": "peerSelector",
}


class _PeerSpec(Struct, rename=_PEER_NAMES, frozen=True, gc=False):
    node: str = ""
    node_selector: str = ""
    peer_ip: str = ""
    peer_selector: str = ""


class _Peer(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _PeerSpec = _PeerSpec()


def decode_peers(document: bytes, resource: str = "bgppeers") -> tuple[BgpPeer, ...]:
    """Every BGPPeer."""
    return decode_list(resource, document, _Peer, _peer)


def _peer(wire: _Peer) -> BgpPeer:
    spec = wire.spec
    ip = spec.peer_ip
    if ip.startswith("["):
        ip = ip[1:].partition("]")[0]
    elif ip.count(":") == 1:
        ip = ip.partition(":")[0]
    return BgpPeer(
        name=wire.metadata.name,
        node=spec.node,
        node_selector=spec.node_selector,
        peer_ip=ip,
        peer_selector=spec.peer_selector,
    )


class _MeshSpec(Struct, rename={"mesh": "nodeToNodeMeshEnabled"}, frozen=True, gc=False):
    mesh: bool | None = None


class _Mesh(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _MeshSpec = _MeshSpec()


def decode_mesh(document: bytes, resource: str = "bgpconfigurations") -> bool | None:
    """nodeToNodeMeshEnabled of the BGPConfiguration "default", None where it does not say."""
    found = dict(decode_list(resource, document, _Mesh, _mesh))
    return found.get("default")


def _mesh(wire: _Mesh) -> tuple[str, bool | None]:
    return wire.metadata.name, wire.spec.mesh


_BGP_NAMES = {
    "ipv4": "ipv4Address",
    "ipv6": "ipv6Address",
    "ipip": "ipv4IPIPTunnelAddr",
}
_NODE_NAMES = {
    "vxlan": "ipv4VXLANTunnelAddr",
    "vxlan6": "ipv6VXLANTunnelAddr",
    "mac": "vxlanTunnelMACAddr",
    "mac6": "vxlanTunnelMACAddrV6",
}


class _Bgp(Struct, rename=_BGP_NAMES, frozen=True, gc=False):
    ipv4: str = ""
    ipv6: str = ""
    ipip: str = ""


class _NodeSpec(Struct, rename=_NODE_NAMES, frozen=True, gc=False):
    bgp: _Bgp | None = None
    vxlan: str = ""
    vxlan6: str = ""
    mac: str = ""
    mac6: str = ""


class _Node(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _NodeSpec = _NodeSpec()


class _PoolWish(Struct, rename="camel", frozen=True, gc=False):
    cidr: str
    encapsulation: str | None = None
    nat_outgoing: str | None = None
    block_size: Annotated[int, Meta(ge=0, le=128)] | None = None
    node_selector: str | None = None


class _Network(Struct, rename="camel", frozen=True, gc=False):
    ip_pools: list[_PoolWish] | None = None
    linux_dataplane: str | None = None


class _InstallationSpec(Struct, rename="camel", frozen=True, gc=False):
    calico_network: _Network | None = None


class _Installation(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _InstallationSpec = _InstallationSpec()


_ENCAPSULATIONS = {
    "none": (Tunnelling.NEVER, Tunnelling.NEVER),
    "ipip": (Tunnelling.ALWAYS, Tunnelling.NEVER),
    "vxlan": (Tunnelling.NEVER, Tunnelling.ALWAYS),
    "ipipcrosssubnet": (Tunnelling.CROSS_SUBNET, Tunnelling.NEVER),
    "vxlancrosssubnet": (Tunnelling.NEVER, Tunnelling.CROSS_SUBNET),
}
"""Installation's encapsulation as ipipMode and vxlanMode; IPIP where it does not say."""


def decode_installations(
    document: bytes, resource: str = "installations"
) -> tuple[CalicoInstallation, ...]:
    """Every Installation of the operator (operator.tigera.io/v1)."""
    return decode_list(resource, document, _Installation, _installation)


def _installation(wire: _Installation) -> CalicoInstallation:
    network = wire.spec.calico_network or _Network()
    return CalicoInstallation(
        pools=tuple(_wish(each) for each in network.ip_pools or ()),
        dataplane=(network.linux_dataplane or "").lower(),
    )


def _wish(wire: _PoolWish) -> IpPool:
    cidr = prefix(wire.cidr, "spec.calicoNetwork.ipPools.cidr")
    ipip, vxlan = _ENCAPSULATIONS.get(
        (wire.encapsulation or "ipip").lower(), (Tunnelling.NEVER, Tunnelling.NEVER)
    )
    return IpPool(
        name=str(cidr),
        cidr=cidr,
        ipip=ipip,
        vxlan=vxlan,
        nat_outgoing=(wire.nat_outgoing or "Enabled").lower() == "enabled",
        block_size=wire.block_size or _BLOCK_SIZES[cidr.family.value],
        node_selector=wire.node_selector or "all()",
    )


def decode_calico_nodes(document: bytes, resource: str = "calico nodes") -> tuple[CalicoNode, ...]:
    """Every Node of Calico's own API (clusters whose store is etcd, `calicoctl get node`)."""
    return decode_list(resource, document, _Node, _node)


def _node(wire: _Node) -> CalicoNode:
    spec, bgp = wire.spec, wire.spec.bgp or _Bgp()
    return CalicoNode(
        name=wire.metadata.name,
        ipv4=bgp.ipv4,
        ipv6=bgp.ipv6,
        ipip_address=bgp.ipip,
        vxlan_address=spec.vxlan,
        vxlan_address6=spec.vxlan6,
        vxlan_mac=spec.mac,
        vxlan_mac6=spec.mac6,
    )
