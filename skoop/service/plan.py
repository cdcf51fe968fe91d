"""What the rules of one node should hold for each Service port, in iptables and nftables mode."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from skoop.model.address import Family, Prefix, format_ip
from skoop.model.kube import Address, Inventory, Service, ServicePort
from skoop.model.trace import Evidence
from skoop.service.config import ProxyConfig
from skoop.service.endpoints import collect
from skoop.service.expected import (
    detects_local,
    place_of,
    pod_ranges,
    uses_cluster_endpoints,
)
from skoop.service.nodeports import ranges, serves_localhost, serves_node_ports
from skoop.service.programmed import addresses_of, not_programmed
from skoop.service.topology import Usable, externally_accessible, usable_endpoints
from skoop.service.view import ServiceEndpoint, Via, port_name


class PortPlan(Struct, frozen=True, kw_only=True):
    """One Service port on one node. `ranges` are the source ranges of this family; `detects_local`
    says that kube-proxy tells pods' packets from others, by `pod_ranges` where it does so by
    address, else by `pod_interface` ("" when that is not known). `node_ips` are the node's own
    addresses of this family that the API knows, `node_port_ips` those of them that serve NodePorts;
    `node_port_ranges` limit them to some addresses, () to none; `localhost_node_ports` says that
    127.0.0.1 serves them too."""

    service: Service
    port: ServicePort
    family: Family
    usable: Usable
    cluster_ips: tuple[Address, ...]
    external_ips: tuple[Address, ...]
    load_balancer_ips: tuple[Address, ...]
    ranges: tuple[Prefix, ...]
    external: bool
    masquerade_all: bool
    detects_local: bool
    node: str = ""
    node_ips: tuple[Address, ...] = ()
    node_port_ips: tuple[Address, ...] = ()
    node_port_ranges: tuple[Prefix, ...] = ()
    localhost_node_ports: bool = True
    pod_ranges: tuple[Prefix, ...] = ()
    pod_interface: str = ""

    @property
    def name(self) -> str:
        """ "shop/web:http"."""
        return port_name(self.service, self.port)

    @property
    def protocol(self) -> str:
        """ "tcp"."""
        return self.port.protocol.lower()

    @property
    def sticky(self) -> bool:
        """sessionAffinity is ClientIP."""
        return self.service.session_affinity == "ClientIP"

    @property
    def admitted(self) -> tuple[str, ...]:
        """The sources that may use the load balancer IPs, as text. Where a range holds the node
        itself, the load balancer IPs are let in too: a node that owns one talks to it from it."""
        listed = [
            format_ip(self.family, each.network) if each.length == each.family.bits else str(each)
            for each in self.ranges
        ]
        node = self.node_ips[:1]
        if any(each.contains(value) for each in self.ranges for _, value in node):
            listed += [format_ip(*each) for each in self.load_balancer_ips]
        return tuple(sorted(listed))

    @property
    def internal_local(self) -> bool:
        """internalTrafficPolicy is Local."""
        return self.service.internal_traffic_policy == "Local"

    @property
    def external_local(self) -> bool:
        """externalTrafficPolicy is Local."""
        return self.service.external_traffic_policy == "Local"

    @property
    def internal(self) -> tuple[ServiceEndpoint, ...]:
        """Endpoints behind the ClusterIP."""
        return self.usable.local if self.internal_local else self.usable.cluster

    @property
    def outside(self) -> tuple[ServiceEndpoint, ...]:
        """Endpoints for the outside, short circuits aside."""
        return self.usable.local if self.external_local else self.usable.cluster

    @property
    def guarded(self) -> bool:
        """Whether a KUBE-FW chain guards the load balancer IPs (iptables mode)."""
        return self.usable.anywhere and self.walled

    @property
    def walled(self) -> bool:
        """Whether source ranges guard the load balancer IPs: in nftables mode without endpoints,
        too (a firewall- chain)."""
        return bool(self.load_balancer_ips) and bool(self.ranges)

    @property
    def reachable(self) -> tuple[ServiceEndpoint, ...]:
        """Every endpoint that has a chain on this node, once each."""
        uses_local = self.internal_local or (self.external_local and self.external)
        local = self.usable.local if uses_local else ()
        return tuple(dict.fromkeys(self.usable.cluster + local))

    def evidence(self, endpoint: ServiceEndpoint) -> Evidence:
        """What the API says about an endpoint."""
        state = "ready" if endpoint.ready else "terminating"
        text = f"{endpoint} ({endpoint.who}, on {endpoint.node or 'no node'}, {state})"
        return Evidence(f"EndpointSlice {endpoint.slice}", text)


def plan_node(
    inventory: Inventory,
    *,
    node: str,
    family: Family,
    config: ProxyConfig,
    services: Iterable[Service] | None = None,
) -> tuple[PortPlan, ...]:
    """Plans for every port of the Services given (all of them by default) that kube-proxy serves in
    this family."""
    chosen = inventory.services if services is None else services
    return tuple(
        _plan(inventory, service, port, node, family, config)
        for service in chosen
        if not not_programmed(service, family)
        for port in service.ports
    )


def _plan(
    inventory: Inventory,
    service: Service,
    port: ServicePort,
    node: str,
    family: Family,
    config: ProxyConfig,
) -> PortPlan:
    machine = inventory.node(node)
    own = tuple(ip for ip in (machine.internal_ips if machine else ()) if ip[0] is family)
    collected = collect(inventory, service, port, family, node=node)
    usable = usable_endpoints(
        collected.endpoints,
        place_of(inventory, node),
        uses_cluster=uses_cluster_endpoints(service, port, family),
    )
    return PortPlan(
        service=service,
        port=port,
        family=family,
        usable=usable,
        cluster_ips=addresses_of(service, Via.CLUSTER_IP, family),
        external_ips=addresses_of(service, Via.EXTERNAL_IP, family),
        load_balancer_ips=addresses_of(service, Via.LOAD_BALANCER, family),
        ranges=tuple(each for each in service.source_ranges if each.family is family),
        external=externally_accessible(service, port, family),
        masquerade_all=config.masquerade_all,
        detects_local=detects_local(config, machine, family),
        node=node,
        node_ips=own,
        node_port_ips=tuple(ip for ip in own if serves_node_ports(ip, machine, config)),
        node_port_ranges=ranges(config, machine, family),
        localhost_node_ports=family is Family.V4 and serves_localhost(config, machine),
        pod_ranges=pod_ranges(config, machine, family),
        pod_interface=config.pod_interface,
    )
