"""Looking endpoints up in an inventory."""

from __future__ import annotations

from msgspec import Struct, structs

from skoop.cluster.resolve import names
from skoop.cluster.resolve.lookup import Lookup, no_lookup
from skoop.cluster.resolve.owned import find_workload, pods_of
from skoop.cluster.resolve.suggest import unknown, with_candidates
from skoop.cluster.resolve.syntax import (
    Parsed,
    Reference,
    parse_endpoint,
    port_number,
    references,
)
from skoop.cluster.resolve.target import (
    Target,
    external_target,
    node_target,
    pod_target,
    service_target,
)
from skoop.errors import EndpointError
from skoop.model.address import Family, format_ip, is_multicast, parse_ip
from skoop.model.kube import Address, Inventory, Pod, Service

# Public addresses that stand for "the internet"; nothing is sent to them.
_INTERNET = (parse_ip("1.1.1.1"), parse_ip("2606:4700:4700::1111"))


def resolve(
    text: str,
    inventory: Inventory,
    *,
    namespace: str = "default",
    lookup: Lookup = no_lookup,
    cluster_domain: str = "cluster.local",
) -> Target:
    """Find what an endpoint's text names. Raises EndpointError, with candidates, when it names
    nothing or more than one thing."""
    resolver = Resolver(
        inventory=inventory, namespace=namespace, lookup=lookup, cluster_domain=cluster_domain
    )
    return resolver.resolve(text)


class Resolver(Struct, frozen=True, kw_only=True):
    """An inventory, and how names without a namespace or outside the cluster are read."""

    inventory: Inventory
    namespace: str = "default"
    lookup: Lookup = no_lookup
    cluster_domain: str = "cluster.local"

    def resolve(self, text: str) -> Target:
        """See `resolve`."""
        parsed = parse_endpoint(text)
        return _with_port(self._find(parsed), parsed)

    def _find(self, parsed: Parsed) -> Target:
        if parsed.address is not None:
            return by_address(parsed.address, self.inventory)
        if parsed.body == "internet":
            text = f"the internet is represented by {format_ip(*_INTERNET[0])}"
            return external_target("internet", _INTERNET, assumptions=(text,))
        if "/" in parsed.body:
            return self._by_reference(parsed)
        return self._by_name(parsed.body)

    def _by_reference(self, parsed: Parsed) -> Target:
        readings = references(parsed.body, self.namespace)
        if not readings:
            raise EndpointError(
                f"{parsed.text[:100]!r} is not an endpoint: write pod/NS/NAME, svc/NS/NAME,"
                " deploy/NS/NAME, node/NAME, NS/NAME or an IP address"
            )
        present = [each for each in readings if self._exists(each)]
        if len(present) > 1:
            texts = tuple(str(each) for each in present)
            raise with_candidates(f"{parsed.body!r} is ambiguous", texts)
        return self._target(present[0] if present else readings[0])

    def _exists(self, reference: Reference) -> bool:
        kind, namespace, name = reference.kind, reference.namespace, reference.name
        if kind == "pod":
            return self.inventory.pod(namespace, name) is not None
        if kind == "service":
            return self.inventory.service(namespace, name) is not None
        if kind == "node":
            return self.inventory.node(name) is not None
        if find_workload(kind, namespace, name, self.inventory) is not None:
            return True
        return bool(pods_of(kind, namespace, name, self.inventory))

    def _target(self, reference: Reference) -> Target:
        kind, namespace, name = reference.kind, reference.namespace, reference.name
        pod = self.inventory.pod(namespace, name) if kind == "pod" else None
        if pod is not None:
            return pod_target(pod)
        service = self.inventory.service(namespace, name) if kind == "service" else None
        if service is not None:
            return self._service(service)
        node = self.inventory.node(name) if kind == "node" else None
        if node is not None:
            return node_target(node)
        if self._exists(reference):
            return self._any_pod(reference)
        raise unknown(kind, namespace, name, self.inventory)

    def _any_pod(self, reference: Reference) -> Target:
        pods = pods_of(reference.kind, reference.namespace, reference.name, self.inventory)
        if not pods:
            raise EndpointError(f"{reference} has no pods")
        chosen = pods[0]
        state = "ready" if chosen.ready else "none is ready"
        return pod_target(
            chosen,
            assumptions=(
                f"{reference} is represented by pod {chosen.namespace}/{chosen.name}"
                f" ({state}, {len(pods)} in all)",
            ),
        )

    def _service(self, service: Service, *, hops: int = 8) -> Target:
        if service.type == "ExternalName":
            found = self._by_dns_name(service.external_name, hops=hops - 1)
            note = f"{service.namespace}/{service.name} is an alias of {service.external_name}"
            return structs.replace(found, assumptions=(note, *found.assumptions))
        if service.headless:
            return names.headless_target(service, self.inventory)
        return service_target(service, service.cluster_ips)

    def _by_name(self, name: str) -> Target:
        pod = self.inventory.pod(self.namespace, name)
        if pod is not None:
            return pod_target(pod)
        if "." not in name.rstrip("."):
            raise unknown("pod", self.namespace, name, self.inventory)
        return self._by_dns_name(name)

    def _by_dns_name(self, name: str, *, hops: int = 8) -> Target:
        if hops == 0:
            raise EndpointError(f"{name!r}: Services of type ExternalName form a loop")
        found = names.find(name, self.inventory, self.cluster_domain)
        if isinstance(found, Service):
            return self._service(found, hops=hops)
        if isinstance(found, Pod):
            return pod_target(found)
        ips = self.lookup(name.rstrip("."))
        if not ips:
            raise with_candidates(
                f"the name {name[:100]!r} is no pod or Service, and no address is known for it",
                names.similar_services(name, self.inventory),
            )
        text = ", ".join(format_ip(*ip) for ip in ips)
        return external_target(name, ips, assumptions=(f"{name} was looked up here: {text}",))


