"""The cluster's DNS names (the Kubernetes DNS-Based Service Discovery specification)."""

from __future__ import annotations

from difflib import get_close_matches

from skoop.cluster.resolve.suggest import unknown
from skoop.cluster.resolve.target import Target, service_target
from skoop.errors import EndpointError
from skoop.model.address import parse_ip
from skoop.model.kube import Address, Inventory, Pod, Service


def find(name: str, inventory: Inventory, cluster_domain: str) -> Service | Pod | None:
    """What a name is in the cluster's DNS; None when it belongs to another zone.

    Raises EndpointError for a name of the cluster's zone that does not exist.
    """
    bare = name.rstrip(".")
    inside = bare.endswith("." + cluster_domain)
    labels = bare.removesuffix("." + cluster_domain).split(".")
    if labels[-1] == "svc" and len(labels) == 3:
        return _service(labels[0], labels[1], inventory)
    if labels[-1] == "svc" and len(labels) == 4:
        return _member(labels[0], labels[1], labels[2], inventory)
    if labels[-1] == "pod" and len(labels) == 3 and inside:
        return _pod_by_address(labels[0], labels[1], inventory)
    if inside:
        raise EndpointError(f"the name {name[:100]!r} does not exist in {cluster_domain}")
    if len(labels) == 2:
        return inventory.service(labels[1], labels[0])
    return None


def headless_target(service: Service, inventory: Inventory) -> Target:
    """A headless Service, by the addresses its name resolves to: its ready endpoints'."""
    ips: dict[Address, None] = {}
    for each in inventory.slices_of(service.namespace, service.name):
        for endpoint in each.endpoints:
            if endpoint.ready:
                ips.update(dict.fromkeys(endpoint.addresses))
    name = f"{service.namespace}/{service.name}"
    note = f"{name} is headless: its name resolves to {len(ips)} pod addresses"
    return service_target(service, tuple(ips), assumptions=(note,))


def similar_services(name: str, inventory: Inventory) -> tuple[str, ...]:
    """Services whose NAME.NAMESPACE resembles a name."""
    known = {f"{each.name}.{each.namespace}": each for each in inventory.services}
    matches = get_close_matches(name, list(known)[:5000], n=3)
    return tuple(f"svc/{known[each].namespace}/{known[each].name}" for each in matches)


def _service(name: str, namespace: str, inventory: Inventory) -> Service:
    service = inventory.service(namespace, name)
    if service is None:
        raise unknown("service", namespace, name, inventory)
    return service


def _member(hostname: str, service: str, namespace: str, inventory: Inventory) -> Pod:
    """HOSTNAME.SERVICE.NAMESPACE.svc: the endpoint with that hostname, a StatefulSet's pod."""
    _service(service, namespace, inventory)
    for each in inventory.slices_of(namespace, service):
        for endpoint in each.endpoints:
            kind, _, name = endpoint.target
            pod = inventory.pod(namespace, name) if kind == "Pod" else None
            if endpoint.hostname == hostname and pod is not None:
                return pod
    raise EndpointError(
        f"no endpoint of the Service {namespace}/{service} has the hostname {hostname[:100]!r}"
    )


def _pod_by_address(dashed: str, namespace: str, inventory: Inventory) -> Pod:
    """10-244-1-5.NAMESPACE.pod: dashes stand for dots, or for colons in IPv6."""
    for separator in ".:":
        try:
            address = parse_ip(dashed.replace("-", separator))
        except ValueError:
            continue
        for pod in inventory.pods_with_ip(address):
            if pod.namespace == namespace:
                return pod
    raise EndpointError(f"no pod in namespace {namespace} has the address of {dashed[:60]!r}")
