"""What flannel announces about a node: its subnet, its public address, its tunnel's MAC.

flannel keeps it in annotations of the Node (pkg/subnet/kube in flannel): <prefix>public-ip and
backend-data for IPv4, public-ipv6 and backend-v6-data for IPv6, backend-type for both.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.model.address import Family, Prefix, format_ip, parse_ip
from skoop.model.kube import Node
from skoop.model.trace import Evidence
from skoop.netstack.state import Namespace
from skoop.plugin.base import ClusterView
from skoop.plugin.checks.vtep import Vtep

PREFIX = "flannel.alpha.coreos.com/"
_TYPE = PREFIX + "backend-type"
_PUBLIC = {Family.V4: PREFIX + "public-ip", Family.V6: PREFIX + "public-ipv6"}
_OVERWRITE = {
    Family.V4: PREFIX + "public-ip-overwrite",
    Family.V6: PREFIX + "public-ipv6-overwrite",
}
_DATA = {Family.V4: PREFIX + "backend-data", Family.V6: PREFIX + "backend-v6-data"}


class _Data(Struct, frozen=True, rename={"vni": "VNI", "mac": "VtepMAC", "key": "PublicKey"}):
    vni: int = -1
    mac: str = ""
    key: str = ""


class Lease(Struct, frozen=True, kw_only=True):
    """A node's part of the pod network, in one family.

    `public` is where other nodes send to, `mac` its tunnel device's; `mac` is "" and `vni` -1 when
    unknown; `key` is its WireGuard device's, "" without one. `overwritten` means that the public
    address was set by hand and may be a NAT's.
    """

    node: str
    family: Family
    subnet: Prefix
    public: int
    backend: str
    mac: str = ""
    vni: int = -1
    key: str = ""
    overwritten: bool = False

    @property
    def public_ip(self) -> str:
        """The public address as text."""
        return format_ip(self.family, self.public)

    @property
    def announced(self) -> Evidence:
        """The annotation with the MAC."""
        name = _DATA[self.family]
        return Evidence(f"annotation {name} of node {self.node}", f"VtepMAC {self.mac}")

    @property
    def announced_key(self) -> Evidence:
        """The annotation with the public key."""
        name = _DATA[self.family]
        return Evidence(f"annotation {name} of node {self.node}", f"PublicKey {self.key}")

    @property
    def announced_ip(self) -> Evidence:
        """The annotation with the public address."""
        name = _PUBLIC[self.family]
        return Evidence(f"annotation {name} of node {self.node}", self.public_ip)

    @property
    def vtep(self) -> Vtep:
        """Its end of the tunnel, which has the network address of its subnet."""
        return Vtep(
            cni="flannel",
            node=self.node,
            family=self.family,
            address=self.subnet.network,
            mac=self.mac,
            public=self.public,
            announced_mac=self.announced,
            announced_ip=self.announced_ip,
        )


def lease_of(view: ClusterView, node: Node, family: Family) -> Lease | None:
    """A node's lease; None while it has no subnet or no known address. Nodes that flannel did not
    annotate have none, unless it annotates no node at all (its store is etcd then)."""
    subnet = next((each for each in node.pod_cidrs if each.family is family), None)
    annotations = node.annotations
    annotated = any(_TYPE in each.annotations for each in view.inventory.nodes)
    public = _public(node, family)
    if subnet is None or public is None or (annotated and _TYPE not in annotations):
        return None
    data = _decode(annotations.get(_DATA[family], ""))
    host = view.hosts.get(node.name)
    return Lease(
        node=node.name,
        family=family,
        subnet=subnet,
        public=public,
        backend=annotations.get(_TYPE, "").lower() or view.facts.flannel.value.backend,
        mac=data.mac.lower() or (_device_mac(host, family) if host else ""),
        vni=data.vni,
        key=data.key,
        overwritten=_OVERWRITE[family] in annotations,
    )


def peers_of(view: ClusterView, own: Lease) -> tuple[Lease, ...]:
    """The other nodes' leases of the same backend; flannel ignores the rest."""
    leases = (
        lease_of(view, node, own.family) for node in view.inventory.nodes if node.name != own.node
    )
    return tuple(lease for lease in leases if lease and lease.backend == own.backend)


def _public(node: Node, family: Family) -> int | None:
    for name in (_OVERWRITE[family], _PUBLIC[family]):
        try:
            found = parse_ip(node.annotations.get(name, ""))
        except ValueError:
            continue
        if found[0] is family:
            return found[1]
    return next((value for each, value in node.internal_ips if each is family), None)


def _decode(text: str) -> _Data:
    """backend-data; it is "null" for backends that need none."""
    try:
        return msgspec.json.decode(text, type=_Data | None) or _Data()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _Data()


def _device_mac(host: Namespace, family: Family) -> str:
    """What the device itself says, where nothing announces it."""
    start = "flannel." if family is Family.V4 else "flannel-v6."
    devices = [link for link in host.links if link.kind == "vxlan" and link.name.startswith(start)]
    return devices[0].mac if len(devices) == 1 else ""
