"""How kube-proxy is configured, as far as it decides what it programs."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.address import Prefix


class ProxyMode(Enum):
    """What programs Services on the nodes. EBPF stands for a CNI that replaces kube-proxy."""

    IPTABLES = "iptables"
    NFTABLES = "nftables"
    IPVS = "ipvs"
    EBPF = "ebpf"
    UNKNOWN = "unknown"


class ProxyConfig(Struct, frozen=True, kw_only=True):
    """KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1), with its defaults.

    `cluster_cidrs` tell pod traffic from other traffic under `detect_local_mode` "ClusterCIDR"
    (the default); with none of them no traffic counts as a pod's. `pod_interface` does so under
    "BridgeInterface", and under "InterfaceNamePrefix" with a "*" behind it; "" when it is not
    known. `masquerade_bit` is a bit number: 14 is the mark 0x4000. `node_port_addresses` () means
    every local address in iptables and ipvs mode, the primary one in nftables mode;
    `primary_node_ports` is the word "primary" in its place. `localhost_node_ports` says whether
    NodePorts answer on 127.0.0.1 (iptables mode, IPv4).
    """

    mode: ProxyMode = ProxyMode.IPTABLES
    cluster_cidrs: tuple[Prefix, ...] = ()
    detect_local_mode: str = "ClusterCIDR"
    pod_interface: str = ""
    masquerade_all: bool = False
    masquerade_bit: int = 14
    node_port_addresses: tuple[Prefix, ...] = ()
    primary_node_ports: bool = False
    localhost_node_ports: bool = True

    @property
    def masquerade_mark(self) -> int:
        """The mark that kube-proxy sets on packets to be masqueraded."""
        return 1 << self.masquerade_bit
