"""The upstream NetworkPolicy conformance cases (kubernetes test/e2e/network/netpol) as one table.

Every pair of the nine pods x, y, z / a, b, c is asked. All are expected to connect but for what the
rows say, in order: "x/* > x/a no" changes what was said before. A pod and itself is not asked, as
upstream leaves it open.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from skoop.policy import Engine, Outcome
from tests.policy.clusters import Asking, Object, inventory, policy, xyz

PODS = [f"{space}/{name}" for space in "xyz" for name in "abc"]
A: Any = {"podSelector": {"matchLabels": {"pod": "a"}}}
IN, OUT, BOTH = ["Ingress"], ["Egress"], ["Ingress", "Egress"]


def labels(**wanted: str) -> Mapping[str, Any]:
    return {"matchLabels": wanted}


def among(key: str, operator: str, *values: str) -> Mapping[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def space(name: str) -> Mapping[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def ingress(*peers: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    return {"from": list(peers), **more}


def egress(*peers: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    return {"to": list(peers), **more}


def np(where: str = "x", name: str = "np", **spec: Any) -> Object:
    return policy(where, name, **spec)


def on(port: int | str, protocol: str | None = None) -> Mapping[str, Any]:
    return {"port": port, **({"protocol": protocol} if protocol else {})}


NOT_X = {"namespaceSelector": among("kubernetes.io/metadata.name", "NotIn", "x")}
B = {"podSelector": labels(pod="b")}
FROM_Y_81 = np(**A, ingress=[ingress(space("y"), ports=[on(81, "TCP")])])
FROM_Y_80 = np(name="more", **A, ingress=[ingress(space("y"), ports=[on(80, "TCP")])])
ONLY_Y = ["x/* > x/a no", "z/* > x/a no"]
BOTH_WAYS = np(**A, policyTypes=BOTH, ingress=[ingress(B)], egress=[{"ports": [on(80)]}])
CLIENT_DENIES = (
    np(**A, policyTypes=OUT, egress=[egress({**space("y"), "podSelector": labels(pod="a")})]),
    np("y", "ya", **A, ingress=[ingress({**space("x"), "podSelector": labels(pod="a")})]),
    np("y", "yb", **B, ingress=[ingress({**space("x"), "podSelector": labels(pod="a")})]),
)
UPDATED = np(**A, ingress=[ingress({"namespaceSelector": labels(ns2="updated")})])

# id, protocol, port, policies, what does not connect
CASES: list[tuple[str, str, int, tuple[Object, ...], list[str]]] = [
    ("nothing", "TCP", 80, (), []),
    ("default-deny-ingress", "TCP", 80, (np(policyTypes=IN),), ["* > x/* no"]),
    ("default-deny-all", "TCP", 80, (np(policyTypes=BOTH),), ["* > x/* no", "x/* > * no"]),
    ("from-pod", "TCP", 80, (np(**A, ingress=[ingress(B)]),), ["* > x/a no", "x/b > x/a yes"]),
    (
        "target-among-denied", "TCP", 80,
        (np(policyTypes=IN), np(name="more", **A, ingress=[
            ingress({"podSelector": {}, "namespaceSelector": {}})])),
        ["* > x/b no", "* > x/c no"],
    ),
    ("all-namespaces", "TCP", 80, (np(**A, ingress=[ingress({"namespaceSelector": {}})]),), []),
    ("other-namespace", "TCP", 80, (np(**A, ingress=[ingress(space("y"))]),), ONLY_Y),
    (
        "pod-expression", "TCP", 80,
        (np(**A, ingress=[ingress({"podSelector": among("pod", "In", "b")})]),),
        ["* > x/a no", "x/b > x/a yes"],
    ),
    (
        "namespace-expression", "TCP", 80,
        (np(**A, ingress=[ingress({"namespaceSelector": among(
            "kubernetes.io/metadata.name", "In", "y")})]),),
        ONLY_Y,
    ),
    ("pod-or-namespace", "TCP", 80, (np(**A, ingress=[ingress(NOT_X, B)]),), ["x/c > x/a no"]),
    (
        "pod-and-namespace", "TCP", 80, (np(**A, ingress=[ingress({**NOT_X, **B})]),),
        ["* > x/a no", "y/b > x/a yes", "z/b > x/a yes"],
    ),
    (
        "several-pods-and-namespaces", "TCP", 80,
        (np(**A, ingress=[ingress({**NOT_X, "podSelector": among("pod", "In", "b", "c")})]),),
        ["x/* > x/a no", "y/a > x/a no", "z/a > x/a no"],
    ),
    (
        "any-pod-selector", "TCP", 80,
        (np(**A, ingress=[ingress(B, {"podSelector": labels(pod="c")})]),),
        ["* > x/a no", "x/b > x/a yes", "x/c > x/a yes"],
    ),
    (
        "one-pod-elsewhere", "TCP", 80,
        (np(**A, ingress=[ingress({**space("y"), "podSelector": labels(pod="a")})]),),
        ["* > x/a no", "y/a > x/a yes"],
    ),
    ("port", "TCP", 81, (FROM_Y_81,), ONLY_Y),
    ("port-other", "TCP", 80, (FROM_Y_81,), ["* > x/a no"]),
    ("stacked", "TCP", 80, (FROM_Y_81, FROM_Y_80), ONLY_Y),
    ("stacked-first", "TCP", 81, (FROM_Y_81, FROM_Y_80), ONLY_Y),
    ("allow-all", "TCP", 80, (np(ingress=[{}]),), []),
    ("allow-all-81", "TCP", 81, (np(ingress=[{}]),), []),
    ("named-port", "TCP", 81, (np(ingress=[{"ports": [on("serve-81-tcp")]}]),), []),
    ("named-port-other", "TCP", 80, (np(ingress=[{"ports": [on("serve-81-tcp")]}]),),
     ["* > x/* no"]),
    ("named-port-from", "TCP", 80,
     (np(**A, ingress=[ingress(space("y"), ports=[on("serve-80-tcp", "TCP")])]),), ONLY_Y),
    ("named-port-from-other", "TCP", 81,
     (np(**A, ingress=[ingress(space("y"), ports=[on("serve-80-tcp", "TCP")])]),),
     ["* > x/a no"]),
    ("named-port-out", "TCP", 80,
     (np(policyTypes=OUT, egress=[{"ports": [on("serve-80-tcp")]}]),), []),
    ("named-port-out-other", "TCP", 81,
     (np(policyTypes=OUT, egress=[{"ports": [on("serve-80-tcp")]}]),), ["x/* > * no"]),
    ("updated-namespace-before", "TCP", 80, (UPDATED,), ["* > x/a no"]),
    ("updated-pod-before", "TCP", 80,
     (np(**A, ingress=[ingress({"podSelector": labels(pod="b", pod2="updated")})]),),
     ["* > x/a no"]),
    ("other-namespaces-denied", "TCP", 80, (np(ingress=[ingress({"podSelector": {}})]),),
     ["y/* > x/* no", "z/* > x/* no"]),
    ("selects-nobody", "TCP", 80, (np(podSelector=labels(target="isolated"), policyTypes=IN),),
     []),
    ("deny-egress-of-pod", "TCP", 80, (np(**A, policyTypes=OUT),), ["x/a > * no"]),
    ("deny-egress-of-namespace", "TCP", 80, (np(policyTypes=OUT),), ["x/* > * no"]),
    ("both-together", "TCP", 80, (BOTH_WAYS,), ["* > x/a no", "x/b > x/a yes"]),
    ("both-together-81", "TCP", 81, (BOTH_WAYS,),
     ["* > x/a no", "x/a > * no", "x/b > x/a yes"]),
    ("client-denies-what-server-allows", "TCP", 80, CLIENT_DENIES,
     ["x/a > * no", "* > y/a no", "x/a > y/a yes", "* > y/b no"]),
    ("egress-to-pod-elsewhere", "TCP", 80, CLIENT_DENIES[:1], ["x/a > * no", "x/a > y/a yes"]),
    ("protocol-only", "TCP", 80, (np(**A, ingress=[{"ports": [{"protocol": "TCP"}]}]),), []),
    ("protocol-only-other", "UDP", 80, (np(**A, ingress=[{"ports": [{"protocol": "TCP"}]}]),),
     ["* > x/a no"]),
    ("ingress-precedence", "TCP", 81,
     (np(ingress=[{"ports": [on(80)]}]), np(name="all", ingress=[{}])), []),
    ("ingress-one-port", "TCP", 81, (np(ingress=[{"ports": [on(80)]}]),), ["* > x/* no"]),
    ("egress-one-port", "TCP", 81, (np(policyTypes=OUT, egress=[{"ports": [on(80)]}]),),
     ["x/* > * no"]),
    ("egress-precedence", "TCP", 81,
     (np(policyTypes=OUT, egress=[{"ports": [on(80)]}]),
      np(name="all", policyTypes=OUT, egress=[{}])), []),
    ("cidr", "TCP", 80,
     (np(**A, policyTypes=OUT, egress=[egress({"ipBlock": {"cidr": "10.2.0.2/32"}})]),),
     ["x/a > * no", "x/a > y/b yes"]),
    ("cidr-except", "TCP", 80,
     (np(**A, policyTypes=OUT, egress=[egress(
         {"ipBlock": {"cidr": "10.1.0.1/4", "except": ["10.1.0.2/32"]}})]),),
     ["x/a > x/b no"]),
    ("cidr-and-except-overlap", "TCP", 80,
     (np(**A, policyTypes=OUT, egress=[egress(
         {"ipBlock": {"cidr": "10.1.0.1/4", "except": ["10.1.0.2/32"]}},
         {"ipBlock": {"cidr": "10.1.0.2/32"}})]),),
     []),
    ("independent-directions", "TCP", 80,
     (np(**A, policyTypes=OUT, egress=[{}]), np(name="in", **A, policyTypes=IN)),
     ["* > x/a no"]),
    ("sctp-is-not-tcp", "TCP", 81,
     (np(policyTypes=IN), np(name="more", **A, ingress=[{"ports": [on(81, "SCTP")]}])),
     ["* > x/* no"]),
    ("sctp-isolates", "TCP", 81, (np(**A, ingress=[{"ports": [on(80, "SCTP")]}]),),
     ["* > x/a no"]),
    ("udp-is-not-tcp", "TCP", 81, (np(**A, ingress=[{"ports": [on(81, "UDP")]}]),),
     ["* > x/a no"]),
    ("default-label-not-in", "TCP", 80,
     (np(**A, policyTypes=OUT, egress=[egress({"namespaceSelector": among(
         "kubernetes.io/metadata.name", "NotIn", "y")})]),),
     ["x/a > y/* no"]),
    ("udp-default-deny", "UDP", 80, (np(policyTypes=IN),), ["* > x/* no"]),
    ("udp-port", "UDP", 81, (np(**A, ingress=[ingress(space("y"), ports=[on(81, "UDP")])]),),
     ONLY_Y),
    ("udp-one-pod-elsewhere", "UDP", 80,
     (np(**A, ingress=[ingress({**space("y"), "podSelector": labels(pod="a")})]),),
     ["* > x/a no", "y/a > x/a yes"]),
    ("sctp-default-deny", "SCTP", 80, (np(policyTypes=IN),), ["* > x/* no"]),
    ("sctp-port", "SCTP", 81,
     (np(**A, ingress=[ingress(space("y"), ports=[on(81, "SCTP")])]),), ONLY_Y),
    ("sctp-one-pod-elsewhere", "SCTP", 80,
     (np(**A, ingress=[ingress({**space("y"), "podSelector": labels(pod="a")})]),),
     ["* > x/a no", "y/a > x/a yes"]),
    ("end-port", "TCP", 81,
     (np(**A, ingress=[{"ports": [{"port": 80, "endPort": 81}]}]),), []),
    ("end-port-above", "TCP", 81,
     (np(**A, ingress=[{"ports": [{"port": 82, "endPort": 90}]}]),), ["* > x/a no"]),
]  # fmt: skip


def fits(pattern: str, pod: str) -> bool:
    return pattern in ("*", pod) or (pattern.endswith("/*") and pod.startswith(pattern[:-1]))


def expected(rows: list[str]) -> dict[tuple[str, str], bool]:
    table = dict.fromkeys(itertools.permutations(PODS, 2), True)
    for row in rows:
        source, _, destination, answer = row.split()
        for pair in table:
            if fits(source, pair[0]) and fits(destination, pair[1]):
                table[pair] = answer == "yes"
    return table


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(
    ("protocol", "port", "policies", "rows"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_conformance(
    protocol: str, port: int, policies: tuple[Object, ...], rows: list[str], engine: Engine
) -> None:
    asking = Asking(inventory(*xyz(), *policies), engine)
    found = {
        (source, destination): asking.ask(source, destination, port, protocol).outcome
        for source, destination in itertools.permutations(PODS, 2)
    }
    wanted = {
        pair: Outcome.ALLOWED if answer else Outcome.DENIED
        for pair, answer in expected(rows).items()
    }
    assert found == wanted
