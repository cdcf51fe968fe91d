"""nodePortAddresses and detectLocalMode: what rules they ask for, in each mode."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec import structs

from skoop.model.address import Family, format_ip, parse_ip, parse_prefix
from skoop.model.kube import (
    EndpointPort,
    EndpointSlice,
    Inventory,
    Node,
    Pod,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.model.kube.node import NodeAddress
from skoop.model.kube.service import Ingress
from skoop.netstack.iptables.parse import parse
from skoop.service import Client, ClientKind, ProxyMode, Question, Via
from skoop.service import ProxyConfig as Config
from skoop.service.difference import DifferenceKind
from skoop.service.expected import Effect, expected_backends
from skoop.service.iptables import audit as audit_iptables
from skoop.service.nftables import audit as audit_nftables
from skoop.service.nftables import compile_rules
from skoop.service.nodeports import serves_node_ports
from skoop.service.plan import plan_node

K = DifferenceKind
NODE = Node(
    name="k1",
    addresses=tuple(
        NodeAddress("InternalIP", parse_ip(ip)) for ip in ("172.30.1.11", "192.0.2.1", "fd00::11")
    ),
    pod_cidrs=(parse_prefix("10.244.1.0/24"),),
)


def listed(*ranges: str) -> Any:
    return tuple(parse_prefix(each) for each in ranges)


NFT = Config(mode=ProxyMode.NFTABLES)
SERVED: dict[str, tuple[Config, str]] = {
    "every address": (Config(), "172.30.1.11 192.0.2.1 fd00::11 127.0.0.1 127.0.0.2"),
    "not localhost": (Config(localhost_node_ports=False), "172.30.1.11 192.0.2.1 fd00::11"),
    "one family's range leaves the other's alone": (
        Config(node_port_addresses=listed("172.30.0.0/16")), "172.30.1.11 fd00::11",
    ),
    "the other family's range": (
        Config(node_port_addresses=listed("fd01::/16")),
        "172.30.1.11 192.0.2.1 127.0.0.1 127.0.0.2",
    ),
    "a whole range beside another": (
        Config(node_port_addresses=listed("192.0.2.0/24", "0.0.0.0/0")),
        "172.30.1.11 192.0.2.1 fd00::11 127.0.0.1 127.0.0.2",
    ),
    "loopback's own range": (
        Config(node_port_addresses=listed("127.0.0.0/8")), "fd00::11 127.0.0.1",
    ),
    "primary": (Config(primary_node_ports=True), "172.30.1.11 fd00::11"),
    "nftables": (NFT, "172.30.1.11 fd00::11"),
    "nftables, every address": (
        structs.replace(NFT, node_port_addresses=listed("0.0.0.0/0")),
        "172.30.1.11 192.0.2.1 fd00::11",
    ),
    "ipvs": (Config(mode=ProxyMode.IPVS), "172.30.1.11 192.0.2.1 fd00::11"),
}  # fmt: skip


@pytest.mark.parametrize(("config", "expected"), SERVED.values(), ids=SERVED)
def test_addresses_that_serve_node_ports(config: Config, expected: str) -> None:
    every = ("172.30.1.11", "192.0.2.1", "fd00::11", "127.0.0.1", "127.0.0.2", "::1")
    served = [ip for ip in every if serves_node_ports(parse_ip(ip), NODE, config)]
    assert served == [format_ip(*parse_ip(ip)) for ip in expected.split()]


JUMP = r"-A KUBE-SERVICES .*-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"
LIMITED = "-A KUBE-SERVICES -d 172.30.0.11/32 -j KUBE-NODEPORTS"
OTHER = "-A KUBE-SERVICES -d 10.244.1.1/32 -j KUBE-NODEPORTS"
WITHOUT = "-A KUBE-SERVICES ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"
LOCALNET = r"\n-A KUBE-FIREWALL [^\n]*"
NODES = structs.replace(Config(), node_port_addresses=listed("172.30.0.0/16"))
NONE = structs.replace(Config(), node_port_addresses=listed("198.51.100.0/24"))
NO_LOCALHOST = structs.replace(Config(), localhost_node_ports=False)
DOORS: dict[str, tuple[Config, str, set[DifferenceKind]]] = {
    "as by default": (Config(), "", set()),
    "one address": (NODES, LIMITED, set()),
    "an address that is not listed": (NODES, f"{LIMITED}\n{OTHER}", {K.RULE_FOREIGN}),
    "a listed address is not served": (NODES, "#", {K.NODE_ADDRESS_UNLISTED}),
    "every address is served": (NODES, JUMP.replace(".*", ""),
                                {K.RULE_FOREIGN, K.NODE_ADDRESS_UNLISTED}),
    "another condition": (NODES, LIMITED.replace("-j", "-s 192.0.2.9/32 -j"),
                          {K.RULE_FOREIGN, K.NODE_ADDRESS_UNLISTED}),
    "no address of the node": (NONE, "#", set()),
    "limited without being told": (Config(), LIMITED, {K.HOOK_MISSING}),
    "without localhost": (NO_LOCALHOST, WITHOUT, set()),
    "localhost although forbidden": (NO_LOCALHOST, "", {K.HOOK_MISSING}),
}  # fmt: skip


@pytest.mark.parametrize(("config", "jumps", "kinds"), DOORS.values(), ids=DOORS)
def test_jumps_to_node_ports(
    recorded: Any, config: Config, jumps: str, kinds: set[DifferenceKind]
) -> None:
    """iptables mode: the rules of a real cluster with another end of KUBE-SERVICES."""
    config = structs.replace(config, cluster_cidrs=recorded.config.cluster_cidrs)
    plans = plan_node(recorded.inventory, node="k1", family=Family.V4, config=config)
    text = recorded.rules["k1"]
    if jumps:
        text, count = re.subn(f"^{JUMP}$", jumps, text, flags=re.MULTILINE)
        assert count == 1
    found = audit_iptables(plans, parse(text, "iptables"))
    assert {each.kind for each in found} == kinds, found


def test_kube_firewall_may_be_empty_where_localhost_serves_no_node_ports(recorded: Any) -> None:
    text, count = re.subn(LOCALNET, "", recorded.rules["k1"])
    assert count == 1
    for config, expected in ((Config(), {K.RULE_ORDER}), (NO_LOCALHOST, set())):
        complete = structs.replace(config, cluster_cidrs=recorded.config.cluster_cidrs)
        plans = plan_node(recorded.inventory, node="k1", family=Family.V4, config=complete)
        rules = re.sub(JUMP, WITHOUT, text) if expected == set() else text
        assert {each.kind for each in audit_iptables(plans, parse(rules, "iptables"))} == expected


SERVICE = Service(
    namespace="t", name="web", type="LoadBalancer", cluster_ips=(parse_ip("10.96.0.9"),),
    ip_families=(Family.V4,), ports=(ServicePort(80, "TCP", "http", 80, 30080),),
    ingress=(), source_ranges=(),
)  # fmt: skip


def known(service: Service = SERVICE) -> Inventory:
    return build_inventory(nodes=[NODE], services=[service])


DETECTED: dict[str, tuple[Config, str]] = {
    "ClusterCIDR": (Config(cluster_cidrs=listed("10.244.0.0/16", "10.0.0.0/8")), "10.244.0.0/16"),
    "ClusterCIDR of the other family": (Config(cluster_cidrs=listed("fd00::/64")), "none"),
    "NodeCIDR": (Config(detect_local_mode="NodeCIDR"), "10.244.1.0/24"),
    "bridge": (Config(detect_local_mode="BridgeInterface", pod_interface="cni0"), "cni0"),
    "prefix": (Config(detect_local_mode="InterfaceNamePrefix", pod_interface="veth*"), "veth*"),
    "a mode nobody knows": (Config(detect_local_mode="Another"), "none"),
}


@pytest.mark.parametrize(("config", "told"), DETECTED.values(), ids=DETECTED)
def test_by_what_pods_are_told(config: Config, told: str) -> None:
    (plan,) = plan_node(known(), node="k1", family=Family.V4, config=config)
    by = [*map(str, plan.pod_ranges), *filter(None, [plan.pod_interface])]
    assert (by or ["none"]) == [told]
    assert plan.detects_local == (told != "none")


def test_node_cidr_of_one_family_detects_nothing_in_the_other() -> None:
    service = structs.replace(SERVICE, cluster_ips=(parse_ip("fd00:96::9"),))
    config = Config(detect_local_mode="NodeCIDR")
    (plan,) = plan_node(known(service), node="k1", family=Family.V6, config=config)
    assert not plan.detects_local


@pytest.mark.parametrize("mode", [ProxyMode.IPTABLES, ProxyMode.NFTABLES, ProxyMode.IPVS])
def test_source_ranges_without_endpoints(mode: ProxyMode) -> None:
    """iptables mode guards load balancer IPs only where there are endpoints; the others drop
    strangers before they are rejected."""
    service = structs.replace(
        SERVICE, ingress=(Ingress(parse_ip("203.0.113.1"), "", "VIP"),),
        source_ranges=listed("198.51.100.0/24"),
    )  # fmt: skip
    question = Question(
        service=service, port=service.ports[0], via=Via.LOAD_BALANCER, family=Family.V4, node="k1",
        client=Client(ClientKind.EXTERNAL, parse_ip("192.0.2.77")),
    )  # fmt: skip
    view = expected_backends(known(service), question, Config(mode=mode))
    expected = Effect.REJECT if mode is ProxyMode.IPTABLES else Effect.DROP
    assert view.effect is expected


HEAD = """table ip kube-proxy {
 map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
 map service-nodeports { type inet_proto . inet_service : verdict; }
 set hairpin-connections { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }
"""
OWN = " set nodeport-ips {{ type ipv4_addr; elements = {{ {} }} }}\n"
CHAINS = """ chain services {{
  ip daddr . meta l4proto . th dport vmap @service-ips
  {}meta l4proto . th dport vmap @service-nodeports
 }}
 chain nodeport-endpoints-check {{
  {}meta l4proto . th dport vmap @no-endpoint-nodeports
 }}
}}
"""
EVERY = ("fib daddr type local ip daddr != 127.0.0.0/8 ", "ip daddr != 127.0.0.0/8 ")
SET = ("ip daddr @nodeport-ips ", "ip daddr @nodeport-ips ")
ZERO = structs.replace(NFT, node_port_addresses=listed("0.0.0.0/0"))
LOOKUPS: dict[str, tuple[Config, str, tuple[str, str], set[str]]] = {
    "primary": (NFT, OWN.format("172.30.1.11"), SET, set()),
    "every address": (ZERO, "", EVERY, set()),
    "a set, though it is to be every address": (
        ZERO, OWN.format("172.30.1.11"), SET, {"services", "nodeport-endpoints-check"},
    ),
    "every address, though it is to be a set": (
        NFT, "", EVERY, {"services", "nodeport-endpoints-check"},
    ),
    "loopback, too": (ZERO, "", ("fib daddr type local ", ""),
                      {"services", "nodeport-endpoints-check"}),
    "an address that is not listed": (
        NFT, OWN.format("172.30.1.11, 192.0.2.1"), SET, {"nodeport-ips"},
    ),
    "a listed address is missing": (NFT, OWN.format("192.0.2.9"), SET, {"nodeport-ips"}),
}  # fmt: skip


@pytest.mark.parametrize(("config", "own", "conditions", "chains"), LOOKUPS.values(), ids=LOOKUPS)
def test_lookups_of_node_ports(
    config: Config, own: str, conditions: tuple[str, str], chains: set[str]
) -> None:
    """nftables mode."""
    rules = compile_rules(HEAD + own + CHAINS.format(*conditions), Family.V4, "nft")
    plans = plan_node(known(), node="k1", family=Family.V4, config=config)
    about = {"services", "nodeport-endpoints-check", "nodeport-ips"}
    found = {each.chain for each in audit_nftables(plans, rules)}
    assert found & about == chains


LOCAL = structs.replace(SERVICE, external_traffic_policy="Local")
SLICE = EndpointSlice(
    namespace="t", name="web-1", service="web", ports=(EndpointPort(80, "http", "TCP"),),
    endpoints=(SliceEndpoint(addresses=(parse_ip("10.244.2.9"),), node="k2", ready=True),),
)  # fmt: skip
POD = Pod(namespace="t", name="cli", node="k1", ips=(parse_ip("10.244.1.5"),))
BRIDGE = Config(detect_local_mode="BridgeInterface", pod_interface="cni0")
PREFIX = Config(detect_local_mode="InterfaceNamePrefix", pod_interface="veth*")
STRANGERS: dict[str, tuple[Config, str, str]] = {
    "its prefix": (Config(cluster_cidrs=listed("10.244.0.0/16")), "cni0", ""),
    "another prefix": (
        Config(cluster_cidrs=listed("10.200.0.0/16")), "cni0",
        "ClusterCIDR: 10.200.0.0/16, not 10.244.1.5",
    ),
    "no prefix": (Config(), "cni0", "ClusterCIDR without a value"),
    "its bridge": (BRIDGE, "cni0", ""),
    "another bridge": (BRIDGE, "docker0", "BridgeInterface: interface cni0, not docker0"),
    "ports of a bridge are no entrances": (
        PREFIX, "cni0", "InterfaceNamePrefix: interface veth*, not cni0",
    ),
    "a veth that is routed": (PREFIX, "veth1234", ""),
    "an interface that is not known": (BRIDGE, "", ""),
}  # fmt: skip


@pytest.mark.parametrize(("config", "device", "why"), STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("mode", [ProxyMode.IPTABLES, ProxyMode.NFTABLES])
def test_a_pod_that_kube_proxy_takes_for_a_stranger(
    mode: ProxyMode, config: Config, device: str, why: str
) -> None:
    """It bypasses externalTrafficPolicy Local only where it is known for a pod."""
    question = Question(
        service=LOCAL, port=LOCAL.ports[0], via=Via.NODE_PORT, family=Family.V4, node="k1",
        client=Client(ClientKind.POD, POD.ips[0], device),
    )  # fmt: skip
    inventory = build_inventory(nodes=[NODE], pods=[POD], services=[LOCAL], endpoint_slices=[SLICE])
    view = expected_backends(inventory, question, structs.replace(config, mode=mode))
    assert view.effect is (Effect.DROP if why else Effect.BACKENDS)
    assert why in view.reason
