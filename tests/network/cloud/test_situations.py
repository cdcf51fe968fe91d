"""What is wrong with a cloud, and what skoop says of it: verdict, first cause, its global id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skoop.findings import cloud
from skoop.model.address import parse_ip
from skoop.model.disposition import Direction
from skoop.model.kube import Ingress, Service, ServicePort
from tests.network.cloud.kit import (
    REGION,
    ask,
    changed,
    first,
    inventory,
    plus,
    plus_part,
    with_fields,
    with_part,
    without,
    without_part,
)

ANY = {"kind": "cidr", "cidr": "0.0.0.0/0"}
ROUTES = ("route_tables", "vtb-1", "routes")
RULES = ("security_groups", "sg-1", "rules")
UNREACHABLE = "unreachable"


def case(
    changes: list[Any], ends: str, cause: str, place: str, verdict: str = UNREACHABLE, **rest: Any
) -> Any:
    """`ends` is "SRC DST PORT"."""
    return (changes, ends.split(), f"cloud-{cause}", f"{REGION}/{place}", verdict, rest)


OTHER_VPC = [
    plus("vpcs", id="vpc-2", cidrs=["192.168.0.0/16"]),
    plus("subnets", id="sub-x", vpc="vpc-2", cidrs=["192.168.0.0/24"]),
    plus("route_tables", id="vtb-2", vpc="vpc-2", main=True, routes=[
        {"id": "local", "destination": "192.168.0.0/16", "origin": "system",
         "next_hops": [{"kind": "local"}]},
        {"id": "back", "destination": "172.30.0.0/16",
         "next_hops": [{"kind": "peering", "id": "pcx-1"}]},
    ]),
    plus("instances", id="i-x", vpc="vpc-2", subnet="sub-x"),
    plus("interfaces", id="eni-x", vpc="vpc-2", subnet="sub-x", instance="i-x", primary=True,
         addresses=["192.168.0.9"]),
]  # fmt: skip
PEERING = plus("peerings", id="pcx-1", ends=[{"vpc": "vpc-1"}, {"vpc": "vpc-2"}])
TO_PEER = plus_part(*ROUTES, id="peer", destination="192.168.0.0/16",
                    next_hops=[{"kind": "peering", "id": "pcx-1"}])  # fmt: skip

CASES = {
    # --- interfaces
    "instance stopped": case(
        [with_fields("instances", "i-2", running=False, status="Stopped")],
        "a1 b1 80", "nic-instance-stopped", "i-2",
    ),
    "sender's instance stopped": case(
        [with_fields("instances", "i-1", running=False)], "k1 k2 80", "nic-instance-stopped", "i-1",
    ),
    "interface detached": case(
        [with_fields("interfaces", "eni-2", attached=False, status="Detaching")],
        "a1 b1 80", "nic-detached", "eni-2",
    ),
    "source check": case(
        [with_fields("interfaces", "eni-1", check=True)], "a1 b1 80", "nic-source-dest-check",
        "eni-1",
    ),
    "destination check": case(
        [with_fields("interfaces", "eni-2", check=True)], "a1 b1 80", "nic-source-dest-check",
        "eni-2",
    ),
    "pod address of the VPC on no interface": case(
        [with_fields("vpcs", "vpc-1", cidrs=["172.30.0.0/16", "10.244.0.0/16"]),
         plus_part(*ROUTES, id="local-2", destination="10.244.0.0/16", origin="system",
                   next_hops=[{"kind": "local"}]),
         without_part(*ROUTES, "pods-1", "pods-2")],
        "a1 b1 80", "nic-pod-ip-unassigned", "vpc-1",
    ),
    # --- security groups
    "no ingress rule": case(
        [without_part(*RULES, "nodes")], "k1 k2 443", "sg-no-ingress-rule", "sg-1",
    ),
    "no egress rule": case(
        [with_fields("security_groups", "sg-1", egress_default="drop"),
         plus_part(*RULES, id="dns", way="egress", protocol=17, ports="53")],
        "k1 k2 80", "sg-no-egress-rule", "sg-1",
    ),
    "deny of a smaller priority": case(
        [with_part(*RULES, "nodes", priority=50),
         plus_part(*RULES, id="no", way="ingress", action="drop", priority=1, peer=ANY)],
        "k1 k2 443", "sg-explicit-deny-priority", "sg-1/no",
    ),
    "deny of an equal priority": case(
        [plus_part(*RULES, at=9, id="no", way="ingress", action="drop", peer=ANY)],
        "k1 k2 80", "sg-explicit-deny-priority", "sg-1/no",
    ),
    "deny out": case(
        [plus_part(*RULES, id="no", way="egress", action="drop", peer=ANY)],
        "k1 k2 80", "sg-explicit-deny-priority", "sg-1/no",
    ),
    "empty group": case(
        [with_fields("security_groups", "sg-1", rules=[])], "k1 k2 80", "sg-empty", "sg-1",
    ),
    "group reference and a pod's address": case(
        [with_fields("security_groups", "sg-1", rules=[
            {"id": "us", "way": "ingress", "peer": {"kind": "group", "id": "sg-1"}}])],
        "a1 b1 80", "sg-reference-not-preserved", "sg-1",
    ),
    "members isolated": case(
        [with_fields("security_groups", "sg-1", intra="drop", rules=[])],
        "k1 k2 80", "sg-intra-group-isolated", "sg-1",
    ),
    "pod network not allowed": case(
        [without_part(*RULES, "pods", "web")], "a1 b1 80", "sg-pod-cidr-not-allowed", "sg-1",
    ),
    "answers of a cloud without state": case(
        [with_fields("security_groups", "sg-1", egress_default="drop")],
        "internet 47.0.0.2 22", "sg-no-ingress-rule", "sg-1",
    ),
    # --- network ACLs
    "ACL in": case(
        [with_fields("network_acls", "acl-b", ingress=[])], "a1 b1 80", "acl-ingress-deny", "acl-b",
    ),
    "ACL out": case(
        [with_fields("network_acls", "acl-a", egress=[])], "a1 b1 80", "acl-egress-deny", "acl-a",
    ),
    "ACL drops the answer's port": case(
        [with_fields("network_acls", "acl-a", ingress=[
            {"id": "low", "action": "accept", "protocol": 6, "ports": "1-1024"}])],
        "a1 b1 80", "acl-return-ephemeral-deny", "acl-a", direction=Direction.RETURN,
    ),
    "ACL drops the answer on its way out": case(
        [with_fields("network_acls", "acl-b", egress=[
            {"id": "low", "action": "accept", "protocol": 6, "ports": "1-1024"}])],
        "a1 b1 80", "acl-return-ephemeral-deny", "acl-b", direction=Direction.RETURN,
    ),
    "ACL drops the answer from the internet": case(
        [with_fields("network_acls", "acl-a", ingress=[
            {"id": "low", "action": "accept", "protocol": 6, "ports": "1-1024"}])],
        "a1 internet 443", "acl-return-ephemeral-deny", "acl-a", direction=Direction.RETURN,
    ),
    "ACL rule too late": case(
        [with_fields("network_acls", "acl-b", ingress=[
            {"id": "no", "action": "drop"}, {"id": "web", "action": "accept", "protocol": 6}])],
        "a1 b1 80", "acl-rule-order", "acl-b/no",
    ),
    # --- routes
    "no route": case(
        [without_part(*ROUTES, "default")], "a1 192.168.7.7 80", "route-none", "vtb-1",
    ),
    "no route to pods": case(
        [without_part(*ROUTES, "pods-2")], "a1 b1 80", "route-pod-cidr-missing", "vtb-1",
    ),
    "no route back to pods": case(
        [without_part(*ROUTES, "pods-1")], "a1 b1 80", "route-pod-cidr-missing", "vtb-1",
        direction=Direction.RETURN,
    ),
    "route to another node": case(
        [with_part(*ROUTES, "pods-2", next_hops=[{"kind": "instance", "id": "i-1"}])],
        "a1 b1 80", "route-wrong-instance", "vtb-1/pods-2",
    ),
    "black hole": case(
        [with_part(*ROUTES, "pods-2", state="blackhole")], "a1 b1 80", "route-blackhole",
        "vtb-1/pods-2",
    ),
    "next hop is a black hole": case(
        [with_part(*ROUTES, "pods-2", next_hops=[{"kind": "blackhole"}])], "a1 b1 80",
        "route-blackhole", "vtb-1/pods-2",
    ),
    "route not in force": case(
        [with_part(*ROUTES, "pods-2", state="pending")], "a1 b1 80", "route-inactive",
        "vtb-1/pods-2",
    ),
    "more specific route": case(
        [plus_part(*ROUTES, id="steals", destination="10.244.2.0/28",
                   next_hops=[{"kind": "instance", "id": "i-1"}])],
        "a1 b1 80", "route-more-specific", "vtb-1/steals",
    ),
    "next hop is gone": case(
        [with_part(*ROUTES, "pods-2", next_hops=[{"kind": "instance", "id": "i-gone"}])],
        "a1 b1 80", "route-nexthop-gone", "vtb-1/pods-2",
    ),
    "route in another table": case(
        [without_part(*ROUTES, "pods-2"),
         plus("route_tables", id="vtb-other", vpc="vpc-1", routes=[
             {"id": "pods", "destination": "10.244.2.0/24",
              "next_hops": [{"kind": "instance", "id": "i-2"}]}])],
        "a1 b1 80", "route-table-not-associated", "vtb-other/pods",
    ),
    "table is full": case(
        [without_part(*ROUTES, "pods-2"), with_fields("route_tables", "vtb-1", quota=2)],
        "a1 b1 80", "route-quota-exceeded", "vtb-1",
    ),
    "no peering": case(
        [*OTHER_VPC], "k1 192.168.0.9 80", "route-peering-missing", "vpc-2",
    ),
    "peering not active": case(
        [*OTHER_VPC, PEERING, TO_PEER,
         with_fields("peerings", "pcx-1", active=False, status="Pending")],
        "k1 192.168.0.9 80", "route-peering-missing", "pcx-1",
    ),
    "no route over the peering": case(
        [*OTHER_VPC, PEERING], "k1 192.168.0.9 80", "route-peering-cidr-missing", "vtb-1",
    ),
    "no route back over the peering": case(
        [*OTHER_VPC, PEERING, TO_PEER,
         without_part("route_tables", "vtb-2", "routes", "back")],
        "k1 192.168.0.9 80", "route-peering-cidr-missing", "vtb-2", direction=Direction.RETURN,
    ),
    # --- NAT and public addresses
    "no public address": case(
        [with_part(*ROUTES, "default", next_hops=[{"kind": "internet gateway", "id": "igw"}])],
        "k1 internet 443", "nat-no-public-ip", "eni-1",
    ),
    "no gateway in the VPC": case(
        [without_part(*ROUTES, "default"), without("nat_gateways", "ngw-1")],
        "k1 internet 443", "nat-gateway-missing", "eni-1",
    ),
    "the gateway of the route is gone": case(
        [without("nat_gateways", "ngw-1")], "k1 internet 443", "nat-gateway-missing", "eni-1",
    ),
    "gateway not active": case(
        [with_fields("nat_gateways", "ngw-1", active=False, status="Deleting")],
        "k1 internet 443", "nat-gateway-missing", "ngw-1",
    ),
    "gateway for private networks": case(
        [with_fields("nat_gateways", "ngw-1", public=False)], "k1 internet 443",
        "nat-gateway-missing", "ngw-1",
    ),
    "no SNAT entry for the node": case(
        [without_part("nat_gateways", "ngw-1", "snat", "snat-a")], "k1 internet 443",
        "nat-snat-entry-missing", "ngw-1",
    ),
    "no SNAT entry for pods": case(
        [without_part("nat_gateways", "ngw-1", "snat", "snat-pods")], "a1 internet 443",
        "nat-snat-entry-missing", "ngw-1",
    ),
    "SNAT entry not in force": case(
        [with_part("nat_gateways", "ngw-1", "snat", "snat-a", active=False)], "k1 internet 443",
        "nat-snat-entry-missing", "ngw-1",
    ),
    "SNAT entry without addresses": case(
        [with_part("nat_gateways", "ngw-1", "snat", "snat-a", addresses=[])], "k1 internet 443",
        "nat-no-eips", "ngw-1/snat-a",
    ),
    "no DNAT entry": case(
        [], "internet 47.0.0.1 9090", "nat-dnat-entry-missing", "ngw-1",
    ),
    "DNAT entry for another protocol": case(
        [with_part("nat_gateways", "ngw-1", "dnat", "dnat-80", protocol=17)],
        "internet 47.0.0.1 8080", "nat-dnat-entry-missing", "ngw-1",
    ),
    "EIP bound to nothing": case([], "internet 47.0.0.3 80", "nat-eip-unbound", "eip-3"),
    "private destination": case(
        [], "a1 192.168.7.7 80", "nat-private-destination-to-internet", "vtb-1/default",
    ),
    "from the internet to a private address": case(
        [], "internet k1 80", "nat-no-public-ip", "eni-1",
    ),
    "closed port": case([], "k1 internet 25", "port-closed", "eni-1"),
    # --- load balancers
    "balancer inactive": case(
        [with_fields("load_balancers", "lb-1", active=False, status="locked")],
        "internet svc/t/web 80", "lb-inactive", "lb-1",
    ),
    "no listener": case(
        [with_part("load_balancers", "lb-1", "listeners", "http", ports="8080")],
        "internet svc/t/web 80", "lb-listener-missing", "lb-1",
    ),
    "listener of another protocol": case(
        [with_part("load_balancers", "lb-1", "listeners", "http", protocol=17)],
        "internet svc/t/web 80", "lb-listener-missing", "lb-1",
    ),
    "listener stopped": case(
        [with_part("load_balancers", "lb-1", "listeners", "http", running=False)],
        "internet svc/t/web 80", "lb-listener-stopped", "lb-1/http",
    ),
    "no server group": case(
        [without("server_groups", "rsp-1")], "internet svc/t/web 80", "lb-server-group-missing",
        "lb-1/http",
    ),
    "no backends": case(
        [with_fields("server_groups", "rsp-1", backends=[])], "internet svc/t/web 80",
        "lb-no-backends", "rsp-1",
    ),
    "all weights 0": case(
        [with_part("server_groups", "rsp-1", "backends", each, weight=0) for each in
         ("i-1", "i-2")],
        "internet svc/t/web 80", "lb-no-backends", "rsp-1",
    ),
    "all unhealthy": case(
        [with_part("server_groups", "rsp-1", "backends", each, health="unhealthy") for each in
         ("i-1", "i-2")],
        "internet svc/t/web 80", "lb-backend-unhealthy", "rsp-1/i-1",
    ),
    "health checks dropped": case(
        [*(with_part("server_groups", "rsp-1", "backends", each, health="unhealthy") for each in
           ("i-1", "i-2")),
         without_part(*RULES, "checks", "web")],
        "internet svc/t/web 80", "lb-health-check-blocked", "sg-1",
    ),
    "backend gone": case(
        [with_fields("server_groups", "rsp-1", backends=[{"id": "i-gone", "port": 80}])],
        "internet svc/t/web 80", "lb-backend-set-drift", "rsp-1/i-gone",
    ),
    "zone without a backend": case(
        [with_fields("load_balancers", "lb-1", cross_zone=False, zone_of=[["47.0.0.9", "c"]])],
        "internet svc/t/web 80", "lb-cross-zone-off", "lb-1",
    ),
    "client not on the white list": case(
        [with_part("load_balancers", "lb-1", "listeners", "http",
                   access={"mode": "allow", "id": "acl-w", "entries": ["9.9.9.9/32"]})],
        "internet svc/t/web 80", "lb-acl-deny", "lb-1/http",
    ),
    "client on the black list": case(
        [with_part("load_balancers", "lb-1", "listeners", "http",
                   access={"mode": "deny", "id": "acl-b", "entries": ["1.0.0.0/8"]})],
        "internet svc/t/web 80", "lb-acl-deny", "lb-1/http",
    ),
    "node port is another": case(
        [with_part("server_groups", "rsp-1", "backends", each, port=8080) for each in
         ("i-1", "i-2")],
        "internet svc/t/web 80", "lb-port-mismatch", "rsp-1/i-1",
    ),
    "target port is another": case(
        [with_fields("server_groups", "rsp-1", backends=[
            {"id": "b1", "kind": "address", "address": "10.244.2.2", "port": 8080}])],
        "internet svc/t/web 80", "lb-target-port-wrong", "rsp-1/b1",
    ),
    "back to itself": case(
        [with_fields("server_groups", "rsp-1", backends=[{"id": "i-1", "port": 80}])],
        "k1 172.30.9.80 80", "lb-hairpin-client-ip-preservation", "lb-2/http",
    ),
    "group drops the client behind the balancer": case(
        [without_part(*RULES, "web")], "internet svc/t/web 80", "sg-no-ingress-rule", "sg-1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "ends", "cause", "place", "verdict", "rest"), CASES.values(), ids=CASES.keys()
)
def test_cause(
    changes: list[Any], ends: list[str], cause: str, place: str, verdict: str,
    rest: dict[str, Any], tmp_path: Path,
) -> None:  # fmt: skip
    direction = rest.pop("direction", None)
    found = ask(tmp_path, changed(*changes), ends[0], ends[1], int(ends[2]), **rest)
    assert (found.verdict.value, *first(found)) == (verdict, cause, place)
    worst = found.suspicions[0]
    assert worst.blocking and worst.evidence[0].text
    assert worst.evidence[0].source.startswith(("TestCloud", "pod "))
    assert direction in (None, worst.direction)
    rest.update({"direction": direction} if direction else {})


WELL = {
    "pods": "a1 b1 80",
    "nodes": "k1 k2 80",
    "a pod and a node": "a1 k2 80",
    "udp": "a1 b1 53 udp",
    "icmp": "a1 b1 0 icmp",
    "out by the gateway": "a1 internet 443",
    "out by an EIP": "k2 internet 443",
    "in by an EIP": "internet 47.0.0.2 80",
    "in by DNAT": "internet 47.0.0.1 8080",
    "in by the balancer": "internet svc/t/web 80",
    "another machine of the VPC": "172.30.9.9 b1 80",
    "to another machine of the VPC": "a1 172.30.9.9 80",
    "a service of the cloud": "a1 100.100.2.136 80",
    "a node to the public balancer": "k2 47.0.0.9 80",
    "a node to another's EIP": "k1 47.0.0.2 80",
}


@pytest.mark.parametrize("asked", WELL.values(), ids=WELL.keys())
def test_nothing_wrong(asked: str, tmp_path: Path) -> None:
    source, target, port, *protocol = asked.split()
    found = ask(
        tmp_path, changed(), source, target, int(port) or None, protocol=(protocol or ["tcp"])[0]
    )
    assert (found.verdict.value, found.suspicions) == ("reachable", ())


REMARKS = {
    "nodes in different groups": (
        [plus("security_groups", id="sg-2", vpc="vpc-1", rules=[
            {"id": "all", "way": "ingress"}]),
         with_fields("interfaces", "eni-1", groups=["sg-2"]), without_part(*RULES, "nodes")],
        "k1 k2 443", "sg-no-ingress-rule", "sg-nodes-in-different-groups",
    ),
    "tables differ": (
        [plus("route_tables", id="vtb-c", vpc="vpc-1", subnets=["sub-c"], routes=[
            {"id": "local", "destination": "172.30.0.0/16", "next_hops": [{"kind": "local"}]}])],
        "a1 b1 80", "", "route-some-tables-stale",
    ),
    "ports exhausted": (
        [with_fields("nat_gateways", "ngw-1", exhausted=True)], "k1 internet 443", "",
        "nat-ports-exhausted",
    ),
    "another account's gateway": (
        [with_fields("nat_gateways", "ngw-1", owner="222"),
         with_fields("interfaces", "eni-1", owner="111")],
        "k1 internet 443", "", "cross-subscription",
    ),
    "a node is no backend": (
        [without_part("server_groups", "rsp-1", "backends", "i-2")], "internet svc/t/web 80", "",
        "lb-backend-set-drift",
    ),
    "a backend is no node": (
        [with_part("server_groups", "rsp-1", "backends", "i-2", id="i-9", weight=0)],
        "internet svc/t/web 80", "", "lb-backend-set-drift",
    ),
    "one backend is unhealthy": (
        [with_part("server_groups", "rsp-1", "backends", "i-2", health="unhealthy")],
        "internet svc/t/web 80", "", "lb-backend-unhealthy",
    ),
    "balancer of another region": (
        [with_fields("load_balancers", "lb-1", region="moon-2")], "internet svc/t/web 80", "",
        "lb-region-mismatch",
    ),
    "an address outside of its subnet": (
        [with_fields("subnets", "sub-a", cidrs=["172.30.7.0/24"])], "k1 k2 80", "",
        "nic-wrong-subnet",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "asked", "blocking", "remark"), REMARKS.values(), ids=REMARKS.keys()
)
def test_remark(changes: list[Any], asked: str, blocking: str, remark: str, tmp_path: Path) -> None:
    source, target, port = asked.split()
    found = ask(tmp_path, changed(*changes), source, target, int(port))
    assert [each.name for each in found.suspicions if each.blocking] == (
        [f"cloud-{blocking}"] if blocking else []
    )
    assert f"cloud-{remark}" in [each.name for each in found.suspicions if not each.blocking]


def test_every_cause_is_tested() -> None:
    named = {cause for _, _, cause, _, _, _ in CASES.values()}
    named |= {f"cloud-{remark}" for *_, remark in REMARKS.values()}
    elsewhere = {"cloud-nic-vanished-during-diagnosis"}
    assert {one.name for one in cloud.FINDINGS} == named | elsewhere


def test_a_balancer_with_a_pod_as_its_backend(tmp_path: Path) -> None:
    """The pod has an interface of its own in the VPC, as with ENI backends."""
    made = changed(
        with_fields("interfaces", "eni-2", addresses=["172.30.0.2", "10.244.2.2"]),
        with_fields("server_groups", "rsp-1", backends=[
            {"id": "eni-2", "kind": "network interface", "address": "10.244.2.2", "port": 80}]),
    )  # fmt: skip
    found = ask(tmp_path, made, "internet", "svc/t/web", 80)
    assert found.verdict.value == "reachable"
    assert [(each.server.name, each.seen_source) for each in found.outcomes] == [("b1", "1.1.1.1")]


def test_a_client_address_that_is_not_preserved(tmp_path: Path) -> None:
    made = changed(with_fields("server_groups", "rsp-1", preserves_client=False))
    found = ask(tmp_path, made, "internet", "svc/t/web", 80)
    assert {each.seen_source for each in found.outcomes} == {"100.64.0.0"}


def test_a_service_with_an_external_ip() -> None:
    service = Service(
        namespace="t", name="ext", cluster_ips=(parse_ip("10.96.0.11"),),
        external_ips=(parse_ip("47.0.0.2"),), ports=(ServicePort(port=80),),
        ingress=(Ingress(hostname="x.example"),),
    )  # fmt: skip
    assert inventory(service).services_with_ip(parse_ip("47.0.0.2"))
