"""Security groups: both sorts, inner policies, priorities, five tuples, prefix lists, pods."""

from __future__ import annotations

from tests.aliyun.matrix.case import DOWN, Case
from tests.aliyun.matrix.lab import Lab

_SSH = {"port": 22}
ANYBODY = "0.0.0.0/0"


def rule(group: str, *arguments: str, **fields: object) -> object:
    """k2 in a group of its own with one rule."""

    def change(lab: Lab) -> None:
        lab.split().rule(group, *arguments, **fields)

    return change


def ingress(**fields: object) -> object:
    """k2's own group has one ingress rule for tcp 22, changed by fields."""
    given = {"protocol": "TCP", "ports": "22/22", **fields}
    return rule("sg-2", "ingress", **given)


def rules(*given: tuple[str, str, dict[str, object]], inner: str = "Accept") -> object:
    """k2's own group with these (direction, policy, fields) rules."""

    def change(lab: Lab) -> None:
        cloud = lab.split()
        cloud.inner["sg-2"] = inner
        for direction, policy, fields in given:
            cloud.rule("sg-2", direction, policy, **fields)

    return change


def inner(policy: str, *extra: tuple[str, str, dict[str, object]]) -> object:
    """Both nodes in sg-1 with this inner policy and further rules."""

    def change(lab: Lab) -> None:
        lab.cloud.inner["sg-1"] = policy
        for direction, what, fields in extra:
            lab.cloud.rule("sg-1", direction, what, **fields)

    return change


def enterprise(mine: tuple[str, ...] = (), theirs: tuple[str, ...] = ()) -> object:
    """k1 in sg-e and k2 in sg-2, both enterprise, each admitting everything in these directions."""

    def change(lab: Lab) -> None:
        cloud = lab.split("enterprise")
        for direction in mine:
            cloud.rule("sg-e", direction)
        for direction in theirs:
            cloud.rule("sg-2", direction)

    return change


def one_enterprise(lab: Lab) -> None:
    lab.cloud.group("sg-e", "vpc-a", kind="enterprise")
    lab.groups("k1", "sg-e")
    lab.groups("k2", "sg-e")


def listed(*cidrs: str) -> object:
    """k2's group admits a prefix list."""

    def change(lab: Lab) -> None:
        cloud = lab.split()
        cloud.prefix_list("pl-1", *cidrs)
        cloud.rule("sg-2", "ingress", protocol="TCP", ports="22/22", peer_list="pl-1")

    return change


def two_groups(drop: int, accept: int) -> object:
    """k2 in two groups, one that drops and one that accepts."""

    def change(lab: Lab) -> None:
        cloud = lab.split()
        cloud.group("sg-3", "vpc-a")
        lab.groups("k2", "sg-2", "sg-3")
        cloud.rule("sg-2", "ingress", "Accept", priority=accept)
        cloud.rule("sg-3", "ingress", "Drop", priority=drop)

    return change


def shared_second(lab: Lab) -> None:
    lab.split()
    lab.cloud.group("sg-9", "vpc-a")
    lab.groups("k1", "sg-1", "sg-9")
    lab.groups("k2", "sg-2", "sg-9")


def pods_not_admitted(lab: Lab) -> None:
    lab.cloud.rules["sg-1"] = lab.cloud.rules["sg-1"][1:]


def pods_admitted_as(**fields: object) -> object:
    def change(lab: Lab) -> None:
        pods_not_admitted(lab)
        lab.cloud.rule("sg-1", "ingress", **fields)

    return change


def pods_by_group(lab: Lab) -> None:
    lab.split().rule("sg-2", "ingress", peer_group="sg-1")


def sgd(id_: str, change: object, first: str, at: str, **more: object) -> Case:
    """k1 cannot reach k2's ssh."""
    return Case(id_, "k1", "k2", change, DOWN, first, at, **{**_SSH, **more})


def sgo(id_: str, change: object, **more: object) -> Case:
    """k1 reaches k2's ssh."""
    return Case(id_, "k1", "k2", change, **{**_SSH, **more})


