"""The names of kube-proxy's nftables objects (pkg/proxy/nftables/proxier.go)."""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256

from skoop.model.address import format_ip
from skoop.service.plan import PortPlan
from skoop.service.view import ServiceEndpoint

TABLE = "kube-proxy"

SERVICES = "services"
MASQUERADING = "masquerading"
CLUSTER_IPS_CHECK = "cluster-ips-check"

SERVICE_IPS = "service-ips"
NODE_PORTS = "service-nodeports"
NO_ENDPOINT_IPS = "no-endpoint-services"
NO_ENDPOINT_PORTS = "no-endpoint-nodeports"
FIREWALL_IPS = "firewall-ips"
CLUSTER_IPS = "cluster-ips"
NODE_PORT_IPS = "nodeport-ips"
HAIRPINS = "hairpin-connections"

CLUSTER = "service-"
LOCAL = "local-"
EXTERNAL = "external-"
FIREWALL = "firewall-"
ENDPOINT = "endpoint-"
AFFINITY = "affinity-"

_LONGEST = 255 - len("service-endpoints-check")
_REJECT = "goto reject-chain"


def chain_of(plan: PortPlan, prefix: str) -> str:
    """ "service-ULMVA6XW-ns1/svc1/tcp/p80" and its like."""
    return prefix + _hashed(_base(plan))


def endpoint_of(plan: PortPlan, endpoint: ServiceEndpoint, prefix: str = ENDPOINT) -> str:
    """ "endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80"; an IPv6 address is written with dots,
    as nft takes no colons in names."""
    address = format_ip(*endpoint.address).replace(":", ".")
    return prefix + _hashed(f"{_base(plan)}__{address}/{endpoint.port}")


def refusal(plan: PortPlan) -> str:
    """What a Service port without an endpoint to use leads to: a rejection when there is none
    anywhere, a drop when only a Local policy leaves none."""
    return "drop" if plan.usable.anywhere else _REJECT


def _base(plan: PortPlan) -> str:
    return f"{plan.service.namespace}/{plan.service.name}/{plan.protocol}/{plan.port.name}"


def _hashed(name: str) -> str:
    digest = b32encode(sha256(name.encode()).digest()).decode()[:8]
    text = f"{digest}-{name}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
