"""On which addresses of a node kube-proxy serves NodePorts (nodePortAddresses).

pkg/proxy/util/nodeport_addresses.go, and what each mode does with loopback addresses.
"""

from __future__ import annotations

from skoop.model.address import Family, Prefix, is_loopback
from skoop.model.kube import Address, Node
from skoop.service.config import ProxyConfig, ProxyMode

_LOCALHOST = Prefix(Family.V4, 127 << 24, 8)
_OF_LO = _LOCALHOST.network + 1


def ranges(config: ProxyConfig, node: Node | None, family: Family) -> tuple[Prefix, ...]:
    """The ranges that hold for a family, () for every address: also where only the other family
    has ranges, and where one of them is 0.0.0.0/0 or ::/0."""
    listed = config.node_port_addresses
    if not listed and (config.primary_node_ports or config.mode is ProxyMode.NFTABLES):
        listed = _primary(node)
    own = tuple(each for each in listed if each.family is family)
    return () if any(each.length == 0 for each in own) else own


def _primary(node: Node | None) -> tuple[Prefix, ...]:
    """The first address of each family that the node has (GetNodeHostIPs)."""
    firsts: dict[Family, Prefix] = {}
    for family, value in (*node.internal_ips, *node.external_ips) if node else ():
        firsts.setdefault(family, Prefix(family, value, family.bits))
    return tuple(firsts.values())


def serves_localhost(config: ProxyConfig, node: Node | None) -> bool:
    """Whether NodePorts answer on 127.0.0.1: only in iptables mode, and unless it is forbidden, or
    left out of the addresses."""
    if config.mode is not ProxyMode.IPTABLES or not config.localhost_node_ports:
        return False
    own = ranges(config, node, Family.V4)
    return not own or any(
        each.contains(_LOCALHOST.network) or _LOCALHOST.contains(each.network) for each in own
    )


def serves_node_ports(address: Address, node: Node | None, config: ProxyConfig) -> bool:
    """Whether NodePorts answer on a local address.

    By default iptables and ipvs mode take every local address (127.0.0.0/8 only with
    localhostNodePorts, ::1 never), nftables mode the node's primary ones.
    """
    family, value = address
    own = ranges(config, node, family)
    loopback = is_loopback(*address)
    if loopback and not (family is Family.V4 and serves_localhost(config, node)):
        return False
    if loopback and own and value != _OF_LO:
        return False  # ranges are looked for among the addresses that interfaces have
    return not own or any(each.contains(value) for each in own)
