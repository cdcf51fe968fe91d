from __future__ import annotations

import pytest
from msgspec import structs

from skoop.model.address import Family, parse_ip, parse_prefix
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
    Effect,
    ProxyConfig,
    ProxyMode,
    Question,
    ServiceView,
    UnusedWhy,
    Via,
    expected_backends,
    find_destination,
)

PORT = ServicePort(80, name="http", target_port=8080, node_port=30080)
SERVICE = Service(
    namespace="shop",
    name="web",
    type="LoadBalancer",
    cluster_ips=(parse_ip("10.96.0.1"),),
    ports=(PORT,),
    external_ips=(parse_ip("198.51.100.1"),),
    ingress=(Ingress(parse_ip("203.0.113.1")),),
)
CONFIG = ProxyConfig(cluster_cidrs=(parse_prefix("10.244.0.0/16"),))
POD = Client(ClientKind.POD, parse_ip("10.244.1.9"))
NODE = Client(ClientKind.NODE, parse_ip("192.0.2.1"))
OUTSIDE = Client(ClientKind.EXTERNAL, parse_ip("198.18.0.1"))


def node(name: str, number: int, zone: str) -> Node:
    return Node(
        name=name,
        addresses=(NodeAddress("InternalIP", parse_ip(f"192.0.2.{number}")),),
        labels={"topology.kubernetes.io/zone": zone} if zone else {},
    )


NODES = [node("n1", 1, "z1"), node("n2", 2, "z2"), node("n3", 3, "")]
NUMBERS = {"n1": "1", "n2": "2", "n3": "3"}


def on(name: str, host: str = "5", **fields: object) -> SliceEndpoint:
    return SliceEndpoint(
        addresses=(parse_ip(f"10.244.{NUMBERS[name]}.{host}"),),
        node=name,
        target=("Pod", "shop", f"web-{name}-{host}"),
        **fields,  # type: ignore[arg-type]
    )


TERMINATING = {"ready": False, "serving": True, "terminating": True}
GONE = {"ready": False, "serving": False, "terminating": True}
UNREADY = {"ready": False, "serving": False}


def cluster(*endpoints: SliceEndpoint, service: Service = SERVICE) -> Inventory:
    slices = EndpointSlice(
        namespace="shop",
        name="web-1",
        service="web",
        ports=(EndpointPort(8080, "http"),),
        endpoints=endpoints,
    )
    return build_inventory(nodes=NODES, services=[service], endpoint_slices=[slices])


def ask(
    inventory: Inventory,
    via: Via = Via.CLUSTER_IP,
    client: Client = POD,
    *,
    at: str = "n1",
    config: ProxyConfig = CONFIG,
    address: str = "",
    local: bool = False,
    family: Family = Family.V4,
) -> ServiceView:
    question = Question(
        service=inventory.services[0],
        port=inventory.services[0].ports[0],
        via=via,
        family=family,
        node=at,
        client=client,
        address=parse_ip(address) if address else None,
        local=local,
    )
    return expected_backends(inventory, question, config)


def shown(view: ServiceView) -> str:
    """ "drop", or the last two parts of the backends' addresses with "*" for masqueraded."""
    if view.effect is not Effect.BACKENDS:
        return view.effect.value
    return " ".join(
        str(each.endpoint).removeprefix("10.244.").removesuffix(":8080")
        + ("*" if each.masqueraded else "")
        for each in view.backends
    )


BOTH = (on("n1"), on("n2"))
REMOTE = (on("n2"),)


