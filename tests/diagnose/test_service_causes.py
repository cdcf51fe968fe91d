"""Why a Service has nobody for a client: the cause is named first, and only where it holds."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Verdict
from skoop.model.kube import (
    EndpointPort,
    EndpointSlice,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.model.request import Overrides, Request
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import B1, change, cluster, with_rules
from tests.netstack.builders import iptables

VIP = "10.96.0.9"
REJECT = (
    f'-A FORWARD -d {VIP}/32 -p tcp -m comment --comment "t/web has no endpoints" '
    "-j REJECT --reject-with icmp-port-unreachable"
)
SERVICE = Service(
    namespace="t",
    name="web",
    cluster_ips=(parse_ip(VIP),),
    ip_families=(Family.V4,),
    ports=(ServicePort(80, target_port=80),),
    selector={"app": "web"},
)
READY = SliceEndpoint(addresses=(parse_ip(B1),), target=("Pod", "t", "b1"), node="k2")


def asked(service: Service, *slices: EndpointSlice, **fields: Any) -> Diagnosis:
    """The first pod asks for the Service; node k1 rejects what is for its address."""
    spaces = change(cluster(), "node/k1", with_rules(iptables(REJECT)))
    made = inventory()
    full = build_inventory(
        nodes=made.nodes, pods=made.pods, services=[service], endpoint_slices=slices
    )
    plain = Overrides(network_plugin="kindnet", proxy_mode="iptables")
    request = Request(src="pod/t/a1", dst="svc/t/web", overrides=plain, **{"port": 80, **fields})
    return session(spaces, full).diagnose(request)


def of(*endpoints: SliceEndpoint, address_type: str = "IPv4") -> EndpointSlice:
    return EndpointSlice(
        namespace="t", name="web-1", service="web", address_type=address_type,
        ports=(EndpointPort(80),), endpoints=endpoints,
    )  # fmt: skip


CASES = {
    "no slice, no pod selected": ((), {}, "selector-matches-nothing"),
    "all unready": ((of(replace(READY, ready=False, serving=False)),), {}, "endpoints-all-unready"),
    "terminating and not serving": (
        (of(replace(READY, ready=False, serving=False, terminating=True)),), {},
        "endpoints-only-terminating",
    ),
    "another family": (
        (of(SliceEndpoint(addresses=(parse_ip("fd00::2"),)), address_type="IPv6"),), {},
        "endpoints-wrong-family",
    ),
    "a port that is not there": ((of(READY),), {"port": 81}, "service-port-undefined"),
    "another protocol": ((of(READY),), {"protocol": "udp"}, "service-protocol-mismatch"),
}  # fmt: skip


@pytest.mark.parametrize(("slices", "fields", "name"), CASES.values(), ids=CASES.keys())
def test_the_cause_is_named_first(slices: Any, fields: Any, name: str) -> None:
    made = asked(SERVICE, *slices, **fields)
    assert made.verdict is not Verdict.REACHABLE
    first = made.suspicions[0]
    assert (first.name, first.where.kind, first.where.name) == (name, "service", "t/web")
    assert first.evidence


@pytest.mark.parametrize("name", sorted({name for _, _, name in CASES.values()}))
def test_a_backend_that_is_ready_is_none_of_these(name: str) -> None:
    made = asked(SERVICE, of(READY))
    assert name not in {one.name for one in made.suspicions}
