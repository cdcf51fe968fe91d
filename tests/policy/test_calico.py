"""Calico's semantics, row by row (docs.tigera.io); random clusters are in test_oracle.py."""

from __future__ import annotations

from typing import Any

import pytest

from skoop.policy import Engine, Outcome
from tests.policy.clusters import Asking, Object, calico, inventory, namespace, node, pod, policy

BASE: tuple[Object, ...] = (
    namespace("shop", team="sales"),
    namespace("web", team="front"),
    node("n1", "192.168.0.1"),
    node("n2", "192.168.0.2"),
    pod("shop", "api", labels={"app": "api"}, ip="10.0.0.1", node="n1", account="api",
        ports=[("http", "TCP", 8080)]),
    pod("shop", "job", labels={"app": "job"}, ip="10.0.0.2", node="n2"),
    pod("web", "ui", labels={"app": "ui"}, ip="10.0.1.1", node="n2"),
    {"kind": "ServiceAccount",
     "metadata": {"namespace": "shop", "name": "api", "labels": {"role": "server"}}},
)  # fmt: skip
SLICE = {
    "kind": "EndpointSlice",
    "metadata": {"name": "api-1", "namespace": "shop",
                 "labels": {"kubernetes.io/service-name": "api"}},
    "addressType": "IPv4",
    "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
    "endpoints": [{"addresses": ["10.0.0.1"]}],
}  # fmt: skip
TO_API = ("shop/job", "shop/api")
FROM_UI = ("web/ui", "shop/api")
HOST: dict[str, Any] = {"node": "n1", "interfaceName": "*", "labels": {"host": "yes"}}


def allow(**more: Any) -> dict[str, Any]:
    return {"action": "Allow", **more}


def deny(**more: Any) -> dict[str, Any]:
    return {"action": "Deny", **more}


def gnp(name: str = "g", **spec: Any) -> Object:
    return calico("GlobalNetworkPolicy", name, **{"selector": "app == 'api'", **spec})


def np(name: str = "p", **spec: Any) -> Object:
    return calico("NetworkPolicy", name, "shop", **{"selector": "app == 'api'", **spec})


def host(**spec: Any) -> Object:
    return calico("HostEndpoint", "n1", **{**HOST, **spec})


