"""kube-proxy's chains under the new names and addresses.

"KUBE-SVC-" is followed by a digest of "namespace/name:port" and the protocol, "KUBE-SEP-" by one of
that and "address:port" (pkg/proxy/iptables/proxier.go). With new names the digests are others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skoop.model.address import format_ip, parse_ip, with_port
from skoop.service.iptables.names import digest
from skoop.snapshot.redaction.addresses import AddressMap
from skoop.snapshot.redaction.names import objects


def chain_names(
    lists: Mapping[str, object], names: Mapping[str, str], addresses: AddressMap
) -> dict[str, str]:
    """Old digest -> new digest, for every Service port and endpoint in the lists."""
    endpoints = list(_endpoints(lists))
    found: dict[str, str] = {}
    for resource, item in objects(lists):
        if resource != "services":
            continue
        metadata, spec = _dict(item.get("metadata")), _dict(item.get("spec"))
        namespace, name = str(metadata.get("namespace", "")), str(metadata.get("name", ""))
        for port in _dicts(spec.get("ports")):
            suffix = f":{port['name']}" if port.get("name") else ""
            tail = suffix + str(port.get("protocol", "TCP")).lower()
            old = f"{namespace}/{name}{tail}"
            new = f"{names.get(namespace, namespace)}/{names.get(name, name)}{tail}"
            found[digest(old)] = digest(new)
            for owner, address, number in endpoints:
                if owner == (namespace, name):
                    before = with_port(address, number)
                    after = with_port(_mapped(address, addresses), number)
                    found[digest(old + before)] = digest(new + after)
    return found


def _endpoints(lists: Mapping[str, object]) -> Iterator[tuple[tuple[str, str], str, int]]:
    for resource, item in objects(lists):
        if not resource.startswith("endpointslices"):
            continue
        metadata = _dict(item.get("metadata"))
        service = _dict(metadata.get("labels")).get("kubernetes.io/service-name", "")
        owner = str(metadata.get("namespace", "")), str(service)
        for endpoint in _dicts(item.get("endpoints")):
            addresses = endpoint.get("addresses")
            for address in addresses if isinstance(addresses, list) else ():
                for port in _dicts(item.get("ports")):
                    number = port.get("port")
                    if isinstance(number, int):
                        yield owner, str(address), number


def _mapped(address: str, addresses: AddressMap) -> str:
    try:
        family, value = parse_ip(address)
    except ValueError:
        return address
    return format_ip(family, addresses.map(family, value))


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterator[dict[str, object]]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
