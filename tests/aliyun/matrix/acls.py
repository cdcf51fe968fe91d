"""Network ACLs: without memory, in order, and not within a vSwitch."""

from __future__ import annotations

from tests.aliyun.matrix.case import DOWN, OPEN, Case
from tests.aliyun.matrix.lab import Entry, Lab

ALL: Entry = ("accept", "all", "-1/-1", "0.0.0.0/0")
SSH: Entry = ("accept", "tcp", "22/22", "0.0.0.0/0")
HIGH: Entry = ("accept", "tcp", "1024/65535", "0.0.0.0/0")


def acl(
    vswitch: str, ingress: tuple[Entry, ...] = (ALL,), egress: tuple[Entry, ...] = (ALL,)
) -> object:
    return lambda lab: lab.with_acl(vswitch, ingress, egress)


def same_subnet(lab: Lab) -> None:
    lab.move("k2", "10.0.0.2", "vsw-1")
    lab.with_acl("vsw-1")


IN, OUT = "cloud-acl-ingress-deny", "cloud-acl-egress-deny"
BACK, ORDER = "cloud-acl-return-ephemeral-deny", "cloud-acl-rule-order"
N1, N2 = "nacl-vsw-1", "nacl-vsw-2"
NODES = ("k1", "k2")


def down(id_: str, change: object, first: str, at: str, way: str = "forward") -> Case:
    return Case(id_, *NODES, change, DOWN, first, at, way, port=22)


def fine(id_: str, change: object) -> Case:
    return Case(id_, *NODES, change, port=22)


def entries(*given: Entry) -> object:
    return acl("vsw-2", ingress=given)


DROP: Entry = ("drop", "all", "-1/-1", "0.0.0.0/0")
CASES = (
    fine("acl-all", acl("vsw-2")),
    fine("acl-both-subnets", lambda lab: (lab.with_acl("vsw-1", (ALL,), (ALL,)),
                                          lab.with_acl("vsw-2", (ALL,), (ALL,)))),
    down("acl-in-nothing", entries(), IN, N2),
    down("acl-in-other-port", entries(("accept", "tcp", "80/80", "0.0.0.0/0")), IN, N2),
    down("acl-in-other-source", entries(("accept", "all", "-1/-1", "192.168.0.0/16")), IN, N2),
    down("acl-in-other-protocol", entries(("accept", "udp", "1/65535", "0.0.0.0/0")), IN, N2),
    down("acl-in-dropped", entries(DROP), IN, N2 + "/nae-nacl-vsw-2-in-0"),
    down("acl-in-drop-before-accept", entries(DROP, ALL), ORDER, N2 + "/nae-nacl-vsw-2-in-0"),
    fine("acl-in-accept-before-drop", entries(SSH, DROP)),
    fine("acl-in-drop-of-other-port", entries(("drop", "tcp", "80/80", "0.0.0.0/0"), ALL)),
    down("acl-out-nothing", acl("vsw-1", egress=()), OUT, N1),
    down("acl-out-other-destination",
         acl("vsw-1", egress=(("accept", "all", "-1/-1", "10.0.9.0/24"),)), OUT, N1),
    down("acl-out-drop-before-accept", acl("vsw-1", egress=(DROP, ALL)), ORDER,
         N1 + "/nae-nacl-vsw-1-out-0"),
    fine("acl-out-destination",
         acl("vsw-1", egress=(("accept", "tcp", "22/22", "10.0.1.0/24"),))),
    down("acl-answers-leave-by-port-22-only", acl("vsw-2", egress=(SSH,)), BACK, N2, "return"),
    down("acl-answers-come-in-by-port-22-only", acl("vsw-1", ingress=(SSH,)), BACK, N1, "return"),
    down("acl-answers-dropped", acl("vsw-1", ingress=(("drop", "tcp", "32768/65535", "0.0.0.0/0"),
                                                      ALL)), BACK,
         N1 + "/nae-nacl-vsw-1-in-0", "return"),
    fine("acl-answers-by-high-ports", acl("vsw-2", ingress=(SSH,), egress=(HIGH,))),
    fine("acl-answers-by-ephemeral-ports",
         acl("vsw-1", ingress=(("accept", "tcp", "32768/60999", "0.0.0.0/0"),))),
    Case("acl-answers-by-some-ports", *NODES,
         acl("vsw-1", ingress=(("accept", "tcp", "40000/50000", "0.0.0.0/0"),)), OPEN, port=22,
         way="return"),
    fine("acl-not-within-a-subnet", same_subnet),
    Case("acl-pods-in", "a1", "b1", entries(("accept", "all", "-1/-1", "10.244.0.0/16"))),
    Case("acl-pods-not-in", "a1", "b1", entries(("accept", "all", "-1/-1", "10.0.0.0/16")), DOWN,
         IN, N2),
    Case("acl-pods-answers", "a1", "b1",
         acl("vsw-2", egress=(("accept", "all", "-1/-1", "10.0.0.0/16"),)), DOWN, BACK, N2,
         "return"),
    Case("acl-ping", *NODES, entries(("accept", "icmp", "-1/-1", "0.0.0.0/0")), protocol="icmp"),
    Case("acl-no-ping", *NODES, entries(SSH), DOWN, IN, N2, protocol="icmp"),
    Case("acl-dns-answers", "a1", "b1",
         acl("vsw-2", egress=(("accept", "tcp", "1/65535", "0.0.0.0/0"),)), DOWN, BACK, N2,
         "return", port=53, protocol="udp"),
)  # fmt: skip
