"""What cannot be asked, has vanished, or belongs to somebody else."""

from __future__ import annotations

from msgspec.structs import replace

from tests.aliyun.double.server import KEY, Fault
from tests.aliyun.matrix.case import DOWN, OK, OPEN, Case
from tests.aliyun.matrix.groups import ingress
from tests.aliyun.matrix.lab import Lab

PODS, NODES = ("a1", "b1"), ("k1", "k2")


def denied(*actions: str) -> object:
    def change(lab: Lab) -> None:
        lab.server.keys[KEY.id] = replace(KEY, denied=actions)

    return change


def fails(fault: Fault, times: int = 40) -> object:
    return lambda lab: lab.server.faults.extend([fault] * times)


def vanishing(lab: Lab) -> None:
    """k2's group is to blame, and gone when it is looked at again."""
    ingress(ports="80/80")(lab)
    gone = Fault("DescribeSecurityGroupAttribute", 404, "InvalidSecurityGroupId.NotFound", skip=2)
    lab.server.faults.append(gone)


def gone_at_once(lab: Lab) -> None:
    """k2's group vanishes between the list and the look at it."""
    lab.groups("k2", "sg-gone")


def older_ids(lab: Lab) -> None:
    lab.provider_id = "cn-hangzhou.{}"


def no_region(lab: Lab) -> None:
    lab.provider_id = "alicloud://mars-1.{}"


def shared_vpc(lab: Lab) -> None:
    """The VPC and its vSwitches belong to another account, as a shared VPC's do."""
    for each in lab.cloud.vswitches.values():
        each["OwnerId"] = 99


GROUPS = "DescribeSecurityGroupAttribute"
CASES = (
    Case("no-permission-for-routes", *PODS, denied("DescribeRouteEntryList"), OK, "",
         says="vpc:DescribeRouteEntryList"),
    Case("no-permission-for-groups", *PODS, denied(GROUPS), OK,
         says="ecs:DescribeSecurityGroupAttribute"),
    Case("no-permission-for-instances", *PODS, denied("DescribeInstances"), "unknown|unreachable",
         "*",
         says="ecs:DescribeInstances"),
    Case("no-permission-for-acls", *NODES, lambda lab: (lab.with_acl("vsw-2"),
         denied("DescribeNetworkAcls")(lab)), OK, port=22, says="vpc:DescribeNetworkAcls"),
    Case("no-permission-for-nat", "k1", "8.8.8.8", denied("DescribeNatGateways"), OPEN,
         port=443, says="vpc:DescribeNatGateways"),
    Case("wrong-key", *NODES, lambda lab: lab.server.keys.clear(), OK, port=22,
         says="does not know this access key"),
    Case("expired-token", *NODES,
         lambda lab: lab.server.keys.update({KEY.id: replace(KEY, expired=True)}), OK, port=22,
         says="security token has expired"),
    Case("throttled", *NODES, fails(Fault(status=400, code="Throttling.User")), OK, port=22,
         says="Aliyun throttles"),
    Case("throttled-for-a-while", *NODES, fails(Fault(status=400, code="Throttling.User"), 2),
         port=22),
    Case("down", *NODES, fails(Fault(status=503)), OK, port=22, says="cannot answer"),
    Case("garbage", *NODES, fails(Fault(status=200, body=b"<html>")), OK, port=22,
         says="not the API's JSON"),
    Case("hangs-up", *NODES, fails(Fault(hang_up=True)), OK, port=22, says="connection broke"),
    Case("vanished-when-blamed", *NODES, vanishing, OPEN, "cloud-nic-vanished-during-diagnosis",
         "sg-2", port=22),
    Case("vanished-when-read", *NODES, gone_at_once, OK, port=22,
         says="sg-gone vanished during diagnosis"),
    Case("older-provider-ids", *PODS, older_ids),
    Case("older-provider-ids-are-checked", *PODS,
         lambda lab: (older_ids(lab), lab.without_route("10.244.2.0/24")), DOWN,
         "cloud-route-pod-cidr-missing", "vtb-vpc-a"),
    Case("shared-vpc", *PODS, shared_vpc),
    Case("no-such-region", *NODES, no_region, OK, port=22, says="Aliyun has no such region"),
)  # fmt: skip