@pytest.mark.parametrize(
    ("policy", "endpoints", "via", "client", "expected"),
    [
        ("Cluster", BOTH, Via.CLUSTER_IP, POD, "1.5 2.5"),
        ("Cluster", BOTH, Via.CLUSTER_IP, NODE, "1.5* 2.5*"),
        ("Cluster", BOTH, Via.CLUSTER_IP, OUTSIDE, "1.5* 2.5*"),
        ("Cluster", BOTH, Via.NODE_PORT, POD, "1.5* 2.5*"),
        ("Cluster", BOTH, Via.NODE_PORT, OUTSIDE, "1.5* 2.5*"),
        ("Cluster", BOTH, Via.EXTERNAL_IP, NODE, "1.5* 2.5*"),
        ("Local", BOTH, Via.CLUSTER_IP, POD, "1.5 2.5"),
        ("Local", BOTH, Via.NODE_PORT, OUTSIDE, "1.5"),
        ("Local", BOTH, Via.NODE_PORT, POD, "1.5 2.5"),
        ("Local", BOTH, Via.NODE_PORT, NODE, "1.5* 2.5*"),
        ("Local", REMOTE, Via.LOAD_BALANCER, OUTSIDE, "drop"),
        ("Local", REMOTE, Via.LOAD_BALANCER, POD, "2.5"),
        ("Local", REMOTE, Via.LOAD_BALANCER, NODE, "2.5*"),
        ("Local", REMOTE, Via.EXTERNAL_IP, OUTSIDE, "drop"),
        ("Local", (), Via.EXTERNAL_IP, OUTSIDE, "reject"),
        ("Cluster", (), Via.CLUSTER_IP, POD, "reject"),
        ("Cluster", (on("n1", **UNREADY),), Via.NODE_PORT, OUTSIDE, "reject"),
    ],
)
def test_external_traffic_policy(
    policy: str, endpoints: tuple[SliceEndpoint, ...], via: Via, client: Client, expected: str
) -> None:
    service = structs.replace(SERVICE, external_traffic_policy=policy)
    assert shown(ask(cluster(*endpoints, service=service), via, client)) == expected


@pytest.mark.parametrize(
    ("endpoints", "via", "expected"),
    [
        (BOTH, Via.CLUSTER_IP, "1.5"),
        (REMOTE, Via.CLUSTER_IP, "drop"),
        ((), Via.CLUSTER_IP, "reject"),
        ((on("n2", **UNREADY),), Via.CLUSTER_IP, "reject"),
        ((on("n1", **TERMINATING), on("n2")), Via.CLUSTER_IP, "1.5"),
        (REMOTE, Via.NODE_PORT, "2.5*"),
    ],
)
def test_internal_traffic_policy_local(
    endpoints: tuple[SliceEndpoint, ...], via: Via, expected: str
) -> None:
    service = structs.replace(SERVICE, internal_traffic_policy="Local")
    assert shown(ask(cluster(*endpoints, service=service), via)) == expected


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ((on("n1", **TERMINATING), on("n2", **UNREADY)), "1.5"),
        ((on("n1", **TERMINATING), on("n2")), "2.5"),
        ((on("n1", **GONE), on("n2", **UNREADY)), "reject"),
        ((on("n1", **TERMINATING), on("n2", **TERMINATING)), "1.5 2.5"),
    ],
    ids=["only terminating", "one ready", "none serves", "all terminating"],
)
def test_terminating_endpoints_serve_when_none_is_ready(
    endpoints: tuple[SliceEndpoint, ...], expected: str
) -> None:
    assert shown(ask(cluster(*endpoints))) == expected


ZONED = (on("n1", zone_hints=("z1",)), on("n2", zone_hints=("z2",)))
NODED = (
    on("n1", zone_hints=("z1",), node_hints=("n1",)),
    on("n1", "6", zone_hints=("z1",), node_hints=("n3",)),
    on("n2", zone_hints=("z2",), node_hints=("n2",)),
)


