"""The facts."""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar

from msgspec import Struct

from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.model.address import Prefix
from skoop.model.diagnosis import NotChecked
from skoop.service.config import ProxyConfig, ProxyMode

T = TypeVar("T")


class Cni(Enum):
    """The network plugins skoop can tell apart."""

    FLANNEL = "flannel"
    CANAL = "canal"
    CALICO = "calico"
    KINDNET = "kindnet"
    CILIUM = "cilium"
    ANTREA = "antrea"
    KUBE_ROUTER = "kube-router"
    KUBE_OVN = "kube-ovn"
    TERWAY = "terway"
    WEAVE = "weave"
    AWS_VPC = "aws-vpc-cni"
    UNKNOWN = "unknown"


class Fact(Struct, Generic[T], frozen=True):
    """A value and where it was found ("ConfigMap kube-system/kube-proxy"). `certain` is false for
    what was inferred from samples and may be incomplete."""

    value: T
    source: str
    certain: bool = True


class FlannelConfig(Struct, frozen=True, kw_only=True):
    """net-conf.json. Networks are None when not known; `mtu` 0 means that flannel derives it.

    Defaults are flannel's (Documentation/backends.md): VNI 1, UDP port 8472.
    """

    network: Prefix | None = None
    ipv6_network: Prefix | None = None
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    backend: str = "udp"
    vni: int = 1
    port: int = 8472
    direct_routing: bool = False
    mtu: int = 0


UNKNOWN_SOURCE = "nothing in the cluster says so"


class ClusterFacts(Struct, frozen=True, kw_only=True):
    """Everything detected.

    `proxy` is the configuration that was found, or kube-proxy's defaults with the detected mode;
    its `cluster_cidrs` are only those kube-proxy itself was given, which is what its rules use.
    `flannel` holds defaults unless the CNI is flannel or canal, `calico` unless it is Calico or
    canal. `notes` say what could not be read
    or contradicts something else.
    """

    cni: Fact[Cni]
    proxy_mode: Fact[ProxyMode]
    proxy: Fact[ProxyConfig]
    pod_cidrs: Fact[tuple[Prefix, ...]]
    service_cidrs: Fact[tuple[Prefix, ...]]
    flannel: Fact[FlannelConfig]
    cluster_domain: Fact[str]
    calico: Fact[CalicoConfig] = Fact(CalicoConfig(), UNKNOWN_SOURCE, certain=False)
    notes: tuple[NotChecked, ...] = ()

    @property
    def node_cidrs(self) -> bool:
        """Whether pods have addresses out of their node's podCIDR; Calico's own IPAM does not look
        at it."""
        return self.cni.value is not Cni.CALICO or self.calico.value.host_local


BY_USER = "the user"
