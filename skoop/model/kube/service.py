"""Services and what stands behind them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Family, Prefix
from skoop.model.kube.meta import Address


class ServicePort(Struct, frozen=True, gc=False):
    """One entry of spec.ports. `target_port` is a number or a container port's name; `node_port` is
    0 when none is allocated; `protocol` is "TCP", "UDP" or "SCTP"."""

    port: int
    protocol: str = "TCP"
    name: str = ""
    target_port: int | str = 0
    node_port: int = 0
    app_protocol: str = ""


class Ingress(Struct, frozen=True, gc=False):
    """One entry of status.loadBalancer.ingress. `ip` is None when the cloud gave a host name.
    `ip_mode` is "VIP" or "Proxy" (not programmed by kube-proxy)."""

    ip: Address | None = None
    hostname: str = ""
    ip_mode: str = "VIP"


class Service(Struct, frozen=True, kw_only=True, gc=False):
    """A Service.

    `cluster_ips` is () for headless ones (`headless` true) and for ExternalName. Traffic policies
    are "Cluster" or "Local"; `session_affinity` is "None" or "ClientIP". `source_ranges` is () when
    every source is allowed.
    """

    namespace: str
    name: str
    type: str = "ClusterIP"
    cluster_ips: tuple[Address, ...] = ()
    headless: bool = False
    ip_families: tuple[Family, ...] = ()
    ip_family_policy: str = ""
    ports: tuple[ServicePort, ...] = ()
    selector: Mapping[str, str] = {}
    external_ips: tuple[Address, ...] = ()
    load_balancer_ip: str = ""
    ingress: tuple[Ingress, ...] = ()
    source_ranges: tuple[Prefix, ...] = ()
    load_balancer_class: str = ""
    external_traffic_policy: str = "Cluster"
    internal_traffic_policy: str = "Cluster"
    session_affinity: str = "None"
    health_check_node_port: int = 0
    publish_not_ready: bool = False
    external_name: str = ""
    traffic_distribution: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    @property
    def load_balancer_ips(self) -> tuple[Address, ...]:
        """The load balancer addresses kube-proxy serves on the nodes (ipMode VIP)."""
        return tuple(
            each.ip for each in self.ingress if each.ip is not None and each.ip_mode == "VIP"
        )

    @property
    def all_ips(self) -> tuple[Address, ...]:
        """Every address that names this Service, once each, ClusterIPs first."""
        ingress = tuple(each.ip for each in self.ingress if each.ip is not None)
        return tuple(dict.fromkeys(self.cluster_ips + ingress + self.external_ips))


class EndpointPort(Struct, frozen=True, gc=False):
    """One port of a slice. `port` 0 means that the slice leaves it open (kube-proxy ignores it)."""

    port: int = 0
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str = ""


class SliceEndpoint(Struct, frozen=True, kw_only=True, gc=False):
    """One endpoint of a slice.

    Conditions carry kube-proxy's rule for absent values: ready and serving unless said otherwise,
    not terminating (pkg/proxy/endpointslicecache.go). `target` is (kind, namespace, name) of
    targetRef, all "" without one. Hints are zone and node names.
    """

    addresses: tuple[Address, ...] = ()
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    node: str = ""
    zone: str = ""
    hostname: str = ""
    zone_hints: tuple[str, ...] = ()
    node_hints: tuple[str, ...] = ()
    target: tuple[str, str, str] = ("", "", "")


class EndpointSlice(Struct, frozen=True, kw_only=True, gc=False):
    """An EndpointSlice. `service` is the label kubernetes.io/service-name; `address_type` is
    "IPv4", "IPv6" or "FQDN" (whose addresses are left out: kube-proxy does not use them).
    `managed_by` is the label endpointslice.kubernetes.io/managed-by."""

    namespace: str
    name: str
    service: str = ""
    address_type: str = "IPv4"
    managed_by: str = ""
    ports: tuple[EndpointPort, ...] = ()
    endpoints: tuple[SliceEndpoint, ...] = ()
    labels: Mapping[str, str] = {}

    @property
    def family(self) -> Family | None:
        """The family of its addresses; None for names."""
        return {"IPv4": Family.V4, "IPv6": Family.V6}.get(self.address_type)
