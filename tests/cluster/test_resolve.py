from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skoop.cluster.resolve import Target, meet, only_port, resolve
from skoop.errors import EndpointError, SkoopError, UsageError
from skoop.model.address import Family, format_ip, parse_ip
from skoop.model.kube import (
    Address,
    Container,
    ContainerPort,
    EndpointSlice,
    Ingress,
    Inventory,
    LabelSelector,
    Namespace,
    Node,
    NodeAddress,
    Owner,
    Pod,
    PodContainer,
    Service,
    ServicePort,
    SliceEndpoint,
    Workload,
    build_inventory,
)


def ips(*texts: str) -> tuple[Address, ...]:
    return tuple(parse_ip(text) for text in texts)


def pod(namespace: str, name: str, *addresses: str, **fields: object) -> Pod:
    values = {"node": "n1", "phase": "Running", "ready": True, **fields}
    return Pod(namespace=namespace, name=name, ips=ips(*addresses), **values)  # type: ignore[arg-type]


def node(name: str, *addresses: str) -> Node:
    return Node(name=name, addresses=tuple(NodeAddress("InternalIP", ip) for ip in ips(*addresses)))


WEB = Owner("ReplicaSet", "web-5d")
INVENTORY = build_inventory(
    pods=[
        pod(
            "shop",
            "web-5d-a",
            "10.0.0.1",
            "fd00::1",
            owner=WEB,
            labels={"app": "web"},
            ready=False,
            containers=(PodContainer(name="c", ports=(ContainerPort(8080, name="http"),)),),
        ),
        pod("shop", "web-5d-b", "10.0.0.2", "fd00::2", owner=WEB, labels={"app": "web"}),
        pod("shop", "web-5d-c", "10.0.0.3", owner=WEB, labels={"app": "web"}),
        pod("shop", "db-0", "10.0.0.4", owner=Owner("StatefulSet", "db")),
        pod("shop", "pending", phase="Pending", ready=False),
        pod("shop", "twin-1", "10.0.0.9"),
        pod("shop", "twin-2", "10.0.0.9"),
        pod("default", "cli", "10.0.0.5"),
        pod("default", "only6", "fd00::6"),
        pod("infra", "agent-x", "192.0.2.1", host_network=True, owner=Owner("DaemonSet", "agent")),
        pod("node", "n1", "10.0.0.6"),
        pod("batch", "once-q", "10.0.0.7", owner=Owner("Job", "once")),
    ],
    nodes=[node("n1", "192.0.2.1"), node("n2", "192.0.2.2", "fd00:f::2")],
    services=[
        Service(
            namespace="shop",
            name="web",
            cluster_ips=ips("10.96.0.1"),
            external_ips=ips("192.0.2.2", "198.51.100.1"),
            ingress=(Ingress(parse_ip("203.0.113.1")),),
            ports=(ServicePort(80, name="http"), ServicePort(53, "UDP", "dns")),
        ),
        Service(namespace="shop", name="db", headless=True, ports=(ServicePort(5432),)),
        Service(namespace="shop", name="alias", type="ExternalName", external_name="db.example"),
        Service(
            namespace="shop",
            name="inner",
            type="ExternalName",
            external_name="web.shop.svc.cluster.local",
        ),
        Service(namespace="shop", name="loop", type="ExternalName", external_name="loop.shop.svc"),
    ],
    endpoint_slices=[
        EndpointSlice(
            namespace="shop",
            name="db-1",
            service="db",
            endpoints=(
                SliceEndpoint(
                    addresses=ips("10.0.0.4"), hostname="db-0", target=("Pod", "shop", "db-0")
                ),
                SliceEndpoint(addresses=ips("10.0.0.8"), ready=False),
            ),
        )
    ],
    namespaces=[Namespace("shop"), Namespace("default")],
    deployments=[
        Workload(
            kind="Deployment",
            namespace="shop",
            name="web",
            selector=LabelSelector({"app": "web"}),
            containers=(Container(name="c"),),
        ),
        Workload(kind="Deployment", namespace="shop", name="idle"),
    ],
)


def lookup(name: str) -> tuple[Address, ...]:
    return ips("198.51.100.7") if name in ("db.example", "example.com") else ()


