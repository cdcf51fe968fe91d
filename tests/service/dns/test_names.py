"""What a pod's resolver tries, and what the cluster's DNS answers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import format_ip, parse_ip
from skoop.model.kube import (
    ConfigMap,
    Container,
    DnsConfig,
    EndpointPort,
    EndpointSlice,
    Namespace,
    Pod,
    Service,
    ServicePort,
    SliceEndpoint,
    Workload,
    build_inventory,
)
from skoop.service.dns import AnswerKind, answer, cluster_dns, resolver_of
from skoop.service.dns.resolver import Source

DOMAIN = "cluster.local"
DNS = Service(
    namespace="kube-system", name="kube-dns", cluster_ips=(parse_ip("10.96.0.10"),),
    ports=(ServicePort(53, "UDP", "dns"), ServicePort(53, "TCP", "dns-tcp")),
)  # fmt: skip
INVENTORY = build_inventory(
    namespaces=[Namespace("shop")],
    services=[
        DNS,
        Service(namespace="shop", name="web", cluster_ips=(parse_ip("10.96.0.1"),)),
        Service(namespace="shop", name="db", headless=True),
        Service(namespace="shop", name="empty", headless=True),
        Service(namespace="shop", name="far", type="ExternalName", external_name="example.com"),
    ],
    endpoint_slices=[
        EndpointSlice(
            namespace="shop", name="db-1", service="db", ports=(EndpointPort(5432),),
            endpoints=(
                SliceEndpoint(addresses=(parse_ip("10.244.1.2"),), hostname="db-0"),
                SliceEndpoint(addresses=(parse_ip("10.244.1.3"),), hostname="db-1", ready=False),
            ),
        )
    ],
)  # fmt: skip
POD = Pod(namespace="shop", name="cli")
SEARCH = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")

TRIED = {
    "short": (POD, "web", [*(f"web.{each}" for each in SEARCH), "web"]),
    "with its namespace": (POD, "web.shop", [*(f"web.shop.{each}" for each in SEARCH), "web.shop"]),
    "five dots": (POD, "a.b.c.d.e.f", ["a.b.c.d.e.f", *(f"a.b.c.d.e.f.{each}" for each in SEARCH)]),
    "a dot at the end": (POD, "web.shop.", ["web.shop"]),
    "ndots of its own": (
        replace(POD, dns_config=DnsConfig(ndots=1)), "web.shop",
        ["web.shop", *(f"web.shop.{each}" for each in SEARCH)],
    ),
    "searches of its own": (
        replace(POD, dns_config=DnsConfig(searches=("corp",))), "web",
        [*(f"web.{each}" for each in SEARCH), "web.corp", "web"],
    ),
    "no policy": (
        replace(POD, dns_policy="None", dns_config=DnsConfig(searches=("corp",))), "web",
        ["web.corp", "web"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TRIED)
def test_names_tried(case: str) -> None:
    pod, name, tried = TRIED[case]
    assert list(resolver_of(pod, cluster_dns(INVENTORY), DOMAIN).tried(name)) == tried


SERVERS = {
    "the cluster's": (POD, "10.96.0.10", Source.CLUSTER),
    "and one of its own": (
        replace(POD, dns_config=DnsConfig((parse_ip("1.1.1.1"),))), "10.96.0.10 1.1.1.1",
        Source.CLUSTER,
    ),
    "None": (
        replace(POD, dns_policy="None", dns_config=DnsConfig((parse_ip("1.1.1.1"),))), "1.1.1.1",
        Source.POD,
    ),
    "Default": (replace(POD, dns_policy="Default"), "", Source.NODE),
    "host network": (replace(POD, host_network=True), "", Source.NODE),
    "host network, asked for": (
        replace(POD, host_network=True, dns_policy="ClusterFirstWithHostNet"), "10.96.0.10",
        Source.CLUSTER,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVERS)
def test_name_servers(case: str) -> None:
    pod, servers, source = SERVERS[case]
    found = resolver_of(pod, cluster_dns(INVENTORY), DOMAIN)
    assert " ".join(format_ip(*each) for each in found.nameservers) == servers
    assert found.source is source


def test_kubelet_may_give_a_cache_of_the_node() -> None:
    kubelet = "clusterDNS:\n- 169.254.20.10\nclusterDomain: cluster.local\n"
    args = ("-localip", "169.254.20.10,10.96.0.10", "-conf", "/etc/Corefile")
    inventory = build_inventory(
        services=[DNS],
        config_maps=[ConfigMap("kube-system", "kubelet-config", {"kubelet": kubelet})],
        daemon_sets=[
            Workload(
                kind="DaemonSet", namespace="kube-system", name="node-local-dns",
                containers=(Container(name="node-cache", args=args),),
            )
        ],
    )  # fmt: skip
    found = cluster_dns(inventory)
    assert [format_ip(*each) for each in found.given] == ["169.254.20.10"]
    assert [format_ip(*each) for each in found.local] == ["169.254.20.10", "10.96.0.10"]
    assert found.local_set == "kube-system/node-local-dns"


ANSWERS = {
    "web.shop.svc.cluster.local": (AnswerKind.SERVICE, "10.96.0.1"),
    "WEB.shop.svc.cluster.local.": (AnswerKind.SERVICE, "10.96.0.1"),
    "db.shop.svc.cluster.local": (AnswerKind.HEADLESS, "10.244.1.2"),
    "db-0.db.shop.svc.cluster.local": (AnswerKind.POD, "10.244.1.2"),
    "10-244-1-2.db.shop.svc.cluster.local": (AnswerKind.POD, "10.244.1.2"),
    "db-1.db.shop.svc.cluster.local": (AnswerKind.NXDOMAIN, ""),
    "empty.shop.svc.cluster.local": (AnswerKind.NO_DATA, ""),
    "far.shop.svc.cluster.local": (AnswerKind.ALIAS, ""),
    "10-244-9-9.shop.pod.cluster.local": (AnswerKind.POD, "10.244.9.9"),
    "10-244-9-9.nowhere.pod.cluster.local": (AnswerKind.NXDOMAIN, ""),
    "x.shop.pod.cluster.local": (AnswerKind.NXDOMAIN, ""),
    "web.nowhere.svc.cluster.local": (AnswerKind.NXDOMAIN, ""),
    "web.shop.cluster.local": (AnswerKind.NXDOMAIN, ""),
    "web.shop": (AnswerKind.OUTSIDE, ""),
    "example.com": (AnswerKind.OUTSIDE, ""),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name: str) -> None:
    kind, ips = ANSWERS[name]
    found = answer(INVENTORY, name, DOMAIN)
    assert found.kind is kind
    assert " ".join(format_ip(*each) for each in found.ips) == ips
