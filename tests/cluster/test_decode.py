from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skoop.cluster import decode
from skoop.errors import InputError
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.kube import (
    Ingress,
    Inventory,
    LabelSelector,
    Owner,
    PolicyPort,
    Requirement,
    ServicePort,
)

DECODERS = {
    "pods": decode.decode_pods,
    "nodes": decode.decode_nodes,
    "services": decode.decode_services,
    "endpointslices": decode.decode_endpoint_slices,
    "endpoints": decode.decode_endpoints,
    "namespaces": decode.decode_namespaces,
    "networkpolicies": decode.decode_network_policies,
    "configmaps": decode.decode_config_maps,
    "daemonsets": decode.decode_daemon_sets,
    "deployments": decode.decode_deployments,
    "servicecidrs": decode.decode_service_cidrs,
}
Decoder = Callable[[bytes], tuple[Any, ...]]
META = {"name": "x", "namespace": "ns"}


def listing(*items: object) -> bytes:
    return json.dumps({"kind": "List", "items": items}).encode()


def test_real_pods(corpus: Inventory) -> None:
    assert len(corpus.pods) == 21
    pod = corpus.pod("billing", "dnsd-858c9f4c55-hw7vk")
    assert pod is not None
    assert pod.ips == (parse_ip("10.244.3.5"),)
    assert (pod.node, pod.phase, pod.ready) == ("k3", "Running", True)
    assert pod.owner == Owner("ReplicaSet", "dnsd-858c9f4c55")
    assert [port.name for port in pod.containers[0].ports] == ["dns", "dns-tcp"]
    not_ready = corpus.pod("shop", "notready")
    assert not_ready is not None
    assert not not_ready.ready


def test_real_nodes_services_and_slices(corpus: Inventory) -> None:
    assert {node.name: node.internal_ips for node in corpus.nodes} == {
        "k1": (parse_ip("172.30.0.11"),),
        "k2": (parse_ip("172.30.0.12"),),
        "k3": (parse_ip("172.30.0.13"),),
    }
    assert all(node.ready for node in corpus.nodes)
    assert corpus.nodes[0].pod_cidrs == (parse_prefix("10.244.1.0/24"),)
    web = corpus.service("shop", "web")
    assert web is not None
    assert [port.name for port in web.ports] == ["http", "metrics"]
    addresses = {
        address
        for each in corpus.slices_of("shop", "web")
        for endpoint in each.endpoints
        for address in endpoint.addresses
    }
    assert addresses == {
        pod.ips[0] for pod in corpus.pods if pod.namespace == "shop" and pod.labels["app"] == "web"
    }


def test_old_endpoints_say_the_same_as_slices(
    corpus: Inventory, corpus_documents: dict[str, bytes]
) -> None:
    slices = decode.decode_endpoints(corpus_documents["endpoints"])

    def ready(namespace: str, service: str, source: object) -> set[object]:
        return {
            (address, port.port, port.protocol)
            for each in source  # type: ignore[attr-defined]
            if (each.namespace, each.service) == (namespace, service)
            for endpoint in each.endpoints
            if endpoint.ready
            for address in endpoint.addresses
            for port in each.ports
        }

    for service in corpus.services:
        names = service.namespace, service.name
        managed = [
            each for each in corpus.endpoint_slices if each.managed_by.startswith("endpointslice-c")
        ]
        if any((each.namespace, each.service) == names for each in managed):
            assert ready(*names, slices) == ready(*names, managed), names


def test_service_fields() -> None:
    spec = {
        "type": "LoadBalancer",
        "clusterIP": "10.0.0.1",
        "clusterIPs": ["10.0.0.1", "fd00::1"],
        "ipFamilies": ["IPv4", "IPv6"],
        "ports": [
            {"name": "web", "port": 80, "targetPort": "http", "nodePort": 30080},
            {"port": 53, "protocol": "UDP"},
        ],
        "selector": {"app": "x"},
        "externalIPs": ["192.0.2.1"],
        "loadBalancerSourceRanges": ["10.1.2.3/8"],
        "externalTrafficPolicy": "Local",
        "internalTrafficPolicy": "Local",
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 7}},
        "healthCheckNodePort": 31000,
        "publishNotReadyAddresses": True,
        "trafficDistribution": "PreferSameZone",
        "allocateLoadBalancerNodePorts": False,
    }
    ingress = [{"ip": "203.0.113.1", "ipMode": "Proxy"}, {"hostname": "lb"}, {"ip": "203.0.113.2"}]
    status = {"loadBalancer": {"ingress": ingress}}
    (service,) = decode.decode_services(listing({"metadata": META, "spec": spec, "status": status}))
    assert service.cluster_ips == (parse_ip("10.0.0.1"), parse_ip("fd00::1"))
    assert service.ip_families == (Family.V4, Family.V6)
    assert service.ports == (
        ServicePort(80, name="web", target_port="http", node_port=30080),
        ServicePort(53, protocol="UDP", target_port=53),
    )
    assert service.source_ranges == (parse_prefix("10.0.0.0/8"),)
    assert service.ingress[0] == Ingress(parse_ip("203.0.113.1"), "", "Proxy")
    assert service.load_balancer_ips == (parse_ip("203.0.113.2"),)
    assert (service.external_traffic_policy, service.internal_traffic_policy) == ("Local", "Local")
    assert service.session_affinity == "ClientIP"
    assert service.health_check_node_port == 31000
    assert service.publish_not_ready
    assert service.traffic_distribution == "PreferSameZone"


