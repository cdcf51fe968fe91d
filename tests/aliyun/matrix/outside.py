"""To the internet and from it: NAT, EIPs, DNAT, closed ports, the cloud's own services."""

from __future__ import annotations

from tests.aliyun.matrix.case import DOWN, OK, Case
from tests.aliyun.matrix.lab import TABLE, VPC, Lab

WORLD = "8.8.8.8"
CLIENT = "203.0.113.9"


def no_snats(lab: Lab) -> None:
    lab.cloud.snats.clear()


def snats(*given: dict[str, str]) -> object:
    def change(lab: Lab) -> None:
        lab.cloud.snats.clear()
        for each in given:
            lab.cloud.snat("ngw-1", **{"ips": "47.1.0.1", **each})

    return change


def more_snats(*given: dict[str, str]) -> object:
    """With two more addresses on the gateway."""

    def change(lab: Lab) -> None:
        for ip in ("47.1.0.2", "47.1.0.3"):
            held = {"AllocationId": lab.cloud.eip(f"eip-{ip}", ip, "ngw-1", "Nat"), "IpAddress": ip}
            lab.cloud.nats["ngw-1"]["IpLists"]["IpList"].append(held)
        snats(*given)(lab)

    return change


def nat_field(**fields: object) -> object:
    return lambda lab: lab.cloud.nats["ngw-1"].update(fields)


def with_eip(node: str = "k1", public: str = "47.9.0.9") -> object:
    def change(lab: Lab) -> None:
        instance, _, _ = lab.nodes[node]
        lab.cloud.eip("eip-9", public, instance)
        lab.external_ips[node] = public
        lab.cloud.rule("sg-1", "ingress", protocol="TCP", ports="22/22")

    return change


def loose_eip(lab: Lab) -> None:
    lab.cloud.eip("eip-9", "47.9.0.9")
    lab.external_ips["k1"] = "47.9.0.9"


def born_public(lab: Lab) -> None:
    lab.cloud.instances["i-1"]["PublicIpAddress"] = {"IpAddress": ["47.8.0.8"]}
    lab.external_ips["k1"] = "47.8.0.8"
    lab.cloud.rule("sg-1", "ingress", protocol="TCP", ports="22/22")


def no_gateway(lab: Lab) -> None:
    lab.without_route("0.0.0.0/0")
    lab.cloud.nats.clear()


def dnat(external: str = "2222", internal: str = "22", **fields: str) -> object:
    def change(lab: Lab) -> None:
        lab.cloud.dnat("ngw-1", ("47.1.0.1", external), ("10.0.0.1", internal), **fields)
        lab.cloud.rule("sg-1", "ingress", protocol="TCP", ports="22/22")

    return change


def other_account(lab: Lab) -> None:
    lab.cloud.enis["eni-i-1"]["OwnerId"] = "99"


NO_ENTRY, NO_GATEWAY = "cloud-nat-snat-entry-missing", "cloud-nat-gateway-missing"
SENT = {"port": 443}


def out(id_: str, change: object, first: str, at: str, src: str = "k1", **more: object) -> Case:
    return Case(id_, src, WORLD, change, DOWN, first, at, **{**SENT, **more})