def by_address(address: Address, inventory: Inventory) -> Target:
    """What has an address: a pod, else a node, else a Service, else something external.

    A node comes before a Service because an external IP may be a node's own address.
    """
    text = format_ip(*address)
    if address[1] == 0 or is_multicast(*address) or address == (Family.V4, 0xFFFFFFFF):
        raise EndpointError(f"{text} is not the address of one host")
    pods = inventory.pods_with_ip(address)
    if len(pods) > 1:
        candidates = tuple(f"pod/{pod.namespace}/{pod.name}" for pod in pods)
        raise with_candidates(f"{text} is the address of more than one pod", candidates)
    if pods:
        return structs.replace(pod_target(pods[0]), ips=(address,)).in_family(address[0])
    node = inventory.node_with_ip(address)
    if node is not None:
        return node_target(node, (address,))
    services = inventory.services_with_ip(address)
    if services:
        return service_target(services[0], (address,))
    return external_target(text, (address,))


def _with_port(target: Target, parsed: Parsed) -> Target:
    if not parsed.port:
        return target
    number = port_number(parsed.port)
    protocol = ""
    if target.service is not None:
        number, protocol = _service_port(target.service, parsed.port, number)
    elif number is None and target.pod is not None:
        number = _container_port(target.pod, parsed.port)
    if number is None:
        raise EndpointError(f"{parsed.text[:100]!r}: {parsed.port[:60]!r} is not a port number")
    endpoint = structs.replace(target.endpoint, port=number)
    return structs.replace(target, endpoint=endpoint, port=number, protocol=protocol)


def _service_port(service: Service, text: str, number: int | None) -> tuple[int, str]:
    """A port's number and, where just one port can be meant, its protocol. A number the Service
    does not have is taken as asked: that it is undefined is a finding."""
    if number is not None:
        protocols = {each.protocol for each in service.ports if each.port == number}
        return number, protocols.pop() if len(protocols) == 1 else ""
    for each in service.ports:
        if each.name == text:
            return each.port, each.protocol
    prefix = f"svc/{service.namespace}/{service.name}"
    candidates = tuple(f"{prefix}:{each.name or each.port}" for each in service.ports)
    raise with_candidates(f"{prefix} has no port named {text[:60]!r}", candidates)


def _container_port(pod: Pod, text: str) -> int | None:
    for container in pod.containers:
        for each in container.ports:
            if each.name == text:
                return each.port
    return None
