"""Which nodes a question is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from skoop.cluster.resolve import Target
from skoop.model.address import parse_ip
from skoop.model.diagnosis import Diagnosis
from skoop.model.kube import Address, Inventory, Service

_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w:])"
)


def nodes_of(
    targets: Iterable[Target], port: int | str | None, inventory: Inventory
) -> tuple[str, ...]:
    """The nodes to look at before anything is walked: the ends' own, and the backends' of a Service
    or of a NodePort, each once, the ends' first."""
    ends = tuple(targets)
    found = [name for end in ends for name in _own(end, inventory)]
    found += [name for end in ends for service in _services(end, port, inventory)
              for name in _backends(service, inventory)]  # fmt: skip
    return tuple(dict.fromkeys(found))


def nodes_met(diagnosis: Diagnosis, inventory: Inventory) -> tuple[str, ...]:
    """The nodes whose addresses, or whose pods' addresses, packets were sent to, and those at which
    the walk had to end."""
    addresses: dict[Address, None] = {}
    for link in diagnosis.path.links:
        for packet in (link.packet, link.encap):
            if packet is not None:
                addresses[packet.family, packet.dst] = None
    for note in diagnosis.not_checked:
        addresses.update(dict.fromkeys(_addresses_in(note.why)))
    found = (_node_at(each, inventory) for each in addresses)
    return tuple(dict.fromkeys(name for name in found if name))


def _own(end: Target, inventory: Inventory) -> Iterator[str]:
    if end.pod is not None:
        yield end.pod.node
    elif end.node is not None:
        yield end.node.name
    elif end.service is None or end.service.headless:
        yield from (_node_at(each, inventory) for each in end.ips)


def _services(end: Target, port: int | str | None, inventory: Inventory) -> Iterator[Service]:
    if end.service is not None:
        yield end.service
    if end.node is None:
        return
    wanted = end.port or port
    for service in inventory.services:
        if any(each.node_port and each.node_port == wanted for each in service.ports):
            yield service


def _backends(service: Service, inventory: Inventory) -> Iterator[str]:
    for each in inventory.slices_of(service.namespace, service.name):
        for endpoint in each.endpoints:
            yield endpoint.node or next(
                filter(None, (_node_at(ip, inventory) for ip in endpoint.addresses)), ""
            )


def _node_at(address: Address, inventory: Inventory) -> str:
    """The node that has an address, or whose pod has it, or that has it in its pods' range."""
    for pod in inventory.pods_with_ip(address):
        return pod.node
    node = inventory.node_with_ip(address)
    if node is not None:
        return node.name
    family, value = address
    for each in inventory.nodes:
        if any(cidr.family is family and cidr.contains(value) for cidr in each.pod_cidrs):
            return each.name
    return ""


def _addresses_in(text: str) -> Iterator[Address]:
    for match in _ADDRESS.finditer(text):
        try:
            yield parse_ip(match[0])
        except ValueError:
            continue
