"""Route tables: pods' networks, wrong and missing next hops, several tables, peerings."""

from __future__ import annotations

from tests.aliyun.matrix.case import DOWN, OK, OPEN, SOME, Case
from tests.aliyun.matrix.lab import TABLE, VPC, Lab

B = "10.244.2.0/24"
A = "10.244.1.0/24"
PODS = ("a1", "b1")


def instead(destination: str = B, **route: object) -> object:
    """An entry of the table replaced."""

    def change(lab: Lab) -> None:
        lab.without_route(destination).route(TABLE, destination, **route)

    return change


def also(destination: str, **route: object) -> object:
    return lambda lab: lab.cloud.route(TABLE, destination, **route)


def third_machine(lab: Lab) -> None:
    lab.cloud.instance("i-9", "vsw-2", "10.0.1.9", ("sg-1",))
    instead(instance="i-9")(lab)


def own_table(*destinations: str) -> object:
    """vsw-1 is served by a custom table of its own that has only these pod networks."""

    def change(lab: Lab) -> None:
        cloud = lab.cloud
        table = cloud.table("vtb-own", VPC)
        cloud.vswitches["vsw-1"]["RouteTable"] = {
            "RouteTableId": table,
            "RouteTableType": "Custom",
        }
        cloud.tables[TABLE]["VSwitchIds"]["VSwitchId"].remove("vsw-1")
        cloud.tables[table]["VSwitchIds"]["VSwitchId"].append("vsw-1")
        for each in destinations:
            cloud.route(table, each, instance=f"i-{each.split('.')[2]}")

    return change


def loose_table(lab: Lab) -> None:
    """The pods' routes are in a table that serves nobody."""
    lab.without_route(A)
    lab.without_route(B)
    lab.cloud.table("vtb-loose", VPC)
    lab.cloud.route("vtb-loose", A, instance="i-1")
    lab.cloud.route("vtb-loose", B, instance="i-2")


def full(lab: Lab) -> None:
    lab.without_route(B)
    have = sum(1 for one in lab.cloud.routes if one["Type"] == "Custom")
    for number in range(200 - have):
        lab.cloud.route(TABLE, f"172.29.{number}.0/24", instance="i-1")


def two_vpcs(lab: Lab) -> None:
    """k2 lives in another VPC, nothing joins them."""
    lab.cloud.vpc("vpc-b", "10.8.0.0/16")
    lab.cloud.vswitch("vsw-b", "vpc-b", "10.8.0.0/24")
    lab.cloud.group("sg-b", "vpc-b")
    lab.cloud.rule("sg-b", "ingress")
    lab.move("k2", "10.8.0.2", "vsw-b", ("sg-b",))


def peered(*, there: bool = True, back: bool = True, status: str = "Activated") -> object:
    def change(lab: Lab) -> None:
        two_vpcs(lab)
        lab.cloud.peering("pcc-1", VPC, "vpc-b", cidrs=("10.8.0.0/16",), status=status)
        if there:
            lab.cloud.route(TABLE, "10.8.0.0/16", hop=("VpcPeer", "pcc-1"))
        if back:
            lab.cloud.route("vtb-vpc-b", "10.0.0.0/16", hop=("VpcPeer", "pcc-1"))

    return change


def down(id_: str, change: object, first: str, at: str = TABLE, way: str = "forward") -> Case:
    return Case(id_, *PODS, change, DOWN, first, at, way)


