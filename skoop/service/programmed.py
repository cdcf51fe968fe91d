"""Which addresses kube-proxy serves for a Service, and to which Service an address belongs."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.model.address import Family
from skoop.model.kube import Address, Inventory, Service
from skoop.service.view import Destination, Via

# Services with this label belong to another proxy (pkg/proxy/apis).
_OTHER_PROXY = "service.kubernetes.io/service-proxy-name"


def not_programmed(service: Service, family: Family) -> str:
    """Why kube-proxy ignores a Service in a family; "" when it does not."""
    name = f"{service.namespace}/{service.name}"
    if service.type == "ExternalName":
        return f"{name} is of type ExternalName: it has no addresses of its own"
    if service.headless:
        return f"{name} is headless: its name resolves to its pods, nothing is translated"
    if _OTHER_PROXY in service.labels:
        return f"{name} is left to the proxy {service.labels[_OTHER_PROXY]!r}"
    if not any(each is family for each, _ in service.cluster_ips):
        return f"{name} has no IPv{family.value} ClusterIP"
    return ""


def addresses_of(service: Service, via: Via, family: Family) -> tuple[Address, ...]:
    """The addresses of one kind; () for NodePorts, whose addresses are the node's."""
    found = {
        Via.CLUSTER_IP: service.cluster_ips,
        Via.EXTERNAL_IP: service.external_ips,
        Via.LOAD_BALANCER: service.load_balancer_ips,
        Via.NODE_PORT: (),
    }[via]
    return tuple(each for each in found if each[0] is family)


def find_destination(
    inventory: Inventory,
    address: Address,
    port: int,
    protocol: str,
    *,
    local: bool,
) -> Destination | None:
    """The Service port that a packet to `address`:`port` is for; `local` says that the address is
    one of the node the packet is on, so that NodePorts count. Protocol is "TCP", "UDP", "SCTP"."""
    for service in inventory.services_with_ip(address):
        if not_programmed(service, address[0]):
            continue
        for each in service.ports:
            if each.port == port and each.protocol == protocol:
                for via in (Via.CLUSTER_IP, Via.EXTERNAL_IP, Via.LOAD_BALANCER):
                    if address in addresses_of(service, via, address[0]):
                        return Destination(service, each, via)
    if not local:
        return None
    return next(_node_ports(inventory, address[0], port, protocol), None)


def _node_ports(
    inventory: Inventory, family: Family, port: int, protocol: str
) -> Iterator[Destination]:
    for service in inventory.services:
        for each in service.ports:
            matches = port and (each.node_port, each.protocol) == (port, protocol)
            if matches and not not_programmed(service, family):
                yield Destination(service, each, Via.NODE_PORT)
