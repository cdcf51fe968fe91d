"""Pods, what controls them, and small objects."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Prefix
from skoop.model.kube.meta import Address, Condition, LabelSelector, Owner


class ContainerPort(Struct, frozen=True, gc=False):
    """A declared port. `host_port` 0 means none; `host_ip` "" means every address of the node."""

    port: int
    protocol: str = "TCP"
    name: str = ""
    host_port: int = 0
    host_ip: str = ""


class Container(Struct, frozen=True, kw_only=True, gc=False):
    """A container as its template describes it. `env` holds literal values only."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}


class PodContainer(Struct, frozen=True, kw_only=True, gc=False):
    """A container of a pod, with its state.

    `waiting` and `terminated` are the reasons of those states ("CrashLoopBackOff", "Completed"), ""
    otherwise. `sidecar` marks an init container with restartPolicy Always. `command` is command and
    args in one.
    """

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    ready: bool = False
    restarts: int = 0
    waiting: str = ""
    terminated: str = ""
    sidecar: bool = False


class DnsConfig(Struct, frozen=True, gc=False):
    """A pod's dnsConfig; `ndots` -1 leaves the default."""

    nameservers: tuple[Address, ...] = ()
    searches: tuple[str, ...] = ()
    ndots: int = -1


class Pod(Struct, frozen=True, kw_only=True, gc=False):
    """A pod.

    `ips` are status.podIPs, the primary one first; `host_ips` the node's. `ready` is the Ready
    condition. `terminating` means a deletion timestamp is set, at `deletion_timestamp`.
    `service_account` is "" where the API left it out.
    """

    namespace: str
    name: str
    uid: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    node: str = ""
    host_network: bool = False
    ips: tuple[Address, ...] = ()
    host_ips: tuple[Address, ...] = ()
    phase: str = ""
    ready: bool = False
    conditions: tuple[Condition, ...] = ()
    containers: tuple[PodContainer, ...] = ()
    readiness_gates: tuple[str, ...] = ()
    deletion_timestamp: str = ""
    dns_policy: str = "ClusterFirst"
    dns_config: DnsConfig = DnsConfig()
    hostname: str = ""
    subdomain: str = ""
    owner: Owner = Owner()
    reason: str = ""
    service_account: str = ""

    @property
    def terminating(self) -> bool:
        """Whether the pod is being deleted."""
        return bool(self.deletion_timestamp)

    @property
    def finished(self) -> bool:
        """Whether its containers have ended for good; its addresses may be in use elsewhere."""
        return self.phase in ("Succeeded", "Failed")


class Namespace(Struct, frozen=True, gc=False):
    """A namespace and its labels."""

    name: str
    labels: Mapping[str, str] = {}


class ServiceAccount(Struct, frozen=True, gc=False):
    """A ServiceAccount and its labels; never its secrets."""

    namespace: str
    name: str
    labels: Mapping[str, str] = {}


class ConfigMap(Struct, frozen=True, gc=False):
    """A ConfigMap's text data."""

    namespace: str
    name: str
    data: Mapping[str, str] = {}


class Workload(Struct, frozen=True, kw_only=True, gc=False):
    """A DaemonSet or a Deployment (`kind`). `desired` and `ready` count pods; `config_maps` are
    the names of those that its pods mount or take variables from."""

    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str] = {}
    selector: LabelSelector = LabelSelector()
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    desired: int = 0
    ready: int = 0
    host_network: bool = False
    config_maps: tuple[str, ...] = ()


class ServiceCidr(Struct, frozen=True, gc=False):
    """A ServiceCIDR object: ranges that ClusterIPs are drawn from."""

    name: str
    cidrs: tuple[Prefix, ...] = ()