CASES = (
    Case("out-by-vswitch", "k1", WORLD, seen="47.1.0.1", **SENT),
    Case("out-pod", "a1", WORLD, seen="47.1.0.1", **SENT),
    out("out-no-entry", no_snats, NO_ENTRY, "ngw-1"),
    out("out-pod-no-entry", no_snats, NO_ENTRY, "ngw-1", "a1"),
    out("out-entry-of-another-vswitch", snats({"vswitch": "vsw-2"}), NO_ENTRY, "ngw-1"),
    out("out-entry-of-another-network", snats({"cidr": "10.0.9.0/24"}), NO_ENTRY, "ngw-1"),
    out("out-entry-of-another-instance", snats({"cidr": "10.0.0.9/32"}), NO_ENTRY, "ngw-1"),
    out("out-entry-pending", snats({"vswitch": "vsw-1", "status": "Pending"}), NO_ENTRY, "ngw-1"),
    Case("out-by-network", "k1", WORLD, snats({"cidr": "10.0.0.0/16"}), seen="47.1.0.1",
         **SENT),
    Case("out-by-instance", "k1", WORLD, snats({"cidr": "10.0.0.1/32"}), seen="47.1.0.1",
         **SENT),
    Case("out-longest-entry-wins", "k1", WORLD,
         more_snats({"cidr": "10.0.0.0/16", "ips": "47.1.0.1"},
               {"cidr": "10.0.0.1/32", "ips": "47.1.0.2"},
               {"vswitch": "vsw-1", "ips": "47.1.0.3"}), seen="47.1.0.2", **SENT),
    out("out-entry-without-address", snats({"vswitch": "vsw-1", "ips": ""}), "cloud-nat-no-eips",
        "ngw-1/snat-ngw-1-0"),
    out("out-gateway-creating", nat_field(Status="Creating"), NO_GATEWAY, "ngw-1"),
    out("out-gateway-private", nat_field(NetworkType="intranet"), NO_GATEWAY, "ngw-1"),
    out("out-gateway-gone", lambda lab: lab.cloud.nats.clear(),
        NO_GATEWAY + "|cloud-route-nexthop-gone", "eni-i-1|rte-vtb-vpc-a-5"),
    out("out-no-gateway", no_gateway, NO_GATEWAY + "|cloud-nat-no-public-ip", "eni-i-1"),
    out("out-no-default-route", lambda lab: lab.without_route("0.0.0.0/0"), "cloud-route-none",
        TABLE),
    out("out-default-blackhole",
        lambda lab: lab.without_route("0.0.0.0/0").route(TABLE, "0.0.0.0/0", nat="ngw-1",
                                                         status="Blackhole"),
        "cloud-route-blackhole", "rte-vtb-vpc-a-6"),
    Case("out-eip-goes-first", "k1", WORLD, with_eip(), seen="47.9.0.9", **SENT),
    Case("out-eip-without-gateway", "k1", WORLD,
         lambda lab: (with_eip()(lab), no_gateway(lab)), seen="47.9.0.9", **SENT),
    Case("out-born-public", "k1", WORLD, born_public, seen="47.8.0.8", **SENT),
    Case("out-eip-of-another-node", "k1", WORLD, with_eip("k2"), seen="47.1.0.1", **SENT),
    out("out-mail", lambda lab: None, "cloud-port-closed", "eni-i-1", port=25),
    Case("out-submission", "k1", WORLD, port=465, seen="47.1.0.1"),
    out("out-private-address", lambda lab: None, "cloud-nat-private-destination-to-internet",
        "rte-vtb-vpc-a-5")._replace(dst="192.168.7.7"),
    Case("out-user-range-is-public", "k1", "192.168.7.7",
         lambda lab: lab.cloud.vpcs[VPC].update(UserCidrs={"UserCidr": ["192.168.0.0/16"]}),
         **SENT),
    Case("own-service", "k1", "100.100.2.136", port=53, protocol="udp"),
    Case("own-service-without-gateway", "a1", "100.100.2.136", no_gateway, port=53,
         protocol="udp"),
    out("out-egress-dropped",
        lambda lab: lab.cloud.rule("sg-1", "egress", "Drop", "TCP", "443/443"),
        "cloud-sg-explicit-deny-priority", "sg-1/sgr-sg-1-2"),
    out("out-acl", lambda lab: lab.with_acl("vsw-1"), "cloud-acl-egress-deny", "nacl-vsw-1"),
    Case("out-other-account", "k1", WORLD, other_account, OK, "cloud-cross-subscription", "ngw-1",
         **SENT),
    # from the internet
    Case("in-eip", CLIENT, "47.9.0.9", with_eip(), port=22, seen=CLIENT),
    Case("in-born-public", CLIENT, "47.8.0.8", born_public, port=22, seen=CLIENT),
    Case("in-eip-not-admitted", CLIENT, "47.9.0.9",
         lambda lab: (with_eip()(lab), lab.cloud.rules["sg-1"].pop()), DOWN,
         "cloud-sg-no-ingress-rule", "sg-1", port=22),
    Case("in-eip-loose", CLIENT, "47.9.0.9", loose_eip, DOWN, "cloud-nat-eip-unbound", "eip-9",
         port=22),
    Case("in-dnat", CLIENT, "47.1.0.1", dnat(), port=2222, seen=CLIENT),
    Case("in-dnat-any-port", CLIENT, "47.1.0.1", dnat("any", "any", protocol="any"), port=22),
    Case("in-dnat-missing", CLIENT, "47.1.0.1", dnat(), DOWN, "cloud-nat-dnat-entry-missing",
         "ngw-1", port=2223),
    Case("in-dnat-other-protocol", CLIENT, "47.1.0.1", dnat(protocol="udp"), DOWN,
         "cloud-nat-dnat-entry-missing", "ngw-1", port=2222),
    Case("in-dnat-pending", CLIENT, "47.1.0.1", dnat(status="Pending"), DOWN,
         "cloud-nat-dnat-entry-missing", "ngw-1", port=2222),
)  # fmt: skip
