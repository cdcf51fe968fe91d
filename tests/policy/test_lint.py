"""Each check with a case that it finds and one that it must not find."""

from __future__ import annotations

from typing import Any

import pytest

from skoop.policy import Engine
from skoop.policy.lint import lint
from tests.policy.clusters import Object, calico, inventory, namespace, pod, policy, xyz

WEB = {"podSelector": {"matchLabels": {"app": "web"}}}
DNS = pod("kube-system", "coredns", labels={"k8s-app": "kube-dns"}, ip="10.9.0.1")
SHOP: tuple[Object, ...] = (
    namespace("shop"),
    pod("shop", "web", labels={"app": "web"}, ip="10.0.0.1", ports=[("http", "TCP", 80)]),
    pod("shop", "api", labels={"app": "api"}, ip="10.0.0.2", ports=[("grpc", "TCP", 81)]),
    DNS,
)
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "api", "namespace": "shop"},
    "spec": {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "ports": [{"port": 80}]},
}
ANYONE: dict[str, Any] = {"from": [{"podSelector": {}}]}
DNS_RULE = {
    "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
    "ports": [{"port": 53, "protocol": "UDP"}],
}
TO_API = {"to": [{"podSelector": {"matchLabels": {"app": "api"}}}]}


def codes(*objects: Object, engine: Engine = Engine.KUBERNETES) -> set[str]:
    return {one.name for one in lint(inventory(*SHOP, *objects), engine)}


def np(**spec: Any) -> Object:
    return policy("shop", "np", **spec)


def cnp(name: str, priority: int, *rules: tuple[str, str], tier: str = "Admin") -> Object:
    """A ClusterNetworkPolicy with ingress rules (action, app)."""
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "tier": tier,
            "priority": priority,
            "subject": {"namespaces": {}},
            "ingress": [
                {"action": action, "from": [{"pods": {
                    "podSelector": {"matchLabels": {"app": app}} if app else {}}}]}
                for action, app in rules
            ],
        },
    }  # fmt: skip


def gnp(name: str, **spec: Any) -> Object:
    return calico("GlobalNetworkPolicy", name, **spec)


CASES: list[tuple[str, tuple[Object, ...], tuple[Object, ...]]] = [
    (
        "policy-selects-nothing",
        (np(podSelector={"matchLabels": {"app": "wbe"}}),),
        (np(**WEB),),
    ),
    (
        "implicit-policytypes",
        (np(**WEB, egress=[TO_API, DNS_RULE]),),
        (np(**WEB, policyTypes=["Egress"], egress=[TO_API, DNS_RULE]),),
    ),
    (
        "dns-egress-missing",
        (np(**WEB, policyTypes=["Egress"], egress=[TO_API]),),
        (np(**WEB, policyTypes=["Egress"], egress=[TO_API, DNS_RULE]),),
    ),
    (
        "dns-egress-missing",
        (np(**WEB, policyTypes=["Egress"], egress=[{**TO_API, "ports": [{"port": 53}]}]),),
        # Who may send nothing at all is not meant to ask for names.
        (np(**WEB, policyTypes=["Egress"], egress=[]),),
    ),
    (
        "policy-named-port-miss",
        (np(**WEB, ingress=[{**ANYONE, "ports": [{"port": "grpc"}]}]),),
        (np(**WEB, ingress=[{**ANYONE, "ports": [{"port": "http"}]}]),),
    ),
    (
        "policy-named-port-miss",
        (np(**WEB, policyTypes=["Egress"], egress=[{**TO_API, "ports": [{"port": "http"}]}]),),
        (np(**WEB, policyTypes=["Egress"], egress=[{**TO_API, "ports": [{"port": "grpc"}]}]),),
    ),
    (
        "policy-peer-selects-nothing",
        (np(**WEB, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "ap"}}}]}]),),
        (np(**WEB, ingress=[{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]),),
    ),
    (
        "policy-peer-selects-nothing",
        (np(**WEB, ingress=[{"from": [{"podSelector": {}, "namespaceSelector": {
            "matchLabels": {"team": "x"}}}]}]),),
        (np(**WEB, ingress=[{"from": [{"namespaceSelector": {"matchLabels": {
            "kubernetes.io/metadata.name": "shop"}}}]}]),),
    ),
    (
        "ipblock-vs-nat-address",
        (SERVICE, np(**WEB, policyTypes=["Egress"], egress=[
            {"to": [{"ipBlock": {"cidr": "10.96.0.9/32"}}]}])),
        (SERVICE, np(**WEB, policyTypes=["Egress"], egress=[
            {"to": [{"ipBlock": {"cidr": "10.96.0.8/32"}}]}])),
    ),
    (
        "policy-rule-redundant",
        (np(**WEB, ingress=[ANYONE, {**ANYONE, "ports": [{"port": 80}]}]),),
        (np(**WEB, ingress=[{**ANYONE, "ports": [{"port": 81}]},
                            {**ANYONE, "ports": [{"port": 80}]}]),),
    ),
    (
        "policy-rule-unreachable",
        (cnp("a", 1, ("Deny", ""), ("Accept", "api")),),
        (cnp("a", 1, ("Accept", "api"), ("Deny", "")),),
    ),
    (
        "policy-rule-unreachable",
        (cnp("a", 1, ("Deny", "")), cnp("b", 2, ("Pass", "api"))),
        (cnp("a", 2, ("Deny", "")), cnp("b", 1, ("Pass", "api"))),
    ),
    (
        "policy-priority-tie",
        (cnp("a", 1, ("Deny", "api")), cnp("b", 1, ("Accept", "api"))),
        (cnp("a", 1, ("Deny", "api")), cnp("b", 1, ("Accept", "api"), tier="Baseline")),
    ),
    (
        "policy-selector-invalid",
        (gnp("a", selector="app = 'web'"),),
        (gnp("a", selector="app == 'web'"),),
    ),
    (
        "policy-selector-invalid",
        (gnp("a", selector="all()", ingress=[{"action": "Deny", "source": {"selector": "x"}}]),),
        (gnp("a", selector="all()", ingress=[
            {"action": "Deny", "source": {"selector": "has(app)"}}]),),
    ),
    (
        "policy-tier-missing",
        (gnp("a", tier="security", selector="all()"),),
        (gnp("a", tier="security", selector="all()"), calico("Tier", "security", order=1)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "bad", "good"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_each_check_finds_its_case_and_only_that(
    name: str, bad: tuple[Object, ...], good: tuple[Object, ...]
) -> None:
    calicos = any("projectcalico" in each.get("apiVersion", "") for each in bad)
    engine = Engine.CALICO if calicos else Engine.KUBERNETES
    assert name in codes(*bad, engine=engine)
    assert name not in codes(*good, engine=engine)


def test_rules_that_each_decide_something_are_left_alone() -> None:
    rules = [
        {"from": [{"podSelector": {"matchLabels": {"pod": one}}}], "ports": [{"port": 80}]}
        for one in "abc"
    ]
    found = lint(inventory(*xyz(), policy("x", "np", ingress=rules)), Engine.KUBERNETES)
    assert found == ()


def test_a_finding_names_the_policy_and_shows_its_rule() -> None:
    bad = np(**WEB, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "ap"}}}]}])
    (one,) = lint(inventory(*SHOP, bad), Engine.KUBERNETES)
    assert (one.where.kind, one.where.name) == ("policy", "shop/np")
    assert "ingress[0]" in one.message
    assert one.evidence[0].source == "NetworkPolicy shop/np"
