"""Load balancers: classic and network, listeners, access lists, backends, health, drift."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import parse_ip
from skoop.model.kube import Ingress
from tests.aliyun.matrix.case import DOWN, OK, OPEN, SOME, Case
from tests.aliyun.matrix.lab import LB_ID, VPC, Lab, web

CLIENT = "203.0.113.9"
CLB, NLB, ALB = "47.2.0.1", "47.3.0.1", "47.4.0.1"


def listener(**fields: object) -> object:
    """The listener for port 80, made anew."""

    def change(lab: Lab) -> None:
        lab.cloud.clb_listeners.clear()
        lab.cloud.clb_listener("lb-1", 80, **{"group": "rsp-1", **fields})

    return change


def access(kind: str, *cidrs: str) -> object:
    def change(lab: Lab) -> None:
        lab.cloud.clb_acl("acl-1", *cidrs)
        listener(acl="acl-1", acl_type=kind)(lab)

    return change


def backends(*servers: object) -> object:
    return lambda lab: lab.cloud.clb_group("rsp-1", "lb-1", *servers)


def sick(*servers: str) -> object:
    def change(lab: Lab) -> None:
        for each in servers:
            lab.cloud.sick("lb-1", 80, each)

    return change


def stranger(lab: Lab) -> None:
    lab.cloud.instance("i-9", "vsw-1", "10.0.0.9", ("sg-1",))
    backends(("i-1", 30080), ("i-2", 30080), ("i-9", 30080))(lab)


def check_blocked(lab: Lab) -> None:
    lab.cloud.rule("sg-1", "ingress", "Drop", peer="100.64.0.0/10")
    sick("i-1", "i-2")(lab)


def local_policy(*servers: tuple[str, int]) -> object:
    def change(lab: Lab) -> None:
        lab.service = web(external_traffic_policy="Local")
        backends(*servers)(lab)

    return change


INTERNAL = "10.0.0.200"


def hairpin(*servers: tuple[str, int]) -> object:
    """The balancer is internal, and the nodes know nothing of its address (ipMode Proxy), so
    packets go out to it with the nodes' own."""

    def change(lab: Lab) -> None:
        lab.service = web(ingress=(Ingress(ip=parse_ip(INTERNAL), ip_mode="Proxy"),))
        lab.cloud.clb("lb-1", INTERNAL, vpc=VPC, vswitch="vsw-1", internal=True)
        backends(*servers)(lab)

    return change


def public_hairpin(lab: Lab) -> None:
    lab.service = web(ingress=(Ingress(ip=parse_ip(CLB), ip_mode="Proxy"),))
    backends(("i-1", 30080))(lab)


def nlb(**fields: object) -> object:
    """The Service is on a network load balancer instead."""

    def change(lab: Lab) -> None:
        cloud = lab.cloud
        group = {key: fields.pop(key) for key in ("preserve", "check") if key in fields}
        servers = fields.pop("servers", BOTH)
        status = fields.pop("listener", "Running")
        number = fields.pop("number", 80)
        cloud.server_group("sgp-1", VPC, *servers, **group)
        cloud.nlb("nlb-1", VPC, (("h", "vsw-1", NLB), ("i", "vsw-2", "47.3.0.2")), **fields)
        cloud.nlb_listener("lsn-1", "nlb-1", number, "sgp-1", status=status)
        lab.service = replace(
            web(),
            ingress=(Ingress(ip=parse_ip(NLB)),),
            load_balancer_class="alibabacloud.com/nlb",
            annotations={LB_ID: "nlb-1"},
        )

    return change


IN_H = {"ServerId": "i-1", "Port": 30080, "ZoneId": "cn-hangzhou-h"}
IN_I = {"ServerId": "i-2", "Port": 30080, "ZoneId": "cn-hangzhou-i"}
BOTH = (IN_H, IN_I)


def alb(**listener: str) -> object:
    """An application load balancer at 47.4.0.1, as an Ingress has one."""

    def change(lab: Lab) -> None:
        lab.cloud.server_group("sgp-a", VPC, *BOTH, flavour="alb")
        lab.cloud.nlb("alb-1", VPC, (("h", "vsw-1", ALB),), flavour="alb")
        lab.cloud.alb_listener("lsn-a", "alb-1", 80, "sgp-a", **listener)

    return change


