"""What Calico has registered about a node: its address with the subnet it is in, and the ends of
its tunnels. It keeps that in annotations of the Node, or in a Node resource of its own
(libcalico-go/lib/backend/k8s/resources/node.go in projectcalico/calico)."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from skoop.model.address import Family, Prefix, format_ip, parse_ip, parse_prefix
from skoop.model.kube import Node
from skoop.model.kube.calico import CalicoNode
from skoop.model.trace import Evidence
from skoop.netstack.state import Namespace
from skoop.plugin.base import ClusterView
from skoop.plugin.checks.vtep import Vtep

PREFIX = "projectcalico.org/"
VXLAN_DEVICES = {Family.V4: "vxlan.calico", Family.V6: "vxlan-v6.calico"}
_NOTHING = CalicoNode(name="")


class Registered(Struct, frozen=True, kw_only=True):
    """A node in one family. `subnet` is the part of the underlay it is in, of one address when not
    known. Tunnel addresses are 0 where the node has none. `source` says where the address is
    written."""

    node: str
    family: Family
    address: int
    subnet: Prefix
    source: str
    ipip: int = 0
    vxlan: int = 0
    mac: str = ""

    @property
    def ip(self) -> str:
        """Its address as text."""
        return format_ip(self.family, self.address)

    @property
    def line(self) -> Evidence:
        """Where its address is written."""
        return Evidence(self.source, self.ip)

    @property
    def vtep(self) -> Vtep:
        """Its end of the VXLAN tunnel."""
        return Vtep(
            cni="Calico",
            node=self.node,
            family=self.family,
            address=self.vxlan,
            mac=self.mac,
            public=self.address,
            announced_mac=Evidence(f"VXLAN MAC of node {self.node}", self.mac),
            announced_ip=self.line,
        )


def registered(view: ClusterView, node: Node, family: Family) -> Registered | None:
    """What is known of a node; None without an address in that family. A node that Calico has not
    registered has none, unless it registered no node where skoop can see it."""
    own = next((each for each in view.inventory.calico.nodes if each.name == node.name), _NOTHING)
    four = family is Family.V4
    name = "IPv4Address" if four else "IPv6Address"
    text = node.annotations.get(PREFIX + name, "") or (own.ipv4 if four else own.ipv6)
    found, source = _interface(text), f"{PREFIX}{name} of node {node.name}"
    if found is None:
        if _registers(view, name):
            return None
        internal = next((value for each, value in node.internal_ips if each is family), None)
        if internal is None:
            return None
        found = internal, _subnet_on_host(view, node.name, family, internal)
        source = f"InternalIP of node {node.name}"
    six = "" if four else "6"
    note = node.annotations.get
    v6_mac = note(PREFIX + "VXLANTunnelMACAddrV6", "") or own.vxlan_mac6
    mac = (note(PREFIX + "VXLANTunnelMACAddr", "") or own.vxlan_mac) if four else v6_mac
    vxlan = own.vxlan_address if four else own.vxlan_address6
    return Registered(
        node=node.name,
        family=family,
        address=found[0],
        subnet=found[1],
        source=source,
        ipip=_value(note(PREFIX + "IPv4IPIPTunnelAddr", "") or own.ipip_address) if four else 0,
        vxlan=_value(note(f"{PREFIX}IPv{six or 4}VXLANTunnelAddr", "") or vxlan),
        mac=mac.lower() or _unregistered_mac(view, node.name, family),
    )


def peers_of(view: ClusterView, own: Registered) -> tuple[Registered, ...]:
    """The other registered nodes."""
    found = (
        registered(view, node, own.family) for node in view.inventory.nodes if node.name != own.node
    )
    return tuple(each for each in found if each is not None)


def derived_mac(node: str, family: Family) -> str:
    """The MAC of a node's VXLAN device where none is registered: 66 and a hash of the name
    (vtepMACForHost() in felix/calc/vxlan_resolver.go)."""
    name = node if family is Family.V4 else f"{node}-v6"
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return ":".join(("66", *(digest[i : i + 2] for i in range(0, 10, 2))))


def _unregistered_mac(view: ClusterView, node: str, family: Family) -> str:
    """By the node's name, if that is how the devices got theirs; Felix may run under another name,
    and names may have been replaced in a snapshot. Then what the device itself says."""
    if any(_device_mac(host, family) == derived_mac(name, family)
           for name, host in view.hosts.items()):  # fmt: skip
        return derived_mac(node, family)
    host = view.hosts.get(node)
    return _device_mac(host, family) if host else ""


def _device_mac(host: Namespace, family: Family) -> str:
    device = VXLAN_DEVICES[family]
    return next((link.mac for link in host.links if link.name == device), "")


def _registers(view: ClusterView, name: str) -> bool:
    """Whether skoop can see what Calico registers about any node."""
    return bool(view.inventory.calico.nodes) or any(
        PREFIX + name in node.annotations for node in view.inventory.nodes
    )


def _interface(text: str) -> tuple[int, Prefix] | None:
    """ "10.0.0.5/24" as address and subnet; a bare address is a subnet of its own."""
    ip, _, length = text.partition("/")
    try:
        family, value = parse_ip(ip)
        return value, parse_prefix(f"{ip}/{length or family.bits}")
    except ValueError:
        return None


def _value(text: str) -> int:
    try:
        return parse_ip(text)[1]
    except ValueError:
        return 0


def _subnet_on_host(view: ClusterView, node: str, family: Family, value: int) -> Prefix:
    host = view.hosts.get(node)
    for address in host.addresses if host else ():
        if (address.family, address.value) == (family, value):
            return address.prefix
    return Prefix(family, value, family.bits)
