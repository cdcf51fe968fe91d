"""Services and slices in, packets out: what kube-proxy's own tests expect, and what a kernel did
with the rules that kube-proxy wrote for them (tests/data/kube-proxy-flows/README.md)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from skoop.model.address import is_loopback, parse_ip, parse_prefix
from skoop.model.kube import (
    EndpointPort,
    EndpointSlice,
    Ingress,
    Inventory,
    Node,
    NodeAddress,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.service import (
    Client,
    ClientKind,
    ProxyConfig,
    ProxyMode,
    Question,
    expected_backends,
    find_destination,
)

DATA = Path(__file__).parent.parent / "data"
FILES = {
    ProxyMode.IPTABLES: DATA / "kube-proxy-flows" / "iptables.jsonl.gz",
    ProxyMode.NFTABLES: DATA / "kube-proxy-flows" / "nftables.jsonl.gz",
}
CLUSTER = parse_prefix("10.0.0.0/8")


class Flow(Struct, frozen=True):
    source: str
    destination: str
    port: int
    protocol: str
    generated: bool
    effect: str
    backends: frozenset[tuple[str, bool]]


def records() -> list[Any]:
    found = []
    for mode, path in FILES.items():
        with gzip.open(path, "rt") as lines:
            for line in lines:
                record = json.loads(line)
                if record["inputs"]:
                    found.append(pytest.param(mode, record, id=record["id"]))
    return found


def service(item: dict[str, Any]) -> Service:
    spec, status = item["spec"], item["status"]["loadBalancer"]
    return Service(
        namespace=item["metadata"]["namespace"],
        name=item["metadata"]["name"],
        type=spec.get("type", "ClusterIP"),
        cluster_ips=(parse_ip(spec["clusterIP"]),),
        ports=tuple(
            ServicePort(
                each["port"], each["protocol"], each.get("name", ""), 0, each.get("nodePort", 0)
            )
            for each in spec["ports"]
        ),
        external_ips=tuple(parse_ip(ip) for ip in spec.get("externalIPs", [])),
        ingress=tuple(Ingress(parse_ip(each["ip"])) for each in status.get("ingress", [])),
        source_ranges=tuple(
            parse_prefix(text.strip()) for text in spec.get("loadBalancerSourceRanges", [])
        ),
        internal_traffic_policy=spec.get("internalTrafficPolicy", "Cluster"),
        external_traffic_policy=spec.get("externalTrafficPolicy", "Cluster"),
    )


def endpoint_slice(item: dict[str, Any]) -> EndpointSlice:
    return EndpointSlice(
        namespace=item["metadata"]["namespace"],
        name=item["metadata"]["name"],
        service=item["metadata"]["labels"]["kubernetes.io/service-name"],
        address_type=item["addressType"],
        ports=tuple(
            EndpointPort(each["port"], each["name"], each["protocol"]) for each in item["ports"]
        ),
        endpoints=tuple(
            SliceEndpoint(
                addresses=tuple(parse_ip(ip) for ip in each["addresses"]),
                ready=each["conditions"].get("ready", True),
                node=each.get("nodeName", ""),
            )
            for each in item["endpoints"]
        ),
    )


def inventory(record: dict[str, Any]) -> Inventory:
    inputs = record["inputs"]
    address = NodeAddress("InternalIP", parse_ip(inputs["config"]["node_ip"]))
    return build_inventory(
        nodes=[Node(name="test-node", addresses=(address,))],
        services=[service(each) for each in inputs["services"]],
        endpoint_slices=[endpoint_slice(each) for each in inputs["endpoint_slices"]],
    )


def flows(record: dict[str, Any]) -> Iterator[Flow]:
    """Upstream's packets, then those of the kernel."""
    for each in record["flows"]:
        kernel = next(iter(each["kernel"].values()))
        effect = {"REJECT": "reject", "DROP": "drop", "": "pass", "ACCEPT": "pass"}.get(
            each["output"], "backends"
        )
        backends = each["output"].split(", ") if effect == "backends" else []
        yield Flow(
            each["source_ip"],
            each["dest_ip"],
            each["dest_port"],
            each["protocol"].upper(),
            kernel["locally_generated"],
            effect,
            frozenset((text, each["masq"]) for text in backends),
        )
    results = {"dnat": "backends", "forwarded": "pass", "local": "pass"}
    for each in record["extra_flows"]:
        yield Flow(
            each["source_ip"],
            each["dest_ip"],
            each["dest_port"],
            each["protocol"].upper(),
            each["locally_generated"],
            results.get(each["result"], each["result"]),
            frozenset((to["to"], to["masq"]) for to in each.get("endpoints", [])),
        )


def client(flow: Flow) -> Client:
    address = parse_ip(flow.source)
    if flow.generated:
        return Client(ClientKind.NODE, address)
    inside = CLUSTER.family is address[0] and CLUSTER.contains(address[1])
    return Client(ClientKind.POD if inside else ClientKind.EXTERNAL, address)


def predict(
    mode: ProxyMode, record: dict[str, Any], objects: Inventory, flow: Flow
) -> tuple[str, frozenset[tuple[str, bool]]]:
    config = ProxyConfig(mode=mode, cluster_cidrs=(CLUSTER,))
    address = parse_ip(flow.destination)
    local = flow.destination in record["node_ips"] or is_loopback(*address)
    found = find_destination(objects, address, flow.port, flow.protocol, local=local)
    if found is None:
        return "pass", frozenset()
    question = Question(
        service=found.service,
        port=found.port,
        via=found.via,
        family=address[0],
        node="test-node",
        client=client(flow),
        address=address,
        local=local,
    )
    view = expected_backends(objects, question, config)
    return view.effect.value, frozenset(
        (str(each.endpoint), each.masqueraded) for each in view.backends
    )


def of_the_kernel_alone(mode: ProxyMode, objects: Inventory, flow: Flow) -> bool:
    """Packets whose fate no Service decides: nftables mode answers for the whole address, and a
    packet from or to 127.0.0.0/8 meets the kernel's own rules too."""
    if parse_ip(flow.source)[1] >> 24 == 127 or parse_ip(flow.destination)[1] >> 24 == 127:
        return True
    if mode is ProxyMode.IPTABLES:
        return False
    address = parse_ip(flow.destination)
    ports = {
        (port.port, port.protocol)
        for each in objects.services_with_ip(address)
        for port in each.ports
    }
    service_cidr = parse_prefix("172.30.0.0/16")
    return service_cidr.contains(address[1]) and (flow.port, flow.protocol) not in ports


@pytest.mark.parametrize(("mode", "record"), records())
def test_flows(mode: ProxyMode, record: dict[str, Any]) -> None:
    objects = inventory(record)
    judged = [flow for flow in flows(record) if not of_the_kernel_alone(mode, objects, flow)]
    wrong = [
        (flow, found)
        for flow in judged
        if (found := predict(mode, record, objects, flow)) != (flow.effect, flow.backends)
    ]
    assert judged
    assert not wrong, wrong[0]