@pytest.mark.parametrize(
    ("endpoints", "at", "expected"),
    [
        (ZONED, "n1", "1.5"),
        (ZONED, "n2", "2.5"),
        (ZONED, "n3", "1.5 2.5"),
        ((*ZONED, on("n3")), "n1", "1.5 2.5 3.5"),
        ((*ZONED, on("n3", **UNREADY)), "n1", "1.5"),
        ((ZONED[1],), "n1", "2.5"),
        (NODED, "n1", "1.5"),
        (NODED, "n2", "2.5"),
        ((*NODED[1:], on("n3", zone_hints=("z1",), node_hints=("n3",))), "n1", "1.6 3.5"),
    ],
    ids=[
        "own zone",
        "other zone",
        "node without zone",
        "one without hint",
        "unready do not count",
        "none for this zone",
        "own node",
        "other node",
        "none for this node, but for its zone",
    ],
)
def test_hints(endpoints: tuple[SliceEndpoint, ...], at: str, expected: str) -> None:
    assert shown(ask(cluster(*endpoints), at=at)) == expected


def test_hints_do_not_bind_external_traffic_policy_local() -> None:
    service = structs.replace(SERVICE, external_traffic_policy="Local")
    inventory = cluster(on("n1", zone_hints=("z2",)), on("n2", zone_hints=("z1",)), service=service)
    assert shown(ask(inventory, Via.NODE_PORT, OUTSIDE)) == "1.5"
    assert shown(ask(inventory, Via.NODE_PORT, POD)) == "2.5"


@pytest.mark.parametrize(
    ("source", "via", "expected"),
    [
        ("198.18.0.1", Via.LOAD_BALANCER, "1.5* 2.5*"),
        ("198.19.0.1", Via.LOAD_BALANCER, "drop"),
        ("198.19.0.1", Via.NODE_PORT, "1.5* 2.5*"),
        ("198.19.0.1", Via.EXTERNAL_IP, "1.5* 2.5*"),
        ("198.19.0.1", Via.CLUSTER_IP, "1.5* 2.5*"),
        ("203.0.113.1", Via.LOAD_BALANCER, "1.5* 2.5*"),
        ("", Via.LOAD_BALANCER, "unknown"),
    ],
)
def test_source_ranges_guard_load_balancer_addresses_only(
    source: str, via: Via, expected: str
) -> None:
    ranges = (parse_prefix("198.18.0.0/16"), parse_prefix("192.0.2.1/32"), parse_prefix("fd00::/8"))
    service = structs.replace(SERVICE, source_ranges=ranges)
    client = Client(ClientKind.EXTERNAL, parse_ip(source) if source else None)
    assert shown(ask(cluster(*BOTH, service=service), via, client)) == expected


def test_source_ranges_of_the_other_family_do_not_guard() -> None:
    service = structs.replace(SERVICE, source_ranges=(parse_prefix("fd00::/8"),))
    view = ask(cluster(*BOTH, service=service), Via.LOAD_BALANCER, OUTSIDE)
    assert view.effect is Effect.BACKENDS


@pytest.mark.parametrize(
    ("config", "client", "expected"),
    [
        (CONFIG, Client(ClientKind.POD, parse_ip("10.244.1.5")), "1.5* 2.5"),
        (CONFIG, Client(ClientKind.POD, parse_ip("10.9.9.9")), "1.5* 2.5*"),
        (ProxyConfig(), NODE, "1.5 2.5"),
        (structs.replace(CONFIG, masquerade_all=True), POD, "1.5* 2.5*"),
        (ProxyConfig(detect_local_mode="BridgeInterface"), POD, "1.5 2.5"),
        (ProxyConfig(detect_local_mode="BridgeInterface"), NODE, "1.5* 2.5*"),
        (
            structs.replace(CONFIG, mode=ProxyMode.NFTABLES),
            Client(ClientKind.POD, parse_ip("10.244.2.5")),
            "1.5 2.5",
        ),
    ],
    ids=[
        "hairpin",
        "pod outside the cluster CIDR",
        "no cluster CIDR",
        "masqueradeAll",
        "pod by interface",
        "node by interface",
        "nftables knows hairpins of its own node only",
    ],
)
def test_masquerade_of_the_cluster_ip(config: ProxyConfig, client: Client, expected: str) -> None:
    assert shown(ask(cluster(*BOTH), client=client, config=config)) == expected