MISSING, WRONG = "cloud-route-pod-cidr-missing", "cloud-route-wrong-instance"
HOLE, IDLE = "cloud-route-blackhole", "cloud-route-inactive"
CASES = (
    down("route-pod-network-missing", lambda lab: lab.without_route(B), MISSING),
    down("route-pod-network-missing-back", lambda lab: lab.without_route(A), MISSING, way="return"),
    down("route-no-default-either",
         lambda lab: (lab.without_route(B), lab.without_route("0.0.0.0/0")), MISSING),
    down("route-to-the-sender", instead(instance="i-1"), WRONG, "rte-vtb-vpc-a-6"),
    Case("route-to-a-third-machine", *PODS, third_machine, OPEN, WRONG, "rte-vtb-vpc-a-6"),
    down("route-back-to-the-wrong-node", instead(A, instance="i-2"), WRONG, "rte-vtb-vpc-a-6",
         "return"),
    down("route-blackhole", instead(instance="i-2", status="Blackhole"), HOLE, "rte-vtb-vpc-a-6"),
    down("route-blackhole-back", instead(A, instance="i-1", status="Blackhole"), HOLE,
         "rte-vtb-vpc-a-6", "return"),
    down("route-pending", instead(instance="i-2", status="Pending"), IDLE, "rte-vtb-vpc-a-6"),
    down("route-deleting", instead(instance="i-2", status="Deleting"), IDLE, "rte-vtb-vpc-a-6"),
    down("route-more-specific", also("10.244.2.0/25", instance="i-1"), "cloud-route-more-specific",
         "rte-vtb-vpc-a-6"),
    down("route-more-specific-black-hole",
         also("10.244.2.2/32", instance="i-2", status="Blackhole"),
         "cloud-route-blackhole|cloud-route-more-specific", "rte-vtb-vpc-a-6"),
    Case("route-more-specific-to-the-right-node", *PODS, also("10.244.2.2/32", instance="i-2")),
    Case("route-wider-too", *PODS, also("10.244.0.0/16", instance="i-1")),
    down("route-to-a-machine-that-is-gone", instead(instance="i-gone"),
         "cloud-route-nexthop-gone", "rte-vtb-vpc-a-6"),
    Case("route-by-interface", *PODS, instead(hop=("NetworkInterface", "eni-i-2"))),
    down("route-by-a-wrong-interface", instead(hop=("NetworkInterface", "eni-i-1")), WRONG,
         "rte-vtb-vpc-a-6"),
    Case("route-two-hops-one-wrong", *PODS,
         instead(hops=(("Instance", "i-2", 100), ("Instance", "i-1", 100))), SOME, WRONG,
         "rte-vtb-vpc-a-6"),
    Case("route-own-table", *PODS, own_table(A, B)),
    down("route-own-table-stale", own_table(A), "cloud-route-table-not-associated",
         "vtb-vpc-a/rte-vtb-vpc-a-4"),
    Case("route-own-table-only-forward", *PODS, own_table(B), OK, "cloud-route-some-tables-stale",
         "vtb-own", "return"),
    down("route-in-a-loose-table", loose_table, "cloud-route-table-not-associated",
         "vtb-loose/rte-vtb-loose-4"),
    down("route-table-full", full, "cloud-route-quota-exceeded"),
    Case("route-nodes-need-none", "k1", "k2", lambda lab: (lab.without_route(A),
         lab.without_route(B)), port=22),
    Case("route-node-to-pod-missing", "k1", "b1", lambda lab: lab.without_route(B), DOWN, MISSING,
         TABLE),
    Case("route-pod-to-node-missing-back", "a1", "k2", lambda lab: lab.without_route(A), DOWN,
         MISSING, TABLE, "return", port=22),
    # VPCs
    Case("vpcs-not-joined", "k1", "k2", two_vpcs, DOWN, "cloud-route-peering-missing", "vpc-b",
         port=22),
    Case("vpcs-joined", "k1", "k2", peered(), port=22),
    Case("vpcs-joined-no-route", "k1", "k2", peered(there=False), DOWN,
         "cloud-route-peering-cidr-missing", TABLE, port=22),
    Case("vpcs-joined-no-route-back", "k1", "k2", peered(back=False), DOWN,
         "cloud-route-peering-cidr-missing", "vtb-vpc-b", "return", port=22),
    Case("vpcs-peering-not-active", "k1", "k2", peered(status="Creating"), DOWN,
         "cloud-route-peering-missing", "pcc-1", port=22),
    # interfaces
    Case("instance-stopped", "k1", "k2",
         lambda lab: lab.cloud.instances["i-2"].update(Status="Stopped"), DOWN,
         "cloud-nic-instance-stopped", "i-2", port=22),
    Case("sender-stopped", "k1", "k2",
         lambda lab: lab.cloud.instances["i-1"].update(Status="Stopping"), DOWN,
         "cloud-nic-instance-stopped", "i-1", port=22),
    Case("interface-detached", "k1", "k2",
         lambda lab: lab.cloud.enis["eni-i-2"].update(Status="Detaching"), DOWN,
         "cloud-nic-detached", "eni-i-2", port=22),
    Case("source-checked", *PODS,
         lambda lab: lab.cloud.enis["eni-i-1"].update(SourceDestCheck=True),
         DOWN, "cloud-nic-source-dest-check", "eni-i-1"),
    Case("destination-checked", *PODS,
         lambda lab: lab.cloud.enis["eni-i-2"].update(SourceDestCheck=True), DOWN,
         "cloud-nic-source-dest-check", "eni-i-2"),
    Case("checked-nodes-pass", "k1", "k2",
         lambda lab: lab.cloud.enis["eni-i-2"].update(SourceDestCheck=True), port=22),
)  # fmt: skip
