"""Virtual servers of a node against the Services of its cluster."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip
from skoop.model.kube import (
    EndpointPort,
    EndpointSlice,
    Node,
    NodeAddress,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.model.packet import Proto
from skoop.netstack.ipvs.table import IpvsTable, RealServer, VirtualServer
from skoop.service import ProxyConfig, ProxyMode
from skoop.service.difference import DifferenceKind
from skoop.service.ipvs import Written, audit
from skoop.service.plan import plan_node

VIP, NODE = parse_ip("10.96.0.1"), parse_ip("172.30.0.11")
BACKENDS = (RealServer(parse_ip("10.244.1.2"), 8080), RealServer(parse_ip("10.244.2.3"), 8080))
PLANS = plan_node(
    build_inventory(
        nodes=[Node(name="k1", addresses=(NodeAddress("InternalIP", NODE),))],
        services=[
            Service(
                namespace="shop", name="web", type="NodePort", cluster_ips=(VIP,),
                ports=(ServicePort(80, "TCP", "http", 8080, 30080),), session_affinity="ClientIP",
            )
        ],
        endpoint_slices=[
            EndpointSlice(
                namespace="shop", name="web-1", service="web",
                ports=(EndpointPort(8080, "http"),),
                endpoints=tuple(SliceEndpoint(addresses=(each.address,)) for each in BACKENDS),
            )
        ],
    ),
    node="k1",
    family=Family.V4,
    config=ProxyConfig(mode=ProxyMode.IPVS),
)  # fmt: skip


def server(address: tuple[Family, int], port: int, *real: RealServer) -> VirtualServer:
    return VirtualServer(
        proto=Proto.TCP, address=address, port=port, scheduler="rr", persistent=10800,
        servers=real, raw=f"TCP {port} rr",
    )  # fmt: skip


CLEAN = Written(
    source="IPVS of node k1",
    table=IpvsTable((server(VIP, 80, *BACKENDS), server(NODE, 30080, *BACKENDS))),
    device_addresses=frozenset({VIP}),
    sysctls={"net.ipv4.vs.conntrack": "1"},
)


def of(*servers: VirtualServer) -> Written:
    return replace(CLEAN, table=IpvsTable(servers))


def draining(written: Written) -> Written:
    gone = RealServer(parse_ip("10.244.9.9"), 8080, weight=0)
    first, second = written.table.servers
    return of(replace(first, servers=(*first.servers, gone)), second)


K = DifferenceKind
FIRST, SECOND = CLEAN.table.servers
STALE = RealServer(parse_ip("10.244.9.9"), 8080)
WEIGHTLESS = tuple(replace(each, weight=0) for each in BACKENDS)
FAULTS: dict[str, tuple[Written, set[DifferenceKind]]] = {
    "nothing": (of(), {K.NO_RULES}),
    "no virtual server": (of(SECOND), {K.VIRTUAL_SERVER_MISSING}),
    "no virtual server of the NodePort": (of(FIRST), {K.VIRTUAL_SERVER_MISSING}),
    "no address on kube-ipvs0": (
        replace(CLEAN, device_addresses=frozenset()), {K.ADDRESS_MISSING},
    ),
    "no real server": (of(server(VIP, 80), SECOND), {K.ENDPOINT_MISSING}),
    "an endpoint missing": (of(server(VIP, 80, BACKENDS[0]), SECOND), {K.ENDPOINT_MISSING}),
    "an endpoint stale": (of(server(VIP, 80, *BACKENDS, STALE), SECOND), {K.ENDPOINT_STALE}),
    "no weight": (of(server(VIP, 80, *WEIGHTLESS), SECOND), {K.WEIGHT_ZERO}),
    "no persistence": (of(replace(FIRST, persistent=0), SECOND), {K.AFFINITY_BROKEN}),
    "no conntrack": (
        replace(CLEAN, sysctls={"net.ipv4.vs.conntrack": "0"}), {K.MASQUERADE_MISSING},
    ),
}  # fmt: skip


def test_what_kube_proxy_writes_is_no_difference() -> None:
    assert audit(PLANS, CLEAN) == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_shown(name: str) -> None:
    written, kinds = FAULTS[name]
    found = audit(PLANS, written)
    assert {each.kind for each in found} == kinds
    assert all(each.evidence and each.message for each in found)


HARMLESS: dict[str, Callable[[Written], Written]] = {"a server that drains": draining}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_is_not_reported(name: str) -> None:
    assert audit(PLANS, HARMLESS[name](CLEAN)) == ()
