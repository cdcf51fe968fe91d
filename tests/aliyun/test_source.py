"""What is read of Aliyun for a question: how much is asked, what the tree holds, what lacks."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from skoop.infra.aliyun.record import Memory
from skoop.infra.aliyun.source import CAPABILITIES, AliyunSource
from skoop.infra.capability import Capability
from skoop.infra.resources import (
    Eip,
    Instance,
    Interface,
    LoadBalancer,
    NatGateway,
    NetworkAcl,
    Peering,
    PrefixList,
    RouteTable,
    SecurityGroup,
    ServerGroup,
    Subnet,
    Subscription,
    Vpc,
)
from skoop.infra.resources.balancer import Health
from skoop.infra.source import CloudState, Scope
from skoop.infra.store import Answers
from skoop.model.address import parse_ip
from skoop.model.kube import Ingress, Node, Service
from skoop.model.kube.node import NodeAddress
from tests.aliyun.asking import direct
from tests.aliyun.double import Cloud, Server
from tests.aliyun.double.server import KEY, Fault
from tests.aliyun.worlds import two_nodes

BOTH = ("i-1", "i-2")


def node(
    instance: str, ip: str = "10.0.0.1", external: str = "", prefix: str = "alicloud://"
) -> Node:
    addresses = [NodeAddress("InternalIP", parse_ip(ip))]
    if external:
        addresses.append(NodeAddress("ExternalIP", parse_ip(external)))
    return Node(
        name=f"node-{instance}",
        provider_id=f"{prefix}cn-hangzhou.{instance}",
        addresses=tuple(addresses),
    )


def scope(*instances: str, **more: object) -> Scope:
    return Scope(nodes=tuple(node(each) for each in instances or BOTH), **more)


class Asked:
    def __init__(self, cloud: Cloud | None = None) -> None:
        self.server = Server(cloud or two_nodes())
        self.memory = Memory(direct(self.server))
        self.source = AliyunSource(self.memory)

    def state(self, wanted: Scope | None = None) -> CloudState:
        return self.source.state(wanted or scope())


# --- how much is asked ---------------------------------------------------------------------------


def test_two_nodes_cost_few_calls_and_a_second_question_none() -> None:
    asked = Asked()
    first = asked.state()
    assert first.gaps == ()
    assert len(asked.server.asked) <= 9, asked.server.actions
    count = len(asked.server.asked)
    assert asked.state() == first or len(asked.server.asked) == count
    assert len(asked.server.asked) == count


def test_a_record_costs_no_call_and_gives_the_same_tree() -> None:
    asked = Asked()
    live = asked.state(scope(internet=True))
    data = asked.memory.answers().encode()
    assert KEY.secret.encode() not in data
    offline = Memory(None, Answers.decode(data, "cloud/aliyun.json"))
    again = AliyunSource(offline).state(scope(internet=True))
    assert again.tree.resources == live.tree.resources
    assert (again.gaps, again.subscription) == (live.gaps, live.subscription)


def test_what_was_not_recorded_is_a_gap() -> None:
    asked = Asked()
    asked.state()
    offline = Memory(None, Answers.decode(asked.memory.answers().encode(), "x"))
    state = AliyunSource(offline).state(scope(internet=True))
    assert {each.capability for each in state.gaps} == {Capability.NAT}
    assert "the snapshot holds no answer to vpc DescribeNatGateways" in state.gaps[0].why


def large() -> Cloud:
    cloud = two_nodes()
    for number in range(1000):
        ip = f"10.0.{number // 250 + 1}.{number % 250 + 1}"
        cloud.instance(f"i-big{number}", "vsw-1", ip, ("sg-1",))
    for number in range(200):
        cloud.route("vtb-vpc-a", f"172.30.{number}.0/24", instance="i-1")
    for number in range(500):
        cloud.rule("sg-1", "ingress", protocol="TCP", ports=f"{number + 1}/{number + 1}")
    return cloud


def test_a_large_vpc_adds_no_call() -> None:
    small, big = Asked(), Asked(large())
    small.state()
    assert len(big.state().tree.all(RouteTable)[0].routes) > 200
    assert len(big.server.asked) == len(small.server.asked)


def test_a_large_cluster_is_read_in_pages() -> None:
    asked = Asked(large())
    nodes = tuple(node(f"i-big{number}") for number in range(1000))
    state = asked.state(Scope(nodes=nodes))
    assert len(state.tree.all(Instance)) >= 1000
    assert len(state.tree.all(Interface)) >= 1000
    assert len(asked.server.asked) <= 24


def test_independent_questions_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    respond = asked.server.respond
    running: list[int] = []
    most: list[int] = []

    def slowly(*arguments: object) -> object:
        running.append(1)
        most.append(len(running))
        time.sleep(0.03)
        running.pop()
        return respond(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(asked.server, "respond", slowly)
    asked.state()
    assert max(most) >= 4


# --- what the tree holds --------------------------------------------------------------------------


def everything() -> CloudState:
    cloud = two_nodes()
    cloud.rule("sg-1", "egress", peer_list="pl-1")
    cloud.vswitch("vsw-2", "vpc-a", "10.0.1.0/24", zone="i", acl="nacl-1")
    cloud.eip("eip-9", "47.9.0.9", "i-1")
    service = Service(
        namespace="shop",
        name="web",
        type="LoadBalancer",
        annotations={"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "lb-1"},
        ingress=(Ingress(ip=parse_ip("47.2.0.1")),),
    )
    front = Service(
        namespace="shop",
        name="front",
        type="LoadBalancer",
        load_balancer_class="alibabacloud.com/nlb",
        annotations={"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "nlb-1"},
    )
    cloud.sick("lb-1", 80, "i-2")
    return Asked(cloud).state(scope(internet=True, services=(service, front)))


def test_every_kind_is_in_the_tree() -> None:
    state = everything()
    assert state.gaps == ()
    tree = state.tree
    assert [each.id for each in tree.all(Vpc)] == ["vpc-a"]
    assert [each.id for each in tree.all(Subnet)] == ["vsw-1", "vsw-2"]
    assert {each.id for each in tree.all(Instance)} == set(BOTH)
    assert {each.id for each in tree.all(Interface)} == {"eni-i-1", "eni-i-2"}
    assert [each.id for each in tree.all(PrefixList)] == ["pl-1"]
    assert [each.id for each in tree.all(NetworkAcl)] == ["nacl-1"]
    assert {each.id for each in tree.all(Eip)} == {"eip-47.1.0.1", "eip-9"}
    (gateway,) = tree.all(NatGateway)
    assert (len(gateway.snat), len(gateway.dnat)) == (1, 1)
    (group,) = tree.all(SecurityGroup)
    assert (group.type, group.intra.value, len(group.rules)) == ("normal", "accept", 3)
    assert {each.id for each in tree.all(LoadBalancer)} == {"lb-1", "nlb-1"}
    assert state.subscription == tree.find(Subscription, "1234567890123456")


def test_a_global_id_names_cloud_region_and_resource() -> None:
    tree = everything().tree
    vpc = tree.all(Vpc)[0]
    assert tree.gid(vpc) == "Aliyun/cn-hangzhou/vpc-a"
    table = tree.all(RouteTable)[0]
    assert tree.gid(table, table.routes[0].id) == "Aliyun/cn-hangzhou/vtb-vpc-a/rte-vtb-vpc-a-1"


def test_a_listener_has_its_access_list_and_its_servers_health() -> None:
    tree = everything().tree
    balancer = tree.find(LoadBalancer, "lb-1")
    assert balancer is not None
    web = next(each for each in balancer.listeners if each.ports.first == 80)
    assert [str(each) for each in web.access.entries] == ["203.0.113.0/24"]
    group = tree.find(ServerGroup, web.group)
    assert group is not None
    assert [each.health for each in group.backends] == [Health.HEALTHY, Health.UNHEALTHY]
    dns = next(each for each in balancer.listeners if each.protocol == 17)
    other = tree.find(ServerGroup, dns.group)
    assert other is not None
    assert [each.health for each in other.backends] == [Health.HEALTHY] * 2


def test_an_address_of_no_node_is_looked_for() -> None:
    cloud = two_nodes()
    cloud.instance("i-db", "vsw-1", "10.0.0.77", ("sg-1",))
    state = Asked(cloud).state(scope(addresses=(parse_ip("10.0.0.77"),)))
    found = state.tree.interface_at("vpc-a", parse_ip("10.0.0.77"))
    assert found is not None
    assert found.instance == "i-db"


@pytest.mark.parametrize(
    ("at", "internet", "id_"),
    [("47.2.0.1", True, "lb-1"), ("47.3.0.1", True, "nlb-1"), ("10.0.0.200", False, "lb-in")],
)
def test_a_load_balancer_is_found_by_its_address(at: str, internet: bool, id_: str) -> None:
    cloud = two_nodes()
    cloud.clb("lb-in", "10.0.0.200", vpc="vpc-a", vswitch="vsw-1", internal=True)
    state = Asked(cloud).state(scope(addresses=(parse_ip(at),), internet=internet))
    assert id_ in {each.id for each in state.tree.all(LoadBalancer)}


def test_backends_outside_the_cluster_are_read_too() -> None:
    cloud = two_nodes()
    cloud.instance("i-other", "vsw-1", "10.0.0.50", ("sg-1",))
    cloud.eni("eni-pod", "vsw-1", ("10.0.0.60",), ("sg-1",), instance="i-1")
    servers = (
        {"ServerId": "i-other", "Port": 80},
        {"ServerId": "eni-pod", "Port": 80, "ServerIp": "10.0.0.60", "Type": "eni"},
    )
    cloud.clb_group("rsp-9", "lb-1", *servers)
    cloud.clb_listener("lb-1", 99, group="rsp-9")
    state = Asked(cloud).state(scope(addresses=(parse_ip("47.2.0.1"),), internet=True))
    assert state.tree.find(Instance, "i-other") is not None
    assert state.tree.find(Interface, "eni-pod") is not None
    assert state.tree.find(Interface, "eni-i-other") is not None


def test_an_older_provider_id_is_read() -> None:
    nodes = (node("i-1", prefix=""), node("i-2", prefix=""))
    assert len(Asked().state(Scope(nodes=nodes)).tree.all(Instance)) == 2


def test_peerings_are_read_when_a_route_leads_there() -> None:
    cloud = two_nodes()
    cloud.route("vtb-vpc-a", "172.16.0.0/12", hop=("VpcPeer", "pcc-1"))
    cloud.peerings.clear()
    cloud.peering("pcc-1", "vpc-a", "vpc-b", cidrs=("172.16.0.0/12",))
    state = Asked(cloud).state()
    (found,) = state.tree.all(Peering)
    assert [each.vpc for each in found.ends] == ["vpc-a", "vpc-b"]


# --- what is missing ------------------------------------------------------------------------------


def test_a_missing_permission_is_a_gap_that_names_it() -> None:
    asked = Asked()
    asked.server.keys[KEY.id] = replace(KEY, denied=("DescribeRouteEntryList",))
    state = asked.state()
    assert {each.capability for each in state.gaps} == {Capability.ROUTES}
    assert "vpc:DescribeRouteEntryList" in state.gaps[0].why
    assert state.tree.all(SecurityGroup)


def test_a_wrong_key_is_one_reason_for_everything() -> None:
    asked = Asked()
    asked.server.keys.clear()
    state = asked.state()
    assert {each.capability for each in state.gaps} == set(CAPABILITIES)
    assert len({each.why for each in state.gaps}) == 1
    assert state.tree.resources == ()


def test_a_group_that_vanishes_meanwhile_is_said() -> None:
    asked = Asked()
    gone = Fault("DescribeSecurityGroupAttribute", 404, "InvalidSecurityGroupId.NotFound", "gone")
    asked.server.faults.append(gone)
    state = asked.state()
    assert state.assumptions == ("sg-1 vanished during diagnosis and is left out",)


def test_other_accounts_are_named_by_the_directory() -> None:
    cloud = two_nodes()
    cloud.vswitch("vsw-2", "vpc-a", "10.0.1.0/24", owner="99")
    cloud.directory = [{"AccountId": "99", "DisplayName": "network", "Status": "CreateSuccess"}]
    state = Asked(cloud).state()
    assert [(s.id, s.name) for s in state.tree.all(Subscription)][1:] == [("99", "network")]
    assert state.assumptions == ()


def test_without_a_directory_one_subscription_is_looked_at_and_that_is_said() -> None:
    cloud = two_nodes()
    cloud.vswitch("vsw-2", "vpc-a", "10.0.1.0/24", owner="99")
    state = Asked(cloud).state()
    (said,) = state.assumptions
    assert "accounts 99 own some" in said
    assert "only account 1234567890123456 was looked into" in said


# --- a second look --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [Instance, Interface, Vpc, SecurityGroup, RouteTable, NatGateway, Eip, LoadBalancer]
)
def test_a_second_look_sees_the_same(kind: type[Vpc]) -> None:
    asked = Asked()
    address = (parse_ip("47.2.0.1"),)
    for each in asked.state(scope(internet=True, addresses=address)).tree.all(kind):
        assert asked.source.again(each) == each


def test_a_second_look_sees_that_it_is_gone() -> None:
    asked = Asked()
    (group,) = asked.state().tree.all(SecurityGroup)
    (instance, *_) = asked.state().tree.all(Instance)
    del asked.server.cloud.groups["sg-1"], asked.server.cloud.instances["i-1"]
    assert asked.source.again(group) is None
    assert asked.source.again(instance) is None


AREAS = {
    Capability.INSTANCES: "DescribeInstances",
    Capability.ROUTES: "DescribeRouteTableList",
    Capability.PEERINGS: "ListVpcPeerConnections",
    Capability.SECURITY_GROUPS: "DescribeSecurityGroups",
    Capability.PREFIX_LISTS: "DescribePrefixListAttributes",
    Capability.NETWORK_ACLS: "DescribeNetworkAcls",
    Capability.NAT: "DescribeNatGateways",
    Capability.PUBLIC_ADDRESSES: "DescribeEipAddresses",
    Capability.LOAD_BALANCERS: "DescribeLoadBalancers",
}


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.value)
def test_each_area_is_read_and_missed_when_it_cannot_be(area: Capability) -> None:
    cloud = two_nodes()
    cloud.rule("sg-1", "egress", peer_list="pl-1")
    cloud.vswitch("vsw-2", "vpc-a", "10.0.1.0/24", acl="nacl-1")
    cloud.route("vtb-vpc-a", "172.31.0.0/16", hop=("VpcPeer", "pcc-1"))
    asked = Asked(cloud)
    wanted = scope(internet=True, addresses=(parse_ip("47.2.0.1"),))
    assert asked.state(wanted).gaps == ()
    again = Asked(cloud)
    again.server.keys[KEY.id] = replace(KEY, denied=(AREAS[area],))
    assert area in {each.capability for each in again.state(wanted).gaps}


def test_what_needs_no_question_of_its_own_is_read_with_the_rest() -> None:
    """The areas that are left: the check of an interface, and whose account it is."""
    assert set(CAPABILITIES) - set(AREAS) == {Capability.SOURCE_CHECK, Capability.SUBSCRIPTIONS}
    cloud = two_nodes()
    cloud.enis["eni-i-1"]["SourceDestCheck"] = True
    tree = Asked(cloud).state().tree
    checked = {each.id for each in tree.all(Interface) if each.check}
    assert checked == {"eni-i-1"}
    assert [each.current for each in tree.all(Subscription)] == [True]
