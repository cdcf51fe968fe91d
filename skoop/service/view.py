"""The vocabulary: who asks, by which address, and what becomes of it."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.address import format_ip, with_port
from skoop.model.kube import Address, Service, ServicePort


class Via(Enum):
    """The kind of address by which a Service is reached."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "load balancer IP"
    EXTERNAL_IP = "external IP"


class ClientKind(Enum):
    """Where a packet comes from, as kube-proxy's rules tell sources apart. NODE is a process of the
    node itself, hostNetwork pods included."""

    POD = "pod"
    NODE = "node"
    EXTERNAL = "external"


class Client(Struct, frozen=True):
    """Who sends. Without `address` hairpins are not seen, and source ranges cannot be decided.
    `device` is what the node's rules see its packets come in by, "" when that is not known."""

    kind: ClientKind
    address: Address | None = None
    device: str = ""


class Effect(Enum):
    """What kube-proxy's rules do with a packet. PASS: no rule is about it, so it goes on to where
    it was addressed. UNKNOWN: it cannot be told, because ... ."""

    BACKENDS = "backends"
    REJECT = "reject"
    DROP = "drop"
    PASS = "pass"
    UNKNOWN = "unknown"


class ServiceEndpoint(Struct, frozen=True, kw_only=True):
    """One address and port of a Service port, with what its slice says about it. `pod` is
    (namespace, name), both "" when no pod stands behind it."""

    address: Address
    port: int
    node: str = ""
    zone: str = ""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    zone_hints: tuple[str, ...] = ()
    node_hints: tuple[str, ...] = ()
    pod: tuple[str, str] = ("", "")
    slice: str = ""

    @property
    def falls_back(self) -> bool:
        """Whether it serves when no endpoint is ready: terminating, but still answering."""
        return not self.ready and self.serving and self.terminating

    @property
    def who(self) -> str:
        """The pod, else the address."""
        return f"pod {'/'.join(self.pod)}" if self.pod[1] else str(self)

    def __str__(self) -> str:
        return with_port(format_ip(*self.address), self.port)


class UnusedWhy(Enum):
    """Why an endpoint of the slices gets no traffic."""

    NOT_READY = "not ready"
    TERMINATING = "terminating"
    WRONG_FAMILY = "wrong family"
    PORT_UNRESOLVED = "port unresolved"
    HINTS = "topology hints"
    NOT_LOCAL = "traffic policy Local"


class Unused(Struct, frozen=True):
    """An endpoint that gets no traffic: who, why, and one clause for people."""

    who: str
    why: UnusedWhy
    text: str
    slice: str = ""


class Backend(Struct, frozen=True):
    """An endpoint that may be chosen, and whether the packet's source is rewritten on the way."""

    endpoint: ServiceEndpoint
    masqueraded: bool


class ServiceView(Struct, frozen=True, kw_only=True):
    """What the rules of one node should do. `reason` is one clause: why there are these backends
    or none."""

    effect: Effect
    reason: str
    backends: tuple[Backend, ...] = ()
    unused: tuple[Unused, ...] = ()


class Destination(Struct, frozen=True):
    """A Service port that an address and port belong to."""

    service: Service
    port: ServicePort
    via: Via


def port_name(service: Service, port: ServicePort) -> str:
    """kube-proxy's name of a Service port: "shop/web:http", "shop/web" for a nameless one."""
    name = f"{service.namespace}/{service.name}"
    return f"{name}:{port.name}" if port.name else name
