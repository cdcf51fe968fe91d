"""Ports of backends: where slice, Service and pod do not agree, and which of them is named."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import Diagnosis, Suspicion
from skoop.model.disposition import Verdict
from skoop.model.kube import (
    ContainerPort,
    EndpointPort,
    EndpointSlice,
    PodContainer,
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
NO_ENDPOINTS = (
    f'-A FORWARD -d {VIP}/32 -p tcp -m comment --comment "t/web has no endpoints" -j REJECT'
)
KEPT = "endpointslice-controller.k8s.io"


def asked(
    to: int, *, target: int | str, slice_port: EndpointPort, by: str = KEPT, container: str = "",
    selector: dict[str, str] | None = None, rules: tuple[str, ...] = (),
) -> Diagnosis:  # fmt: skip
    """The first pod asks for port 80 of the Service, which node k1 sends to a port of b1."""
    dnat = (
        "-t nat -A PREROUTING -j KUBE-SERVICES",
        f"-t nat -A KUBE-SERVICES -d {VIP}/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A",
        "-t nat -A KUBE-SVC-A -j KUBE-SEP-A",
        f"-t nat -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination {B1}:{to}",
    )
    spaces = change(cluster(), "node/k1", with_rules(iptables(*(rules or dnat))))
    chosen = {"app": "web"} if selector is None else selector
    service = Service(
        namespace="t", name="web", cluster_ips=(parse_ip(VIP),), ip_families=(Family.V4,),
        ports=(ServicePort(80, name="http", target_port=target),), selector=chosen,
    )  # fmt: skip
    listed = EndpointSlice(
        namespace="t", name="web-1", service="web", managed_by=by, ports=(slice_port,),
        endpoints=(SliceEndpoint(addresses=(parse_ip(B1),), target=("Pod", "t", "b1")),),
    )  # fmt: skip
    made = inventory()
    ports = (ContainerPort(80, name=container),) if container else ()
    pods = [
        replace(each, labels={"app": "web"}, containers=(PodContainer(name="c", ports=ports),))
        if each.name == "b1"
        else each
        for each in made.pods
    ]
    full = build_inventory(
        nodes=made.nodes, pods=pods, services=[service], endpoint_slices=[listed]
    )
    plain = Overrides(network_plugin="kindnet", proxy_mode="iptables")
    request = Request(src="pod/t/a1", dst="svc/t/web", port=80, overrides=plain)
    return session(spaces, full).diagnose(request)


def told(made: Diagnosis) -> list[Suspicion]:
    return [each for each in made.suspicions if each.name == "slice-port-mismatch"]


STALE: dict[str, dict[str, Any]] = {
    "a number": {"target": 80},
    "a name": {"target": "http", "container": "http"},
    "the name of no port": {"target": "http"},
}


@pytest.mark.parametrize("fields", STALE.values(), ids=STALE.keys())
def test_a_slice_with_another_port_than_the_service_asks_for(fields: dict[str, Any]) -> None:
    made = asked(8080, slice_port=EndpointPort(8080, "http"), **fields)
    first = told(made)[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.where.name, first.blocking) == ("t/web", True)
    assert f"{B1}:8080" in first.evidence[0].text
    assert "targetport-mismatch" not in {each.name for each in made.suspicions}


def test_where_the_pod_listens_there_all_the_same_it_is_a_remark() -> None:
    made = asked(80, target=8080, slice_port=EndpointPort(80, "http"))
    assert made.verdict is Verdict.REACHABLE
    assert [each.blocking for each in told(made)] == [False]


@pytest.mark.parametrize(
    ("fields", "by"),
    [
        ({"target": 8080}, KEPT),
        ({"target": "http", "container": "http", "to": 80, "slice_port": EndpointPort(80, "http")},
         KEPT),
        ({"target": 80, "selector": {}}, ""),
        ({"target": 80}, "mirror.example.com"),
    ],
    ids=["targetPort is wrong", "a name that fits", "no selector", "another controller"],
)  # fmt: skip
def test_a_slice_that_is_as_it_should_be(fields: dict[str, Any], by: str) -> None:
    plain: dict[str, Any] = {"to": 8080, "slice_port": EndpointPort(8080, "http"), "by": by}
    assert told(asked(**{**plain, **fields})) == []


UNRESOLVED: dict[str, tuple[dict[str, Any], str]] = {
    "a slice by hand calls the port otherwise": (
        {"target": 80, "slice_port": EndpointPort(80, "web"), "selector": {}},
        "slice-port-mismatch",
    ),
    "a slice has another protocol": (
        {"target": 80, "slice_port": EndpointPort(80, "http", "UDP"), "selector": {}},
        "slice-port-mismatch",
    ),
    "the pod has the port, the slice does not": (
        {"target": "http", "slice_port": EndpointPort(80, "web"), "container": "http"},
        "slice-port-mismatch",
    ),
    "no pod has a port of that name": (
        {"target": "http", "slice_port": EndpointPort(0, "http")},
        "named-port-unresolved",
    ),
}


@pytest.mark.parametrize(("fields", "name"), UNRESOLVED.values(), ids=UNRESOLVED.keys())
def test_no_slice_has_the_port(fields: dict[str, Any], name: str) -> None:
    made = asked(80, rules=(NO_ENDPOINTS,), **fields)
    assert (made.suspicions[0].name, made.suspicions[0].where.name) == (name, "t/web")