def find(text: str) -> Target:
    return resolve(text, INVENTORY, lookup=lookup)


@pytest.mark.parametrize(
    ("text", "endpoint", "address", "port", "protocol"),
    [
        ("cli", "pod default/cli", "10.0.0.5", 0, ""),
        ("pod/cli", "pod default/cli", "10.0.0.5", 0, ""),
        ("shop/db-0", "pod shop/db-0", "10.0.0.4", 0, ""),
        ("pod/shop/db-0:5432", "pod shop/db-0", "10.0.0.4", 5432, ""),
        ("shop/web-5d-a:http", "pod shop/web-5d-a", "10.0.0.1", 8080, ""),
        ("shop/pending", "pod shop/pending", "", 0, ""),
        ("svc/shop/web", "service shop/web", "10.96.0.1", 0, ""),
        ("SVC/shop/web:80", "service shop/web", "10.96.0.1", 80, "TCP"),
        ("service/shop/web:dns", "service shop/web", "10.96.0.1", 53, "UDP"),
        ("svc/shop/web:81", "service shop/web", "10.96.0.1", 81, ""),
        ("deploy/shop/web", "pod shop/web-5d-b", "10.0.0.2", 0, ""),
        ("sts/shop/db", "pod shop/db-0", "10.0.0.4", 0, ""),
        ("ds/infra/agent", "pod infra/agent-x", "192.0.2.1", 0, ""),
        ("job/batch/once", "pod batch/once-q", "10.0.0.7", 0, ""),
        ("node/n2", "node n2", "192.0.2.2", 0, ""),
        ("10.0.0.2", "pod shop/web-5d-b", "10.0.0.2", 0, ""),
        ("fd00::2", "pod shop/web-5d-b", "fd00::2", 0, ""),
        ("[fd00::2]:80", "pod shop/web-5d-b", "fd00::2", 80, ""),
        ("192.0.2.1", "node n1", "192.0.2.1", 0, ""),
        ("192.0.2.2:30080", "node n2", "192.0.2.2", 30080, ""),
        ("10.96.0.1:http", "service shop/web", "10.96.0.1", 80, "TCP"),
        ("203.0.113.1", "service shop/web", "203.0.113.1", 0, ""),
        ("198.51.100.1", "service shop/web", "198.51.100.1", 0, ""),
        ("8.8.8.8:53", "external 8.8.8.8", "8.8.8.8", 53, ""),
        ("web.shop.svc.cluster.local", "service shop/web", "10.96.0.1", 0, ""),
        ("web.shop.svc.cluster.local.:80", "service shop/web", "10.96.0.1", 80, "TCP"),
        ("web.shop.svc", "service shop/web", "10.96.0.1", 0, ""),
        ("web.shop", "service shop/web", "10.96.0.1", 0, ""),
        ("db.shop.svc", "service shop/db", "10.0.0.4", 0, ""),
        ("db-0.db.shop.svc.cluster.local", "pod shop/db-0", "10.0.0.4", 0, ""),
        ("10-0-0-4.shop.pod.cluster.local", "pod shop/db-0", "10.0.0.4", 0, ""),
        ("fd00--6.default.pod.cluster.local", "pod default/only6", "fd00::6", 0, ""),
        ("example.com:443", "external example.com", "198.51.100.7", 443, ""),
        ("svc/shop/alias", "external db.example", "198.51.100.7", 0, ""),
        ("svc/shop/inner:http", "service shop/web", "10.96.0.1", 80, "TCP"),
        ("internet", "external internet", "1.1.1.1", 0, ""),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_resolved(text: str, endpoint: str, address: str, port: int, protocol: str) -> None:
    target = find(text)
    assert str(target.endpoint) == endpoint
    assert target.endpoint.ip == address
    assert (target.port, target.endpoint.port, target.protocol) == (port, port, protocol)


@pytest.mark.parametrize(
    ("text", "message", "candidate"),
    [
        ("web", "no pod 'web' in namespace default", "svc/shop/web"),
        ("shop/web", "no pod 'web'", "deploy/shop/web"),
        ("shop/web-5e-a", "no pod", "pod/shop/web-5d-a"),
        ("svc/shop/wbe", "no service", "svc/shop/web"),
        ("shpo/web", "no namespace 'shpo'", "svc/shop/web"),
        ("sts/shop/dbs", "no statefulset", "sts/shop/db"),
        ("node/x9", "no node 'x9'", "node/n1"),
        ("node/n1", "ambiguous", "pod/node/n1"),
        ("10.0.0.9", "more than one pod", "pod/shop/twin-2"),
        ("svc/shop/web:htp", "no port named 'htp'", "svc/shop/web:http"),
        ("web.sohp.svc", "no service|no namespace", "svc/shop/web"),
        ("web.shopp", "no address is known", "svc/shop/web"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_unknown_or_ambiguous_gives_candidates(text: str, message: str, candidate: str) -> None:
    with pytest.raises(EndpointError, match=message) as caught:
        find(text)
    assert candidate in caught.value.candidates
    assert candidate in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "/",
        "a//b",
        "a/b/c/d",
        "svc/shop/web:",
        "node/a/b",
        "[fd00::1",
        "[x]:80",
        "a:b:c",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "8.8.8.8:http",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
        "deploy/shop/idle",
        "svc/shop/loop",
        "x.y.cluster.local",
        "db-9.db.shop.svc",
        "10-9-9-9.shop.pod.cluster.local",
        "nowhere.example",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(EndpointError):
        find(text)


@given(st.text(max_size=40) | st.text(alphabet="abwe./:[]0123svcpod-", max_size=30))
def test_any_text_is_a_target_or_a_skoop_error(text: str) -> None:
    try:
        assert find(text).endpoint.name
    except SkoopError as error:
        assert error.exit_code == 2


def test_what_was_assumed_is_said() -> None:
    assert "web-5d-b" in find("deploy/shop/web").assumptions[0]
    assert "198.51.100.7" in find("example.com").assumptions[0]
    assert "alias of db.example" in find("svc/shop/alias").assumptions[0]
    assert "headless" in find("svc/shop/db").assumptions[0]


def test_a_deployment_is_found_by_its_pods_alone() -> None:
    without = build_inventory(pods=INVENTORY.pods)
    target = resolve("deploy/shop/web", without)
    assert str(target.endpoint) == "pod shop/web-5d-b"


def test_the_single_port_of_a_service_is_meant() -> None:
    port = only_port(find("svc/shop/db"))
    assert port is not None
    assert port.port == 5432
    assert only_port(find("svc/shop/web")) is None
    assert only_port(find("cli")) is None


@pytest.mark.parametrize(
    ("source", "destination", "addresses"),
    [
        ("shop/web-5d-a", "shop/web-5d-b", ("10.0.0.1", "10.0.0.2")),
        ("only6", "shop/web-5d-b", ("fd00::6", "fd00::2")),
        ("shop/web-5d-a", "fd00::2", ("fd00::1", "fd00::2")),
        ("internet", "only6", ("2606:4700:4700::1111", "fd00::6")),
        ("shop/pending", "only6", ("", "fd00::6")),
        ("only6", "shop/pending", ("fd00::6", "")),
    ],
)
def test_both_ends_speak_one_ip_version(
    source: str, destination: str, addresses: tuple[str, str]
) -> None:
    ends = meet(find(source), find(destination))
    assert (ends.source.endpoint.ip, ends.destination.endpoint.ip) == addresses
    shown = [format_ip(*ip) for ip in (*ends.source.ips[:1], *ends.destination.ips[:1])]
    assert shown == [each for each in addresses if each]


def test_no_common_ip_version() -> None:
    with pytest.raises(UsageError, match="only6 and pod default/cli have no IP version"):
        meet(find("only6"), find("cli"))
    assert meet(find("cli"), find("cli")).family is Family.V4


def test_names_of_a_real_cluster(corpus: Inventory) -> None:
    for each in corpus.pods:
        target = resolve(f"{each.namespace}/{each.name}", corpus)
        assert target.pod == each
    for service in corpus.services:
        if service.type == "ExternalName":
            continue
        found = resolve(f"{service.name}.{service.namespace}.svc.cluster.local", corpus)
        assert found.service == service