@pytest.mark.parametrize(
    ("changes", "via", "reason"),
    [
        ({"type": "ExternalName"}, Via.CLUSTER_IP, "ExternalName"),
        ({"headless": True, "cluster_ips": ()}, Via.CLUSTER_IP, "headless"),
        ({"cluster_ips": (parse_ip("fd00::1"),)}, Via.CLUSTER_IP, "no IPv4 ClusterIP"),
        ({"labels": {"service.kubernetes.io/service-proxy-name": "x"}}, Via.CLUSTER_IP, "proxy"),
        (
            {"ingress": (Ingress(parse_ip("203.0.113.1"), "", "Proxy"),)},
            Via.LOAD_BALANCER,
            "ipMode Proxy",
        ),
        ({"external_ips": ()}, Via.EXTERNAL_IP, "no such"),
        ({"ports": (ServicePort(80, name="http"),)}, Via.NODE_PORT, "no NodePort"),
    ],
    ids=["ExternalName", "headless", "family", "other proxy", "ipMode", "external", "NodePort"],
)
def test_not_programmed(changes: dict[str, object], via: Via, reason: str) -> None:
    service = structs.replace(SERVICE, **changes)
    view = ask(cluster(*BOTH, service=service), via)
    assert view.effect is Effect.PASS
    assert reason in view.reason


@pytest.mark.parametrize(
    ("config", "address", "effect"),
    [
        (CONFIG, "192.0.2.1", Effect.BACKENDS),
        (CONFIG, "10.244.1.1", Effect.BACKENDS),
        (CONFIG, "127.0.0.1", Effect.BACKENDS),
        (structs.replace(CONFIG, localhost_node_ports=False), "127.0.0.1", Effect.PASS),
        (structs.replace(CONFIG, mode=ProxyMode.NFTABLES), "192.0.2.1", Effect.BACKENDS),
        (structs.replace(CONFIG, mode=ProxyMode.NFTABLES), "10.244.1.1", Effect.PASS),
        (structs.replace(CONFIG, mode=ProxyMode.NFTABLES), "127.0.0.1", Effect.PASS),
        (structs.replace(CONFIG, primary_node_ports=True), "10.244.1.1", Effect.PASS),
        (
            structs.replace(CONFIG, node_port_addresses=(parse_prefix("10.0.0.0/8"),)),
            "192.0.2.1",
            Effect.PASS,
        ),
    ],
)
def test_addresses_that_serve_node_ports(config: ProxyConfig, address: str, effect: Effect) -> None:
    view = ask(cluster(*BOTH), Via.NODE_PORT, NODE, config=config, address=address, local=True)
    assert view.effect is effect


@pytest.mark.parametrize(
    ("mode", "client", "local", "effect"),
    [
        (ProxyMode.IPTABLES, NODE, False, Effect.PASS),
        (ProxyMode.IPTABLES, NODE, True, Effect.REJECT),
        (ProxyMode.IPTABLES, POD, False, Effect.REJECT),
        (ProxyMode.NFTABLES, NODE, False, Effect.REJECT),
    ],
)
def test_who_is_rejected_without_endpoints(
    mode: ProxyMode, client: Client, local: bool, effect: Effect
) -> None:
    config = structs.replace(CONFIG, mode=mode)
    assert ask(cluster(), Via.LOAD_BALANCER, client, config=config, local=local).effect is effect


@pytest.mark.parametrize("mode", [ProxyMode.EBPF, ProxyMode.UNKNOWN])
def test_unknown_proxies_are_unknown(mode: ProxyMode) -> None:
    assert ask(cluster(*BOTH), config=ProxyConfig(mode=mode)).effect is Effect.UNKNOWN


