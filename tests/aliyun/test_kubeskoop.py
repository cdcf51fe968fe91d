"""What KubeSkoop checks on Aliyun exists here, and what it gets wrong there is right."""

from __future__ import annotations

import pytest

from skoop.findings import catalogue
from tests.aliyun.matrix.lab import TABLE, Lab
from tests.aliyun.matrix.test_matrix import CASES

CHECKS = {
    "no shared group": "cloud-sg-nodes-in-different-groups",
    "inbound denied": "cloud-sg-no-ingress-rule",
    "inbound dropped": "cloud-sg-explicit-deny-priority",
    "outbound denied": "cloud-sg-no-egress-rule",
    "route missing": "cloud-route-pod-cidr-missing",
    "wrong next hop": "cloud-route-wrong-instance",
    "SNAT: no next hop": "cloud-route-none",
    "SNAT: next hop is no NAT gateway": "cloud-nat-private-destination-to-internet",
    "SNAT: no entry": "cloud-nat-snat-entry-missing",
    "SLB inactive": "cloud-lb-inactive",
    "backend unhealthy": "cloud-lb-backend-unhealthy",
    "listener missing": "cloud-lb-listener-missing",
    "listener stopped": "cloud-lb-listener-stopped",
    "ACL denies": "cloud-lb-acl-deny",
    "server group missing": "cloud-lb-server-group-missing",
    "server group empty": "cloud-lb-no-backends",
    "backend membership": "cloud-lb-backend-set-drift",
}


@pytest.mark.parametrize("check", CHECKS)
def test_each_of_its_checks_exists_and_is_met(check: str) -> None:
    name = CHECKS[check]
    assert name in {each.name for each in catalogue()}
    assert any(name in (*case.first.split("|"), case.also) for case in CASES)


DEFECTS = {
    "rules are judged though the instances share no group": ("source-network", "other-port"),
    "a rule may name a group": ("by-group", "by-another-group"),
    "a rule may name a prefix list": ("by-prefix-list", "not-in-prefix-list"),
    "priorities are compared": ("accept-first", "drop-first", "one-hundred-after-one"),
    "equal priorities": ("equal-priority-drop-wins",),
    "100.64.0.0/10 is the cloud's own": ("own-service", "own-service-without-gateway"),
    "UDP listeners": ("clb-only-a-udp-listener",),
    "a private address outside the cluster is routed": ("out-private-address",),
    "the way back has its own next hop": ("route-back-to-the-wrong-node", "route-blackhole-back"),
    "policy Cluster alone is no warning": ("clb",),
    "network load balancers": ("nlb", "nlb-listener-stopped"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_of_its_defects_has_situations_here(defect: str) -> None:
    assert set(DEFECTS[defect]) <= {case.id for case in CASES}


def test_a_udp_listener_carries_udp() -> None:
    """Its kind of listener made KubeSkoop fail."""
    lab = Lab()
    lab.cloud.clb_listener("lb-1", 53, "udp", group="rsp-1")
    found = lab.ask("203.0.113.9", "47.2.0.1", 53, "udp")
    assert not any(one.name.startswith("cloud-lb-listener") for one in found.suspicions)


def test_a_private_server_outside_the_cluster_is_checked() -> None:
    lab = Lab()
    lab.cloud.instance("i-db", "vsw-2", "10.0.1.77", ("sg-1",))
    assert lab.ask("k1", "10.0.1.77", 3306).verdict.value == "reachable"
    lab = Lab()
    lab.cloud.group("sg-db", "vpc-a")
    lab.cloud.instance("i-db", "vsw-2", "10.0.1.77", ("sg-db",))
    found = lab.ask("k1", "10.0.1.77", 3306)
    assert found.verdict.value == "unreachable"
    assert found.suspicions[0].where.name == "Aliyun/cn-hangzhou/sg-db"


def test_a_healthy_cluster_gives_no_suspicion() -> None:
    for src, dst, port in (("a1", "b1", 80), ("k1", "k2", 22), ("203.0.113.9", "47.2.0.1", 80)):
        assert Lab().ask(src, dst, port).suspicions == ()
    assert TABLE in {one["RouteTableId"] for one in Lab().cloud.routes}
