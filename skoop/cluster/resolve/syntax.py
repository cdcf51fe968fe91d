"""The parts of an endpoint's text, before anything is looked up."""

from __future__ import annotations

from msgspec import Struct

from skoop.errors import EndpointError
from skoop.model.address import parse_ip
from skoop.model.kube import Address

KINDS = {
    "pod": ("pod", "pods", "po"),
    "service": ("svc", "service", "services"),
    "node": ("node", "nodes", "no"),
    "Deployment": ("deploy", "deployment", "deployments"),
    "StatefulSet": ("sts", "statefulset", "statefulsets"),
    "DaemonSet": ("ds", "daemonset", "daemonsets"),
    "Job": ("job", "jobs"),
}
_BY_ALIAS = {alias: kind for kind, aliases in KINDS.items() for alias in aliases}


class Reference(Struct, frozen=True):
    """One way to read NS/NAME or KIND/... ; `kind` is a key of KINDS."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        namespace = f"{self.namespace}/" if self.namespace else ""
        return f"{KINDS[self.kind][0]}/{namespace}{self.name}"


class Parsed(Struct, frozen=True):
    """`body` without its port. `port` is a number or a name, "" when there is none; `address` is
    set when the body is an IP address."""

    text: str
    body: str
    port: str = ""
    address: Address | None = None


def parse_endpoint(text: str) -> Parsed:
    """Split off the port. Raises EndpointError for an empty or malformed text."""
    text = text.strip()
    address = _address(text)
    if address:
        return Parsed(text, text, address=address)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        address = _address(host)
        if not bracket or not address or (rest and not rest.startswith(":")):
            raise EndpointError(f"{text[:100]!r} is not an address: write [fd00::1]:80")
        return Parsed(text, host, rest[1:], address)
    if text.count(":") > 1:
        raise EndpointError(f"{text[:100]!r} has more than one colon and is no IPv6 address")
    body, colon, port = text.partition(":")
    if not body or not all(body.split("/")) or (colon and not port):
        raise EndpointError(
            f"{text!r} is not an endpoint: write NS/NAME, svc/NS/NAME:PORT or an IP"
        )
    return Parsed(text, body, port, _address(body))


def references(body: str, namespace: str) -> tuple[Reference, ...]:
    """Every way to read a body that contains a slash; () when there is none."""
    parts = body.split("/")
    kind = _BY_ALIAS.get(parts[0].lower(), "")
    if len(parts) == 3 and kind and kind != "node":
        return (Reference(kind, parts[1], parts[2]),)
    if len(parts) != 2:
        return ()
    pod = Reference("pod", parts[0], parts[1])
    if not kind:
        return (pod,)
    return (Reference(kind, "" if kind == "node" else namespace, parts[1]), pod)


def port_number(text: str) -> int | None:
    """A port's number 1..65535, None when the text is a name. Raises EndpointError."""
    if not (text.isascii() and text.isdigit()):
        return None
    if not 1 <= int(text[:6]) <= 65535:
        raise EndpointError(f"{text[:20]} is not a port: 1 to 65535")
    return int(text)


def _address(text: str) -> Address | None:
    try:
        return parse_ip(text)
    except ValueError:
        return None