def down(id_: str, change: object, first: str, at: str, **more: object) -> Case:
    return Case(id_, CLIENT, CLB, change, DOWN, first, at, **more)


def fine(id_: str, change: object, first: str = "", at: str = "", **more: object) -> Case:
    return Case(id_, CLIENT, CLB, change, OK, first, at, **more)


def nlb_down(id_: str, change: object, first: str, at: str) -> Case:
    return Case(id_, CLIENT, NLB, change, DOWN, first, at)


SICK, DRIFT = "cloud-lb-backend-unhealthy", "cloud-lb-backend-set-drift"
CASES = (
    fine("clb", lambda lab: None),
    down("clb-inactive", lambda lab: lab.cloud.clbs["lb-1"].update(LoadBalancerStatus="inactive"),
         "cloud-lb-inactive", "lb-1"),
    down("clb-locked", lambda lab: lab.cloud.clbs["lb-1"].update(LoadBalancerStatus="locked"),
         "cloud-lb-inactive", "lb-1"),
    down("clb-no-listener", lambda lab: lab.cloud.clb_listeners.clear(),
         "cloud-lb-listener-missing", "lb-1"),
    down("clb-only-a-udp-listener", listener(protocol="udp"), "cloud-lb-listener-missing", "lb-1"),
    down("clb-other-port", lambda lab: None, "cloud-lb-listener-missing", "lb-1", port=81),
    down("clb-listener-stopped", listener(status="stopped"), "cloud-lb-listener-stopped",
         "lb-1/tcp:80"),
    down("clb-listener-starting", listener(status="starting"), "cloud-lb-listener-stopped",
         "lb-1/tcp:80"),
    down("clb-not-on-white-list", access("white", "198.51.100.0/24"), "cloud-lb-acl-deny",
         "lb-1/tcp:80"),
    fine("clb-on-white-list", access("white", "198.51.100.0/24", "203.0.113.9/32")),
    fine("clb-empty-white-list", access("white")),
    down("clb-on-black-list", access("black", "203.0.113.0/24"), "cloud-lb-acl-deny",
         "lb-1/tcp:80"),
    fine("clb-not-on-black-list", access("black", "198.51.100.0/24")),
    down("clb-group-gone", lambda lab: lab.cloud.clb_groups.clear(),
         "cloud-lb-server-group-missing", "lb-1/tcp:80"),
    down("clb-no-backends", backends(), "cloud-lb-no-backends", "rsp-1"),
    down("clb-all-weights-zero",
         backends({"ServerId": "i-1", "Port": 30080, "Weight": 0},
                  {"ServerId": "i-2", "Port": 30080, "Weight": 0}), "cloud-lb-no-backends",
         "rsp-1"),
    fine("clb-one-weight-zero",
         backends({"ServerId": "i-1", "Port": 30080, "Weight": 0}, ("i-2", 30080))),
    fine("clb-one-unhealthy", sick("i-1"), SICK, "rsp-1/i-1"),
    down("clb-all-unhealthy", sick("i-1", "i-2"), SICK, "rsp-1/i-1"),
    fine("clb-unhealthy-but-unchecked",
         lambda lab: (listener(check=False)(lab), sick("i-1", "i-2")(lab))),
    down("clb-check-blocked", check_blocked, "cloud-lb-health-check-blocked", "sg-1/sgr-sg-1-2"),
    fine("clb-lacks-a-node", backends(("i-2", 30080)), DRIFT, "rsp-1"),
    Case("clb-has-a-stranger", CLIENT, CLB, stranger, OPEN, DRIFT, "rsp-1"),
    Case("clb-backend-is-gone", CLIENT, CLB, backends(("i-gone", 30080), ("i-2", 30080)), SOME,
         DRIFT, "rsp-1/i-gone"),
    down("clb-wrong-node-port", backends(("i-1", 30081), ("i-2", 30081)),
         "cloud-lb-port-mismatch", "rsp-1/i-1"),
    down("clb-node-port-not-admitted", lambda lab: lab.cloud.rules["sg-1"].pop(),
         "cloud-sg-no-ingress-rule", "sg-1"),
    down("clb-acl-of-the-nodes", lambda lab: (lab.with_acl("vsw-1"), lab.with_acl("vsw-2")),
         "cloud-acl-ingress-deny", "nacl-vsw-1|nacl-vsw-2"),
    fine("clb-local", local_policy(("i-2", 30080)), seen=CLIENT),
    Case("clb-local-wrong-node-too", CLIENT, CLB, local_policy(("i-1", 30080), ("i-2", 30080)),
         SOME, "*"),
    fine("clb-region-mismatch", lambda lab: lab.cloud.clbs["lb-1"].update(RegionId="cn-beijing"),
         "cloud-lb-region-mismatch", "lb-1"),
    fine("clb-pods-route-missing", lambda lab: lab.without_route("10.244.1.0/24")),
    Case("clb-far-backend-needs-the-pods-route", CLIENT, CLB,
         lambda lab: lab.without_route("10.244.2.0/24"), SOME, "cloud-route-pod-cidr-missing",
         "vtb-vpc-a"),
    Case("clb-from-a-node-stays-inside", "k1", CLB),
    Case("clb-hairpin", "k1", INTERNAL, hairpin(("i-1", 30080)), DOWN,
         "cloud-lb-hairpin-client-ip-preservation", "lb-1/tcp:80"),
    Case("clb-hairpin-by-chance", "k1", INTERNAL, hairpin(("i-1", 30080), ("i-2", 30080)), SOME,
         "cloud-lb-hairpin-client-ip-preservation", "lb-1/tcp:80"),
    Case("clb-round-by-nat", "k1", CLB, public_hairpin, OK, "cloud-lb-backend-set-drift", "rsp-1"),
    Case("clb-round-by-the-other-node", "k1", INTERNAL, hairpin(("i-2", 30080)), OK,
         "cloud-lb-backend-set-drift", "rsp-1"),
    Case("alb", CLIENT, ALB, alb()),
    Case("alb-listener-stopped", CLIENT, ALB, alb(status="Stopped"), DOWN,
         "cloud-lb-listener-stopped", "alb-1/lsn-a"),
    Case("alb-other-port", CLIENT, ALB, alb(), DOWN, "cloud-lb-listener-missing", "alb-1",
         port=443),
    Case("alb-servers-see-the-balancer", CLIENT, ALB,
         lambda lab: (alb()(lab),
                      lab.cloud.rule("sg-1", "ingress", "Drop", peer="203.0.113.0/24"))),
    # network load balancers
    Case("nlb", CLIENT, NLB, nlb()),
    nlb_down("nlb-inactive", nlb(status="Inactive"), "cloud-lb-inactive", "nlb-1"),
    nlb_down("nlb-listener-stopped", nlb(listener="Stopped"), "cloud-lb-listener-stopped",
             "nlb-1/lsn-1"),
    nlb_down("nlb-other-port", nlb(number=8080), "cloud-lb-listener-missing", "nlb-1"),
    nlb_down("nlb-zones-not-crossed", nlb(cross_zone=False, servers=(IN_I,)),
             "cloud-lb-cross-zone-off", "nlb-1"),
    Case("nlb-zones-not-crossed-but-there", CLIENT, NLB,
         nlb(cross_zone=False)),
    nlb_down("nlb-no-servers", nlb(servers=()), "cloud-lb-no-backends", "sgp-1"),
    nlb_down("nlb-unhealthy",
             lambda lab: (nlb(servers=(IN_I,))(lab),
                          lab.cloud.sick("nlb-1", 80, "i-2", "Unhealthy")), SICK,
             "sgp-1/i-2"),
    Case("nlb-hides-the-client", CLIENT, NLB,
         lambda lab: (nlb(preserve=False)(lab),
                      lab.cloud.rule("sg-1", "ingress", "Drop", peer="203.0.113.0/24"))),
    nlb_down("nlb-keeps-the-client",
             lambda lab: (nlb()(lab),
                          lab.cloud.rule("sg-1", "ingress", "Drop", peer="203.0.113.0/24")),
             "cloud-sg-explicit-deny-priority", "sg-1/sgr-sg-1-2"),
)  # fmt: skip
