"""The names of kube-proxy's chains (pkg/proxy/iptables/proxier.go, stable since 1.2)."""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256

from skoop.model.kube import Service, ServicePort
from skoop.service.plan import PortPlan
from skoop.service.view import ServiceEndpoint, port_name

SERVICES = "KUBE-SERVICES"
EXTERNAL_SERVICES = "KUBE-EXTERNAL-SERVICES"
NODE_PORTS = "KUBE-NODEPORTS"
POSTROUTING = "KUBE-POSTROUTING"
MARK_MASQ = "KUBE-MARK-MASQ"
PROXY_FIREWALL = "KUBE-PROXY-FIREWALL"
FORWARD = "KUBE-FORWARD"
LOCALNET = "KUBE-FIREWALL"

CLUSTER = "KUBE-SVC-"
LOCAL = "KUBE-SVL-"
EXTERNAL = "KUBE-EXT-"
FIREWALL = "KUBE-FW-"
ENDPOINT = "KUBE-SEP-"


def service_chain(prefix: str, service: Service, port: ServicePort) -> str:
    """ "KUBE-SVC-" and its like for a Service port."""
    return prefix + digest(port_name(service, port) + port.protocol.lower())


def endpoint_chain(service: Service, port: ServicePort, endpoint: ServiceEndpoint) -> str:
    """ "KUBE-SEP-..." of one endpoint of a Service port."""
    return ENDPOINT + digest(port_name(service, port) + port.protocol.lower() + str(endpoint))


def chain_of(plan: PortPlan, prefix: str) -> str:
    """The name of one of a plan's chains."""
    return service_chain(prefix, plan.service, plan.port)


def endpoint_of(plan: PortPlan, endpoint: ServiceEndpoint) -> str:
    """The name of the chain of one of a plan's endpoints."""
    return endpoint_chain(plan.service, plan.port, endpoint)


def digest(text: str) -> str:
    """What kube-proxy appends to "KUBE-SVC-" and its like (portProtoHash)."""
    return b32encode(sha256(text.encode()).digest()).decode()[:16]