DENY = "cloud-sg-explicit-deny-priority"
NO_IN, NO_OUT = "cloud-sg-no-ingress-rule", "cloud-sg-no-egress-rule"
CASES = (
    sgd("empty-group", rules(), "cloud-sg-empty", "sg-2",
        also="cloud-sg-nodes-in-different-groups"),
    sgd("other-port", ingress(ports="80/80"), NO_IN, "sg-2"),
    sgd("other-protocol", ingress(protocol="UDP"), NO_IN, "sg-2"),
    sgd("other-source", ingress(peer="10.0.0.9/32"), NO_IN, "sg-2"),
    sgd("other-source-network", ingress(peer="192.168.0.0/16"), NO_IN, "sg-2"),
    sgd("only-ipv6", ingress(peer="::/0"), NO_IN, "sg-2"),
    sgo("source-network", ingress(peer="10.0.0.0/24")),
    sgo("source-address", ingress(peer="10.0.0.1/32")),
    sgo("everybody", ingress(peer=ANYBODY)),
    sgo("port-range", ingress(ports="20/30")),
    sgo("all-protocols", ingress(protocol="ALL", ports="-1/-1")),
    sgd("range-misses-by-one", ingress(ports="23/30"), NO_IN, "sg-2"),
    # references
    sgo("by-group", rule("sg-2", "ingress", peer_group="sg-1")),
    sgd("by-another-group", rule("sg-2", "ingress", peer_group="sg-7"), NO_IN, "sg-2"),
    sgo("by-group-of-an-account", rule("sg-2", "ingress", peer_group="sg-1", owner="99")),
    sgo("by-prefix-list", listed("192.168.0.0/16", "10.0.0.0/24")),
    sgd("not-in-prefix-list", listed("192.168.0.0/16"), NO_IN, "sg-2"),
    sgd("empty-prefix-list", listed(), NO_IN, "sg-2"),
    # five tuples
    sgo("five-tuple-destination", ingress(local="10.0.1.2/32")),
    sgd("five-tuple-other-destination", ingress(local="10.0.1.9/32"), NO_IN, "sg-2"),
    sgo("five-tuple-source-ports", ingress(source_ports="1024/65535")),
    sgd("five-tuple-one-source-port", ingress(source_ports="22/22"), NO_IN, "sg-2"),
    # priorities
    sgd(
        "drop-first",
        rules(("ingress", "Drop", {"priority": 1}), ("ingress", "Accept", {"priority": 2})),
        DENY,
        "sg-2/sgr-sg-2-0",
    ),
    sgo(
        "accept-first",
        rules(("ingress", "Accept", {"priority": 1}), ("ingress", "Drop", {"priority": 2})),
    ),
    sgd(
        "equal-priority-drop-wins",
        rules(("ingress", "Accept", {"priority": 5}), ("ingress", "Drop", {"priority": 5})),
        DENY,
        "sg-2/sgr-sg-2-1",
    ),
    sgd(
        "one-hundred-after-one",
        rules(("ingress", "Accept", {"priority": 100}), ("ingress", "Drop", {"priority": 99})),
        DENY,
        "sg-2/sgr-sg-2-1",
    ),
    sgo(
        "drop-of-another-port",
        rules(
            ("ingress", "Accept", {"priority": 2}),
            ("ingress", "Drop", {"protocol": "TCP", "ports": "23/23", "priority": 1}),
        ),
    ),
    sgd(
        "drop-of-this-source-only",
        rules(
            ("ingress", "Accept", {"priority": 2}),
            ("ingress", "Drop", {"peer": "10.0.0.1/32", "priority": 1}),
        ),
        DENY,
        "sg-2/sgr-sg-2-1",
    ),
    sgd("two-groups-drop-wins", two_groups(1, 1), DENY, "sg-3/sgr-sg-3-0"),
    sgd("two-groups-drop-first", two_groups(1, 2), DENY, "sg-3/sgr-sg-3-0"),
    sgo("two-groups-accept-first", two_groups(2, 1)),
    # going out
    sgd(
        "egress-drop",
        lambda lab: (lab.split().rule("sg-2", "ingress"), lab.cloud.rule("sg-1", "egress", "Drop")),
        DENY,
        "sg-1/sgr-sg-1-2",
    ),
    sgo(
        "egress-drop-of-udp",
        lambda lab: (
            lab.split().rule("sg-2", "ingress"),
            lab.cloud.rule("sg-1", "egress", "Drop", "UDP", "1/65535"),
        ),
    ),
    sgo(
        "answers-pass-an-egress-drop",
        rules(("ingress", "Accept", {}), ("egress", "Drop", {})),
    ),
    # inner policies
    sgo("members-talk", inner("Accept")),
    sgo("members-talk-over-a-drop", inner("Accept", ("ingress", "Drop", {"priority": 1}))),
    sgo("members-talk-over-an-egress-drop", inner("Accept", ("egress", "Drop", {"priority": 1}))),
    sgd("members-isolated", inner("Drop"), "cloud-sg-intra-group-isolated", "sg-1"),
    sgo(
        "members-isolated-but-a-rule",
        inner("Drop", ("ingress", "Accept", {"protocol": "TCP", "ports": "22/22"})),
    ),
    sgd(
        "members-isolated-and-a-drop",
        inner("Drop", ("ingress", "Drop", {})),
        DENY,
        "sg-1/sgr-sg-1-2",
    ),
    sgo("members-of-a-second-group", shared_second),
    # enterprise
    sgd("enterprise-nothing", enterprise(), NO_OUT + "|cloud-sg-empty", "sg-e"),
    sgd("enterprise-only-out", enterprise(("egress",)), NO_IN + "|cloud-sg-empty", "sg-2"),
    sgd(
        "enterprise-only-in", enterprise((), ("ingress",)), NO_OUT + "|cloud-sg-empty", "sg-e"
    ),
    sgo("enterprise-both", enterprise(("egress",), ("ingress",))),
    sgd(
        "enterprise-members-are-strangers",
        one_enterprise,
        NO_OUT + "|cloud-sg-empty",
        "sg-e",
    ),
    sgd(
        "enterprise-egress-elsewhere",
        lambda lab: lab.split("enterprise").rule("sg-e", "egress", peer="8.8.8.8/32"),
        NO_OUT,
        "sg-e",
    ),
    # ICMP
    Case("ping", "k1", "k2", rule("sg-2", "ingress", "Accept", "ICMP"), protocol="icmp"),
    Case("no-ping", "k1", "k2", ingress(), DOWN, NO_IN, "sg-2", protocol="icmp"),
    # pods
    Case("pods", "a1", "b1"),
    Case(
        "pods-not-admitted", "a1", "b1", pods_not_admitted, DOWN, "cloud-sg-pod-cidr-not-allowed",
        "sg-1",
    ),
    Case(
        "pods-other-network", "a1", "b1", pods_admitted_as(peer="10.200.0.0/16"), DOWN,
        "cloud-sg-pod-cidr-not-allowed", "sg-1",
    ),
    Case(
        "pods-other-port", "a1", "b1",
        pods_admitted_as(peer="10.244.0.0/16", protocol="TCP", ports="8080/8080"), DOWN,
        "cloud-sg-pod-cidr-not-allowed", "sg-1",
    ),
    Case("pods-of-one-node", "a1", "b1", pods_admitted_as(peer="10.244.1.0/24")),
    Case(
        "pods-by-group", "a1", "k2", pods_by_group, DOWN, "cloud-sg-reference-not-preserved",
        "sg-2", port=22,
    ),
    Case("pods-dns", "a1", "b1", protocol="udp", port=53),
    Case(
        "pods-dns-not-admitted", "a1", "b1", pods_admitted_as(peer="10.244.0.0/16", protocol="TCP",
        ports="1/65535"), DOWN, "cloud-sg-pod-cidr-not-allowed", "sg-1", protocol="udp", port=53,
    ),
    Case("node-to-pod", "k1", "b1"),
    Case("pod-to-node", "a1", "k2", port=22),
    Case(
        "node-to-pod-in-another-group", "k1", "b1", ingress(), DOWN, NO_IN, "sg-2",
    ),
)  # fmt: skip
