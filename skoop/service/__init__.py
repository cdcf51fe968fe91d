"""What kube-proxy should have programmed, computed from API objects alone; and what it did."""

from skoop.service.config import ProxyConfig, ProxyMode
from skoop.service.expected import Question, expected_backends
from skoop.service.programmed import find_destination
from skoop.service.view import (
    Backend,
    Client,
    ClientKind,
    Destination,
    Effect,
    ServiceEndpoint,
    ServiceView,
    Unused,
    UnusedWhy,
    Via,
)

__all__ = [
    "Backend",
    "Client",
    "ClientKind",
    "Destination",
    "Effect",
    "ProxyConfig",
    "ProxyMode",
    "Question",
    "ServiceEndpoint",
    "ServiceView",
    "Unused",
    "UnusedWhy",
    "Via",
    "expected_backends",
    "find_destination",
]