Row = tuple[str, tuple[Object, ...], tuple[str, str], tuple[int, str], str]
ROWS: list[Row] = [
    ("isolated-by-any-policy", (np(ingress=[]),), TO_API, (80, "TCP"), "denied"),
    ("types-default-to-ingress", (np(),), TO_API, (80, "TCP"), "denied"),
    ("egress-only", (np(egress=[allow()]),), TO_API, (80, "TCP"), "allowed"),
    ("selector-of-a-namespaced-rule-stays-inside",
     (np(ingress=[allow(source={"selector": "has(app)"})]),), FROM_UI, (80, "TCP"), "denied"),
    ("selector-of-a-global-rule-does-not",
     (gnp(ingress=[allow(source={"selector": "has(app)"})]),), FROM_UI, (80, "TCP"), "allowed"),
    ("namespace-selector-by-name",
     (np(ingress=[allow(source={"namespaceSelector": "projectcalico.org/name == 'web'"})]),),
     FROM_UI, (80, "TCP"), "allowed"),
    ("namespace-selector-all",
     (np(ingress=[allow(source={"namespaceSelector": "all()"})]),), FROM_UI, (80, "TCP"),
     "allowed"),
    ("an-unset-source-is-everyone", (np(ingress=[allow()]),), FROM_UI, (80, "TCP"), "allowed"),
    ("pass-leads-to-the-profile",
     (gnp(ingress=[{"action": "Pass"}]),), TO_API, (80, "TCP"), "allowed"),
    ("pass-leads-past-its-tier-only",
     (calico("Tier", "t", order=1), gnp(tier="t", ingress=[{"action": "Pass"}]),
      gnp("later", ingress=[deny()])), TO_API, (80, "TCP"), "denied"),
    ("log-goes-on",
     (gnp(ingress=[{"action": "Log"}, allow()]),), TO_API, (80, "TCP"), "allowed"),
    ("order-decides",
     (gnp("b", order=1, ingress=[deny()]), gnp("a", order=2, ingress=[allow()])),
     TO_API, (80, "TCP"), "denied"),
    ("no-order-is-last",
     (gnp("a", ingress=[deny()]), gnp("b", order=9999, ingress=[allow()])),
     TO_API, (80, "TCP"), "allowed"),
    ("kubernetes-policy-has-order-1000",
     (policy("shop", "k", ingress=[{}]), gnp(order=1001, ingress=[deny()])),
     TO_API, (80, "TCP"), "allowed"),
    ("before-kubernetes-policy",
     (policy("shop", "k", ingress=[{}]), gnp(order=999, ingress=[deny()])),
     TO_API, (80, "TCP"), "denied"),
    ("tier-that-passes",
     (calico("Tier", "t", order=1, defaultAction="Pass"), gnp(tier="t", ingress=[])),
     TO_API, (80, "TCP"), "allowed"),
    ("tier-that-denies", (calico("Tier", "t", order=1), gnp(tier="t", ingress=[])),
     TO_API, (80, "TCP"), "denied"),
    ("tier-that-is-not-there", (gnp(tier="t", ingress=[]),), TO_API, (80, "TCP"), "unknown"),
    ("staged-is-ignored",
     (calico("StagedGlobalNetworkPolicy", "s", selector="all()", ingress=[deny()]),),
     TO_API, (80, "TCP"), "allowed"),
    ("service-account-name",
     (np(egress=[], types=["Egress"], selector="",
         serviceAccountSelector="projectcalico.org/name == 'api'"),),
     ("shop/api", "shop/job"), (80, "TCP"), "denied"),
    ("service-account-labels",
     (gnp(selector="app == 'job'", types=["Egress"], egress=[
         allow(destination={"serviceAccounts": {"selector": "role == 'server'"}})]),),
     TO_API, (80, "TCP"), "allowed"),
    ("service-account-of-another",
     (gnp(selector="app == 'job'", types=["Egress"], egress=[
         allow(destination={"serviceAccounts": {"names": ["api"]}})]),),
     ("shop/job", "web/ui"), (80, "TCP"), "denied"),
    ("services-match-endpoints",
     (SLICE, gnp(selector="app == 'job'", types=["Egress"], egress=[
         allow(destination={"services": {"name": "api", "namespace": "shop"}})])),
     TO_API, (8080, "TCP"), "allowed"),
    ("services-match-the-port-too",
     (SLICE, gnp(selector="app == 'job'", types=["Egress"], egress=[
         allow(destination={"services": {"name": "api", "namespace": "shop"}})])),
     TO_API, (8081, "TCP"), "denied"),
    ("named-port", (np(ingress=[allow(protocol="TCP", destination={"ports": ["http"]})]),),
     TO_API, (8080, "TCP"), "allowed"),
    ("not-ports",
     (np(ingress=[allow(protocol="TCP", destination={"notPorts": ["http", "1:100"]})]),),
     TO_API, (80, "TCP"), "denied"),
    ("source-port-range-of-clients",
     (np(ingress=[allow(protocol="TCP", source={"ports": ["1024:65535"]})]),),
     TO_API, (80, "TCP"), "allowed"),
    ("source-port-depends-on-chance",
     (np(ingress=[allow(protocol="TCP", source={"ports": ["40000:50000"]})]),),
     TO_API, (80, "TCP"), "unknown"),
    ("icmp", (np(ingress=[allow(protocol="ICMP")]),), TO_API, (0, "ICMP"), "allowed"),
    ("icmp-type-is-not-known",
     (np(ingress=[allow(protocol="ICMP", icmp={"type": 8})]),), TO_API, (0, "ICMP"), "unknown"),
    ("http", (np(ingress=[allow(http={"methods": ["GET"]})]),), TO_API, (80, "TCP"), "unknown"),
    ("http-denied-anyway",
     (np(ingress=[deny(), allow(http={"methods": ["GET"]})]),), TO_API, (80, "TCP"), "denied"),
    ("domains",
     (gnp(types=["Egress"], egress=[allow(destination={"domains": ["example.com"]})]),),
     ("shop/api", "1.1.1.1"), (443, "TCP"), "unknown"),
    ("global-network-set",
     (calico("GlobalNetworkSet", "s", nets=["203.0.113.0/24"], labels={"who": "partner"}),
      gnp(types=["Egress"], egress=[allow(destination={"selector": "who == 'partner'"})])),
     ("shop/api", "203.0.113.9"), (443, "TCP"), "allowed"),
    ("network-set-of-a-namespace",
     (calico("NetworkSet", "s", "web", nets=["203.0.113.0/24"], labels={"who": "partner"}),
      np(types=["Egress"], egress=[allow(destination={"selector": "who == 'partner'"})])),
     ("shop/api", "203.0.113.9"), (443, "TCP"), "denied"),
    ("a-network-set-makes-no-endpoint",
     (calico("GlobalNetworkSet", "s", nets=["10.0.0.0/8"], labels={"app": "db"}),
      gnp(selector="app == 'db'", ingress=[deny()])), TO_API, (80, "TCP"), "allowed"),
    ("selector-that-cannot-be-read", (gnp(selector="app = x", ingress=[deny()]),),
     TO_API, (80, "TCP"), "unknown"),
    ("ip-version", (np(ingress=[allow(ipVersion=6)]),), TO_API, (80, "TCP"), "denied"),
    ("own-node-is-always-let-in", (np(ingress=[]),), ("node/n1", "shop/api"), (80, "TCP"),
     "allowed"),
    ("own-node-is-no-exemption-outwards", (np(types=["Egress"]),), ("shop/api", "node/n1"),
     (80, "TCP"), "denied"),
    ("a-node-without-an-endpoint", (gnp(selector="all()", ingress=[deny()]),),
     ("shop/job", "node/n1"), (80, "TCP"), "allowed"),
    ("host-endpoint-denies-by-default", (host(),), ("shop/job", "node/n1"), (80, "TCP"),
     "denied"),
    ("failsafe-ports", (host(),), ("node/n2", "node/n1"), (22, "TCP"), "allowed"),
    ("host-endpoint-with-the-allowing-profile",
     (host(profiles=["projectcalico-default-allow"]),), ("shop/job", "node/n1"), (80, "TCP"),
     "allowed"),
    ("policy-for-a-host-endpoint",
     (host(), gnp(selector="host == 'yes'", ingress=[allow(protocol="TCP")])),
     ("shop/job", "node/n1"), (80, "TCP"), "allowed"),
    ("forwarded-out", (host(), gnp(selector="host == 'yes'", applyOnForward=True,
                                   types=["Egress"], egress=[deny()])),
     ("shop/api", "203.0.113.1"), (443, "TCP"), "denied"),
    ("forwarded-in", (host(), gnp(selector="host == 'yes'", applyOnForward=True,
                                  ingress=[deny(source={"nets": ["203.0.113.0/24"]})])),
     ("203.0.113.1", "shop/api"), (80, "TCP"), "denied"),
    ("forwarded-without-a-match-is-denied",
     (host(), gnp(selector="host == 'yes'", applyOnForward=True,
                  ingress=[allow(source={"nets": ["198.51.100.0/24"]})])),
     ("203.0.113.1", "shop/api"), (80, "TCP"), "denied"),
    ("not-for-forwarded-traffic", (host(), gnp(selector="host == 'yes'", ingress=[deny()])),
     ("203.0.113.1", "shop/api"), (80, "TCP"), "allowed"),
    ("forwarded-between-nodes", (host(), gnp(selector="host == 'yes'", applyOnForward=True,
                                             ingress=[deny()])), TO_API, (80, "TCP"), "denied"),
    ("one-interface-may-see-a-tunnel-only",
     (host(interfaceName="eth0"), gnp(selector="host == 'yes'", applyOnForward=True,
                                      ingress=[deny()])), TO_API, (80, "TCP"), "unknown"),
    ("what-stays-on-the-node-is-not-forwarded",
     (host(), gnp(selector="host == 'yes'", applyOnForward=True, ingress=[deny()],
                  egress=[deny()]), pod("shop", "near", ip="10.0.0.9", node="n1")),
     ("shop/near", "shop/api"), (80, "TCP"), "allowed"),
    ("before-nat-denies", (host(), gnp(selector="host == 'yes'", applyOnForward=True,
                                       preDNAT=True, ingress=[deny()])),
     ("203.0.113.1", "shop/api"), (80, "TCP"), "denied"),
    ("before-nat-without-a-match-goes-on",
     (host(), gnp(selector="host == 'yes'", applyOnForward=True, preDNAT=True,
                  ingress=[allow(source={"nets": ["198.51.100.0/24"]})])),
     ("203.0.113.1", "shop/api"), (80, "TCP"), "allowed"),
    ("before-nat-allows-what-the-node-receives",
     (host(), gnp(selector="host == 'yes'", applyOnForward=True, preDNAT=True,
                  ingress=[allow()])), ("203.0.113.1", "node/n1"), (80, "TCP"), "allowed"),
    ("before-nat-does-not-allow-what-is-forwarded",
     (host(), gnp("a", selector="host == 'yes'", applyOnForward=True, preDNAT=True,
                  ingress=[allow()]),
      gnp("b", selector="host == 'yes'", applyOnForward=True, ingress=[deny()])),
     ("203.0.113.1", "shop/api"), (80, "TCP"), "denied"),
    ("untracked-allows-all-of-the-endpoint",
     (host(), gnp("a", selector="host == 'yes'", applyOnForward=True, doNotTrack=True,
                  ingress=[allow()]),
      gnp("b", selector="host == 'yes'", applyOnForward=True, ingress=[deny()])),
     ("203.0.113.1", "shop/api"), (80, "TCP"), "allowed"),
    ("untracked-denies-but-for-failsafe-ports",
     (host(), gnp(selector="host == 'yes'", applyOnForward=True, doNotTrack=True,
                  ingress=[deny()])), ("203.0.113.1", "node/n1"), (22, "TCP"), "allowed"),
    ("before-nat-is-not-for-pods", (gnp(preDNAT=True, applyOnForward=True, ingress=[deny()]),),
     TO_API, (80, "TCP"), "allowed"),
    ("untracked-is-not-for-pods", (gnp(doNotTrack=True, applyOnForward=True, ingress=[deny()]),),
     TO_API, (80, "TCP"), "allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("objects", "ends", "traffic", "answer"), [row[1:] for row in ROWS],
                         ids=[row[0] for row in ROWS])  # fmt: skip
def test_calico(
    objects: tuple[Object, ...], ends: tuple[str, str], traffic: tuple[int, str], answer: str
) -> None:
    asking = Asking(inventory(*BASE, *objects), Engine.CALICO)
    found = asking.ask(*ends, *traffic)
    assert found.outcome is Outcome(answer), (found.egress.reason, found.ingress.reason)


def test_a_denial_by_a_tiers_end_names_the_policies_of_that_tier() -> None:
    objects = (gnp("first", order=1, ingress=[{"action": "Pass"}], selector="app == 'ui'"),
               np(ingress=[allow(source={"selector": "app == 'nobody'"})]))  # fmt: skip
    found = Asking(inventory(*BASE, *objects), Engine.CALICO).ask(*TO_API).ingress
    assert found.reason.startswith("pod shop/api is isolated for ingress by calico NetworkPolicy")
    assert found.near[0].misses[0].text.startswith("pod shop/job does not match")


def test_a_policy_that_comes_too_late_is_named() -> None:
    early = gnp("early", order=1, ingress=[deny()])
    late = np("late", order=2, ingress=[allow()])
    found = Asking(inventory(*BASE, early, late), Engine.CALICO).ask(*TO_API).ingress
    assert (str(found.policy), str(found.overruled)) == (
        "GlobalNetworkPolicy early",
        "calico NetworkPolicy shop/late",
    )
    alone = Asking(inventory(*BASE, early), Engine.CALICO).ask(*TO_API).ingress
    assert alone.overruled is None
