"""Described clouds that several tests use."""

from __future__ import annotations

from tests.aliyun.double.cloud import Cloud


def two_nodes() -> Cloud:
    """Two instances in one vSwitch and one normal group, with their pods' routes, a NAT gateway, a
    classic and a network load balancer."""
    cloud = Cloud()
    vpc = cloud.vpc("vpc-a", "10.0.0.0/8", secondary=("192.168.0.0/16",))
    cloud.vswitch("vsw-1", vpc, "10.0.0.0/24")
    cloud.group("sg-1", vpc)
    cloud.rule("sg-1", "ingress", protocol="TCP", ports="30000/32767")
    cloud.rule("sg-1", "egress")
    cloud.instance("i-1", "vsw-1", "10.0.0.1", ("sg-1",))
    cloud.instance("i-2", "vsw-1", "10.0.0.2", ("sg-1",))
    cloud.route("vtb-vpc-a", "10.244.1.0/24", instance="i-1")
    cloud.route("vtb-vpc-a", "10.244.2.0/24", instance="i-2")
    cloud.nat("ngw-1", vpc, ips=("47.1.0.1",))
    cloud.route("vtb-vpc-a", "0.0.0.0/0", nat="ngw-1")
    cloud.snat("ngw-1", "47.1.0.1", vswitch="vsw-1")
    cloud.dnat("ngw-1", ("47.1.0.1", "8080"), ("10.0.0.1", "80"))
    cloud.prefix_list("pl-1", "172.16.0.0/12")
    cloud.acl("nacl-1", vpc, ingress=(("accept", "all", "-1/-1", "0.0.0.0/0"),))
    cloud.peering("pcc-1", vpc, "vpc-elsewhere", cidrs=("172.31.0.0/16",))
    cloud.clb("lb-1", "47.2.0.1")
    cloud.clb_acl("acl-1", "203.0.113.0/24")
    cloud.clb_group("rsp-1", "lb-1", ("i-1", 30080), ("i-2", 30080))
    cloud.clb_pair("rsp-2", "lb-1", ("i-1", 30090), ("i-2", 30090))
    cloud.clb_listener("lb-1", 90, pair="rsp-2")
    cloud.clb_listener("lb-1", 80, group="rsp-1", acl="acl-1")
    cloud.clb_listener("lb-1", 53, "udp", group="rsp-1")
    cloud.server_group("sgp-1", vpc, {"ServerId": "i-1", "Port": 30080})
    cloud.nlb("nlb-1", vpc, (("h", "vsw-1", "47.3.0.1"),))
    cloud.nlb_listener("lsn-1", "nlb-1", 80, "sgp-1")
    cloud.server_group("sgp-2", vpc, {"ServerId": "i-2", "Port": 30081}, flavour="alb")
    cloud.nlb("alb-1", vpc, (("h", "vsw-1", "47.4.0.1"),), flavour="alb")
    cloud.alb_listener("lsn-2", "alb-1", 80, "sgp-2")
    return cloud
