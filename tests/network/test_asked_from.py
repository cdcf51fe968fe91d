"""Which address of a Service a client outside of the cluster asks for."""

from __future__ import annotations

import pytest

from skoop.cluster.resolve import Target
from skoop.cluster.resolve.target import external_target, service_target
from skoop.model.address import format_ip, parse_ip
from skoop.model.kube import Ingress, Service
from skoop.network.session import asked_from

VIP, OUTSIDE = "10.96.0.9", "198.51.100.9"
BALANCED = Service(
    namespace="t", name="web", cluster_ips=(parse_ip(VIP),), ingress=(Ingress(parse_ip(OUTSIDE)),)
)
PLAIN = Service(namespace="t", name="web", cluster_ips=(parse_ip(VIP),))


def client(ip: str) -> Target:
    return external_target(ip, (parse_ip(ip),))


@pytest.mark.parametrize(
    ("source", "service", "asked"),
    [
        ("1.1.1.1", BALANCED, OUTSIDE),
        ("203.0.113.7", BALANCED, OUTSIDE),
        ("172.30.0.250", BALANCED, VIP),
        ("100.64.3.4", BALANCED, VIP),
        ("1.1.1.1", PLAIN, VIP),
    ],
    ids=["internet", "public", "a neighbour of the nodes", "carrier grade NAT", "not advertised"],
)
def test_the_address(source: str, service: Service, asked: str) -> None:
    found = asked_from(client(source), service_target(service, service.cluster_ips))
    assert format_ip(*found.ips[0]) == asked
    assert any(OUTSIDE in each for each in found.assumptions) is (service is BALANCED)