@pytest.mark.parametrize(
    ("spec", "headless", "addresses"),
    [
        ({"clusterIP": "None"}, True, ()),
        ({"clusterIP": "None", "clusterIPs": ["None"]}, True, ()),
        ({"type": "ExternalName", "externalName": "a.b"}, False, ()),
        ({"clusterIP": ""}, False, ()),
        ({"clusterIP": "010.000.0.1"}, False, (parse_ip("10.0.0.1"),)),
        ({"clusterIP": "::ffff:10.0.0.1"}, False, (parse_ip("10.0.0.1"),)),
    ],
    ids=["None", "None twice", "ExternalName", "empty", "leading zeros", "mapped"],
)
def test_cluster_ips(spec: object, headless: bool, addresses: object) -> None:
    (service,) = decode.decode_services(listing({"metadata": META, "spec": spec}))
    assert service.headless is headless
    assert service.cluster_ips == addresses


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (None, (True, True, False)),
        ({}, (True, True, False)),
        ({"ready": None}, (True, True, False)),
        ({"ready": False}, (False, True, False)),
        ({"ready": False, "serving": True, "terminating": True}, (False, True, True)),
        ({"ready": True, "serving": False}, (True, False, False)),
    ],
    ids=str,
)
def test_endpoint_conditions_default_as_in_kube_proxy(conditions: object, expected: object) -> None:
    endpoint = {"addresses": ["10.0.0.1"], "conditions": conditions}
    item = {"metadata": META, "addressType": "IPv4", "endpoints": [endpoint], "ports": None}
    (found,) = decode.decode_endpoint_slices(listing(item))
    first = found.endpoints[0]
    assert (first.ready, first.serving, first.terminating) == expected


def test_hints_and_names_of_endpoints() -> None:
    endpoint = {
        "addresses": ["fd00::1"],
        "nodeName": "n1",
        "zone": "z1",
        "hostname": "db-0",
        "hints": {"forZones": [{"name": "z1"}], "forNodes": [{"name": "n1"}]},
        "targetRef": {"kind": "Pod", "namespace": "ns", "name": "db-0"},
    }
    item = {
        "metadata": {**META, "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv6",
        "endpoints": [endpoint],
        "ports": [{"name": "", "port": None, "protocol": "TCP"}],
    }
    (found,) = decode.decode_endpoint_slices(listing(item))
    assert found.service == "db"
    assert found.family is Family.V6
    assert found.ports[0].port == 0
    first = found.endpoints[0]
    assert (first.zone_hints, first.node_hints) == (("z1",), ("n1",))
    assert first.target == ("Pod", "ns", "db-0")
    assert first.hostname == "db-0"


def test_names_in_slices_are_left_out() -> None:
    item = {"metadata": META, "addressType": "FQDN", "endpoints": [{"addresses": ["a.example"]}]}
    (found,) = decode.decode_endpoint_slices(listing(item))
    assert found.endpoints[0].addresses == ()
    assert found.family is None


def test_pod_states() -> None:
    spec = {
        "containers": [{"name": "main", "readinessProbe": {"httpGet": {"port": 80}}}],
        "initContainers": [{"name": "proxy", "restartPolicy": "Always"}, {"name": "once"}],
        "hostNetwork": True,
        "readinessGates": [{"conditionType": "lb"}],
    }
    status = {
        "podIP": "10.0.0.1",
        "containerStatuses": [
            {
                "name": "main",
                "restartCount": 9,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "x"}},
            }
        ],
        "initContainerStatuses": [{"name": "proxy", "ready": True, "state": {"running": {}}}],
    }
    metadata = {**META, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    item = {"metadata": metadata, "spec": spec, "status": status}
    (pod,) = decode.decode_pods(listing(item))
    main, proxy = pod.containers
    assert (main.waiting, main.restarts, main.ready) == ("CrashLoopBackOff", 9, False)
    assert proxy.sidecar
    assert proxy.ready
    assert pod.terminating
    assert pod.host_network
    assert pod.readiness_gates == ("lb",)
    assert pod.ips == (parse_ip("10.0.0.1"),)


def test_network_policy_keeps_absent_apart_from_empty() -> None:
    spec = {
        "podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {"podSelector": {}, "namespaceSelector": {"matchLabels": {"n": "1"}}},
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                ],
                "ports": [{"port": "http"}, {"port": 1000, "endPort": 2000, "protocol": "UDP"}, {}],
            }
        ],
    }
    (policy,) = decode.decode_network_policies(listing({"metadata": META, "spec": spec}))
    assert policy.pod_selector.expressions == (Requirement("a", "In", ("b",)),)
    first, second = policy.ingress[0].peers
    assert first.pod_selector == LabelSelector()
    assert first.namespace_selector == LabelSelector({"n": "1"})
    assert first.ip_block is None
    assert second.pod_selector is None
    assert second.ip_block is not None
    assert second.ip_block.excepts == (parse_prefix("10.1.0.0/16"),)
    assert policy.ingress[0].ports == (
        PolicyPort(port="http"),
        PolicyPort("UDP", 1000, 2000),
        PolicyPort(),
    )


