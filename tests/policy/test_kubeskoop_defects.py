"""What the reference tool gets wrong about policies; each has its own row."""

from __future__ import annotations

from typing import Any

import pytest

from skoop.policy import Basis, Outcome
from tests.policy.clusters import Asking, Object, calico, inventory, namespace, node, pod, policy

PODS: tuple[Object, ...] = (
    namespace("shop", team="sales"),
    namespace("web", team="front"),
    node("n1", "192.168.0.1"),
    node("n2", "192.168.0.2"),
    pod("shop", "api", labels={"app": "api"}, ip="10.0.0.1", node="n1",
        ports=[("http", "TCP", 8080), ("dns", "UDP", 53)]),
    pod("shop", "job", labels={"app": "job"}, ip="10.0.0.2", node="n2"),
    # A pod with the name of a namespace whose labels it must not be mistaken for.
    pod("web", "shop", labels={"app": "ui"}, ip="10.0.1.1", node="n2"),
)  # fmt: skip
API: dict[str, Any] = {"podSelector": {"matchLabels": {"app": "api"}}}
JOB = {"podSelector": {"matchLabels": {"app": "job"}}}
FRONT = {"namespaceSelector": {"matchLabels": {"team": "front"}}}


def np(name: str = "np", **spec: Any) -> Object:
    return policy("shop", name, **{**API, **spec})


ROWS: list[tuple[str, tuple[Object, ...], tuple[str, str, int, str], bool]] = [
    ("1-one-policy-that-allows-is-enough",
     (np(ingress=[{"from": [JOB]}]), np("other", ingress=[{"from": [FRONT]}])),
     ("shop/job", "shop/api", 8080, "TCP"), True),
    ("2-the-destination-port-counts",
     (np(ingress=[{"ports": [{"port": 8080}]}]),),
     ("shop/job", "shop/api", 8080, "TCP"), True),
    ("2-another-destination-port",
     (np(ingress=[{"ports": [{"port": 8080}]}]),),
     ("shop/job", "shop/api", 8081, "TCP"), False),
    ("3-absent-from-is-everyone", (np(ingress=[{}]),), ("shop/job", "shop/api", 1, "TCP"), True),
    ("3-empty-from-is-everyone",
     (np(ingress=[{"from": []}]),), ("shop/job", "shop/api", 1, "TCP"), True),
    ("3-empty-to-is-everyone",
     (np(policyTypes=["Egress"], egress=[{"to": []}]),),
     ("shop/api", "203.0.113.1", 1, "TCP"), True),
    ("4-both-selectors-must-match",
     (np(ingress=[{"from": [{**FRONT, **JOB}]}]),),
     ("shop/job", "shop/api", 8080, "TCP"), False),
    ("4-both-selectors-match",
     (np(ingress=[{"from": [{**FRONT, "podSelector": {"matchLabels": {"app": "ui"}}}]}]),),
     ("web/shop", "shop/api", 8080, "TCP"), True),
    ("5-the-namespace-is-the-pods-own",
     (np(ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "sales"}}}]}]),),
     ("web/shop", "shop/api", 8080, "TCP"), False),
    ("6-no-port-is-all-of-the-protocol",
     (np(ingress=[{"ports": [{"protocol": "UDP"}]}]),), ("shop/job", "shop/api", 9, "UDP"), True),
    ("6-named-port", (np(ingress=[{"ports": [{"port": "http"}]}]),),
     ("shop/job", "shop/api", 8080, "TCP"), True),
    ("6-sctp", (np(ingress=[{"ports": [{"port": 9, "protocol": "SCTP"}]}]),),
     ("shop/job", "shop/api", 9, "SCTP"), True),
    ("6-end-port", (np(ingress=[{"ports": [{"port": 8000, "endPort": 8100}]}]),),
     ("shop/job", "shop/api", 8100, "TCP"), True),
    ("8-its-own-node", (np(policyTypes=["Ingress"]),), ("node/n1", "shop/api", 8080, "TCP"), True),
    ("8-another-node", (np(policyTypes=["Ingress"]),), ("node/n2", "shop/api", 8080, "TCP"), False),
]  # fmt: skip


@pytest.mark.parametrize(("policies", "asked", "answer"), [row[1:] for row in ROWS],
                         ids=[row[0] for row in ROWS])  # fmt: skip
def test_defect(
    policies: tuple[Object, ...], asked: tuple[str, str, int, str], answer: bool
) -> None:
    found = Asking(inventory(*PODS, *policies)).ask(*asked)
    assert found.outcome is (Outcome.ALLOWED if answer else Outcome.DENIED)


def test_7_egress_is_judged_behind_the_service_not_at_its_address() -> None:
    from skoop.cluster.judge import Asked, Judge
    from skoop.policy import Engine

    service = {
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "selector": {"app": "api"},
                 "ports": [{"port": 80, "targetPort": "http"}]},
    }  # fmt: skip
    to_pod = policy("shop", "np", **JOB, policyTypes=["Egress"],
                    egress=[{"to": [API], "ports": [{"port": 8080}]}])  # fmt: skip
    to_vip = policy("shop", "np", **JOB, policyTypes=["Egress"],
                    egress=[{"to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}]}])  # fmt: skip
    asked = Asked("shop/job", "svc/shop/api")
    answers = [
        Judge(inventory(*PODS, service, each), Engine.KUBERNETES).judge(asked).outcome
        for each in (to_pod, to_vip)
    ]
    assert answers == [Outcome.ALLOWED, Outcome.DENIED]


def test_8_administrators_and_calicos_policies_are_known() -> None:
    from skoop.policy import Engine

    admin = {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": "a"},
        "spec": {"priority": 1, "subject": {"namespaces": {}},
                 "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]},
    }  # fmt: skip
    gnp = calico("GlobalNetworkPolicy", "g", selector="app == 'api'",
                 ingress=[{"action": "Deny"}])  # fmt: skip
    for policies, engine in (((admin,), Engine.KUBERNETES), ((gnp,), Engine.CALICO)):
        found = Asking(inventory(*PODS, *policies), engine).ask("shop/job", "shop/api")
        assert (found.outcome, found.ingress.basis) == (Outcome.DENIED, Basis.RULE)
