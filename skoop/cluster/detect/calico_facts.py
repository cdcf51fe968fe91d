"""What is known about a Calico installation."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.kube.calico import IpPool


class FelixSettings(Struct, frozen=True, kw_only=True):
    """Settings of Felix with its defaults. An MTU of 0 is found out by Felix itself."""

    interface_prefixes: tuple[str, ...] = ("cali",)
    bpf: bool = False
    nftables: str = "auto"
    wireguard: bool = False
    vxlan_vni: int = 4096
    vxlan_port: int = 4789
    vxlan_mtu: int = 0
    ipip_mtu: int = 0
    mark_mask: int = 0xFFFF0000
    to_host: str = "DROP"


class CalicoConfig(Struct, frozen=True, kw_only=True):
    """`overrides` are the settings of nodes that have their own. `backend` is "bird", "vxlan" or
    "none" (Calico does not route). `host_local` says that pods get addresses out of their node's
    podCIDR instead of Calico's blocks. `dataplane` is what the operator was asked for. `mesh` is
    BGP's node-to-node mesh."""

    pools: tuple[IpPool, ...] = ()
    felix: FelixSettings = FelixSettings()
    overrides: Mapping[str, FelixSettings] = {}
    backend: str = "bird"
    host_local: bool = False
    dataplane: str = ""
    mesh: bool = True

    def felix_on(self, node: str) -> FelixSettings:
        """The settings of a node's Felix."""
        return self.overrides.get(node, self.felix)

    def ebpf_on(self, node: str) -> bool:
        """Whether programs on devices do the work there instead of iptables or nftables."""
        return self.felix_on(node).bpf or self.dataplane == "bpf"

    def pool_of(self, family: Family, address: int) -> IpPool | None:
        """The pool with an address, the most specific one first."""
        holding = [
            pool
            for pool in self.pools
            if pool.cidr.family is family and pool.cidr.contains(address)
        ]
        return max(holding, key=lambda pool: pool.cidr.length) if holding else None