def test_workload() -> None:
    container = {
        "name": "c",
        "image": "i",
        "args": ["--x"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}],
    }
    item = {
        "metadata": META,
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"spec": {"containers": [container]}},
        },
        "status": {"desiredNumberScheduled": 3, "numberReady": 2},
    }
    (found,) = decode.decode_daemon_sets(listing(item))
    assert (found.desired, found.ready) == (3, 2)
    assert found.selector == LabelSelector({"a": "b"})
    assert found.containers[0].env == {"A": "1"}


BROKEN = {
    "no JSON": ("pods", b"{", r"pods: not a Kubernetes list"),
    "empty": ("pods", b"", r"pods: not a Kubernetes list"),
    "not UTF-8": ("pods", b'{"items":[{"metadata":{"name":"\xff"}}]}', r"pods: item 0: "),
    "an array": ("pods", b"[]", r"pods: not a Kubernetes list: Expected `object`"),
    "one object": ("pods", b'{"kind":"Pod","metadata":{}}', r"pods: a Pod without items"),
    "items a number": ("nodes", b'{"items":3}', r"nodes: not a Kubernetes list: items: expected"),
    "item null": ("pods", listing(None), r"pods: item 0: Expected `object`, got `null`"),
    "no name": ("pods", listing({"metadata": {}}), r"item 0: metadata: .*missing.*`name`"),
    "wrong type": (
        "pods",
        listing({"metadata": META}, {"metadata": META, "spec": {"nodeName": 3}}),
        r"pods: item 1 \(ns/x\): spec\.nodeName: expected `str`, got `int`",
    ),
    "bad address": (
        "pods",
        listing({"metadata": META, "status": {"podIP": "10.0.0.256"}}),
        r"pods: item 0 \(ns/x\): status\.podIPs: '10\.0\.0\.256' is not an IP address",
    ),
    "bad prefix": (
        "nodes",
        listing({"metadata": META, "spec": {"podCIDR": "10.0.0.0/33"}}),
        r"spec\.podCIDRs: '10\.0\.0\.0/33' is not a CIDR",
    ),
    "port too large": (
        "services",
        listing({"metadata": META, "spec": {"ports": [{"port": 65536}]}}),
        r"spec\.ports\[0\]\.port: expected `int` <= 65535",
    ),
    "unknown operator": (
        "networkpolicies",
        listing(
            {
                "metadata": META,
                "spec": {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}},
            }
        ),
        r"spec\.podSelector\.matchExpressions: unknown operator 'Gt'",
    ),
    "too deep": ("pods", b'{"items":' + b"[" * 100000, r"pods: not a Kubernetes list"),
    "refused": (
        "pods",
        b'{"kind":"Status","message":"pods is forbidden"}',
        r"pods: the API server answered: pods is forbidden",
    ),
}


@pytest.mark.parametrize(("resource", "document", "message"), BROKEN.values(), ids=BROKEN)
def test_errors_name_the_place(resource: str, document: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DECODERS[resource](document)


@pytest.mark.parametrize("resource", DECODERS)
def test_null_items_are_no_items(resource: str) -> None:
    assert DECODERS[resource](b'{"kind":"List","items":null}') == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = ["metadata", "spec", "status", "name", "ports", "addresses", "podIPs", "ip", "items"]
OBJECTS = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
@given(document=st.binary(max_size=60) | OBJECTS.map(lambda each: json.dumps(each).encode()))
@settings(max_examples=40)
def test_garbage_is_an_input_error(decoder: Decoder, document: bytes) -> None:
    try:
        assert isinstance(decoder(document), tuple)
    except InputError as error:
        assert str(error)


@pytest.mark.parametrize("resource", [name for name in DECODERS if name != "servicecidrs"])
@given(data=st.data())
@settings(max_examples=40)
def test_real_objects_with_one_field_spoilt(
    resource: str, corpus_documents: dict[str, bytes], data: st.DataObject
) -> None:
    key = {"endpointslices": "endpointslices.discovery.k8s.io"}.get(resource, resource)
    items = json.loads(corpus_documents[key])["items"]
    item = data.draw(st.sampled_from(items))
    _spoil(item, data)
    try:
        found = DECODERS[resource](listing(item))
        assert isinstance(found, tuple)
    except InputError as error:
        assert f"{resource}: item 0" in str(error)


def _spoil(place: Any, data: st.DataObject) -> None:
    """Replace something inside a document by any JSON."""
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            return
        place = place[key]