def test_why_endpoints_are_not_used() -> None:
    service = structs.replace(SERVICE, external_traffic_policy="Local")
    slices = [
        EndpointSlice(
            namespace="shop",
            name="web-1",
            service="web",
            ports=(EndpointPort(8080, "http"),),
            endpoints=(
                on("n1"),
                on("n1", "6", **UNREADY),
                on("n1", "7", **TERMINATING),
                on("n1", "8", **GONE),
                on("n2"),
            ),
        ),
        EndpointSlice(
            namespace="shop",
            name="web-2",
            service="web",
            ports=(EndpointPort(9090, "metrics"),),
            endpoints=(on("n3"),),
        ),
        EndpointSlice(
            namespace="shop",
            name="web-3",
            service="web",
            address_type="IPv6",
            ports=(EndpointPort(8080, "http"),),
            endpoints=(SliceEndpoint(addresses=(parse_ip("fd00::5"),)),),
        ),
    ]
    inventory = build_inventory(nodes=NODES, services=[service], endpoint_slices=slices)
    view = ask(inventory, Via.NODE_PORT, OUTSIDE)
    assert shown(view) == "1.5"
    assert {(each.who, each.why) for each in view.unused} == {
        ("pod shop/web-n1-6", UnusedWhy.NOT_READY),
        ("pod shop/web-n1-7", UnusedWhy.TERMINATING),
        ("pod shop/web-n1-8", UnusedWhy.TERMINATING),
        ("pod shop/web-n2-5", UnusedWhy.NOT_LOCAL),
        ("pod shop/web-n3-5", UnusedWhy.PORT_UNRESOLVED),
        ("fd00::5", UnusedWhy.WRONG_FAMILY),
    }
    hinted = ask(cluster(*ZONED))
    assert [(each.who, each.why) for each in hinted.unused] == [
        ("pod shop/web-n2-5", UnusedWhy.HINTS)
    ]
    assert "z2" in hinted.unused[0].text


def test_slice_details() -> None:
    """Duplicates are one endpoint, only first addresses count, ports without number are ignored."""
    twice = SliceEndpoint(addresses=(parse_ip("10.244.1.5"), parse_ip("10.244.1.99")), node="n1")
    slices = [
        EndpointSlice(
            namespace="shop",
            name=f"web-{number}",
            service="web",
            ports=(EndpointPort(8080, "http"), EndpointPort(0, "http")),
            endpoints=(twice, SliceEndpoint()),
        )
        for number in range(2)
    ]
    hidden = structs.replace(
        slices[0],
        labels={"service.kubernetes.io/headless": ""},
        endpoints=(on("n2"),),
    )
    inventory = build_inventory(nodes=NODES, services=[SERVICE], endpoint_slices=[*slices, hidden])
    assert shown(ask(inventory)) == "1.5"


@pytest.mark.parametrize(
    ("address", "port", "protocol", "local", "via"),
    [
        ("10.96.0.1", 80, "TCP", False, Via.CLUSTER_IP),
        ("198.51.100.1", 80, "TCP", False, Via.EXTERNAL_IP),
        ("203.0.113.1", 80, "TCP", False, Via.LOAD_BALANCER),
        ("203.0.113.1", 30080, "TCP", True, Via.NODE_PORT),
        ("192.0.2.1", 30080, "TCP", True, Via.NODE_PORT),
        ("192.0.2.1", 30080, "TCP", False, None),
        ("10.96.0.1", 81, "TCP", False, None),
        ("10.96.0.1", 80, "UDP", False, None),
        ("10.244.1.5", 8080, "TCP", False, None),
        ("192.0.2.1", 0, "TCP", True, None),
    ],
)
def test_find_destination(
    address: str, port: int, protocol: str, local: bool, via: Via | None
) -> None:
    found = find_destination(cluster(*BOTH), parse_ip(address), port, protocol, local=local)
    assert (found.via if found else None) is via
