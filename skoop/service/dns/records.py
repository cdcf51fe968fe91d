"""What the cluster's DNS answers (Kubernetes DNS-Based Service Discovery, version 1.1.0)."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.address import parse_ip
from skoop.model.kube import Address, Inventory, Service


class AnswerKind(Enum):
    """Sorts of answers. OUTSIDE is a name of another zone, which the cluster's DNS asks elsewhere;
    NO_DATA is a name that exists and has no address."""

    SERVICE = "Service"
    HEADLESS = "headless Service"
    POD = "pod"
    ALIAS = "alias"
    NO_DATA = "no address"
    NXDOMAIN = "NXDOMAIN"
    OUTSIDE = "outside"


class Answer(Struct, frozen=True, kw_only=True):
    """One answer. `alias` is the name an ExternalName Service stands for."""

    kind: AnswerKind
    name: str
    ips: tuple[Address, ...] = ()
    service: Service | None = None
    alias: str = ""

    @property
    def exists(self) -> bool:
        """Whether a resolver stops here."""
        return self.kind not in (AnswerKind.NXDOMAIN, AnswerKind.OUTSIDE)


def answer(inventory: Inventory, name: str, domain: str) -> Answer:
    """The A and AAAA records of a full name."""
    bare = name.rstrip(".").lower()
    if bare != domain and not bare.endswith("." + domain):
        return Answer(kind=AnswerKind.OUTSIDE, name=bare)
    labels = bare.removesuffix(domain).rstrip(".").split(".")
    match labels:
        case [service, namespace, "svc"]:
            return _service(inventory, bare, namespace, service)
        case [host, service, namespace, "svc"]:
            return _member(inventory, bare, namespace, service, host)
        case [dashed, namespace, "pod"]:
            return _pod(inventory, bare, namespace, dashed)
        case _:
            return Answer(kind=AnswerKind.NXDOMAIN, name=bare)


def _service(inventory: Inventory, name: str, namespace: str, service: str) -> Answer:
    found = inventory.service(namespace, service)
    if found is None:
        return Answer(kind=AnswerKind.NXDOMAIN, name=name)
    if found.type == "ExternalName":
        alias = found.external_name
        return Answer(kind=AnswerKind.ALIAS, name=name, service=found, alias=alias)
    if not found.headless:
        kind = AnswerKind.SERVICE if found.cluster_ips else AnswerKind.NO_DATA
        return Answer(kind=kind, name=name, ips=found.cluster_ips, service=found)
    ips = tuple(dict.fromkeys(ip for _, ip in _endpoints(inventory, found)))
    kind = AnswerKind.HEADLESS if ips else AnswerKind.NO_DATA
    return Answer(kind=kind, name=name, ips=ips, service=found)


def _endpoints(inventory: Inventory, service: Service) -> list[tuple[str, Address]]:
    """Hostname and address of every endpoint that DNS shows: the ready ones."""
    return [
        (endpoint.hostname, ip)
        for each in inventory.slices_of(service.namespace, service.name)
        for endpoint in each.endpoints
        if endpoint.ready or service.publish_not_ready
        for ip in endpoint.addresses
    ]


def _member(
    inventory: Inventory, name: str, namespace: str, service: str, host: str
) -> Answer:  # fmt: skip
    """HOSTNAME.SERVICE.NAMESPACE.svc, of headless Services; a pod without a hostname of its own has
    its address with dashes."""
    found = inventory.service(namespace, service)
    if found is None or not found.headless:
        return Answer(kind=AnswerKind.NXDOMAIN, name=name)
    dashed = _undashed(host)
    ips = tuple(ip for own, ip in _endpoints(inventory, found) if own == host or ip == dashed)
    kind = AnswerKind.POD if ips else AnswerKind.NXDOMAIN
    return Answer(kind=kind, name=name, ips=ips, service=found)


def _pod(inventory: Inventory, name: str, namespace: str, dashed: str) -> Answer:
    """10-244-1-5.NAMESPACE.pod, which CoreDNS answers from the name alone (`pods insecure`)."""
    address = _undashed(dashed)
    known = any(each.name == namespace for each in inventory.namespaces)
    if address is None or (inventory.namespaces and not known):
        return Answer(kind=AnswerKind.NXDOMAIN, name=name)
    return Answer(kind=AnswerKind.POD, name=name, ips=(address,))


def _undashed(text: str) -> Address | None:
    for separator in ".:":
        try:
            return parse_ip(text.replace("-", separator))
        except ValueError:
            continue
    return None
