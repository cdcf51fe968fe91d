"""The conformance cases of network-policy-api, for AdminNetworkPolicy and ClusterNetworkPolicy.

Four houses are four namespaces of two pods. Each row is a connection between houses and whether it
is made. Rules are written once and put into both APIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from skoop.policy import Engine, Outcome
from tests.policy.clusters import Asking, Object, inventory, namespace, node, pod, policy

HOUSES = {"gryffindor": "harry", "slytherin": "draco", "hufflepuff": "cedric", "ravenclaw": "luna"}
Ports = list[tuple[str, int]]
Row = tuple[str, str, str, int, bool]
LOW: Ports = [("TCP", 80), ("UDP", 53), ("SCTP", 9003)]


def houses() -> list[Object]:
    label = "conformance-house"
    found: list[Object] = [node("n1", "192.168.0.1", os="linux"), node("n2", "192.168.0.2")]
    for number, (house, name) in enumerate(HOUSES.items(), 1):
        found.append(namespace(house, **{label: house}))
        for index in (0, 1):
            ports = [("web", "TCP", 80), ("dns", "UDP", 53)]
            found.append(
                pod(house, f"{name}-{index}", labels={label: house}, node=f"n{index + 1}",
                    ip=f"10.{number}.0.{index}", ports=ports)
            )  # fmt: skip
    found.append(pod("forest", "firenze", ip="192.168.0.2", node="n2", host=True))
    return found


def selected(house: str) -> Mapping[str, Any]:
    return {"namespaces": {"matchLabels": {"conformance-house": house}}}


def rule(action: str, peer: str | Mapping[str, Any], ports: Any = ()) -> Mapping[str, Any]:
    """A rule in neither API's words yet: ports are (protocol, number), (protocol, first, last) or
    a name."""
    return {
        "action": action,
        "peer": selected(peer) if isinstance(peer, str) else peer,
        "ports": ports,
    }


def new_port(port: Any) -> Mapping[str, Any]:
    if isinstance(port, str):
        return {"destinationNamedPort": port}
    protocol, first, *rest = port
    where = {"range": {"start": first, "end": rest[0]}} if rest else {"number": first}
    return {protocol.lower(): {"destinationPort": where}}


def old_port(port: Any) -> Mapping[str, Any]:
    if isinstance(port, str):
        return {"namedPort": port}
    protocol, first, *rest = port
    if rest:
        return {"portRange": {"protocol": protocol, "start": first, "end": rest[0]}}
    return {"portNumber": {"protocol": protocol, "port": first}}


def written(
    api: str, name: str, tier: str, priority: int, subject: str = "gryffindor", **ways: Any
) -> Object:
    """A policy in the words of `api`."""
    new = api == "ClusterNetworkPolicy"
    kind = api if new or tier == "Admin" else "BaselineAdminNetworkPolicy"
    spec: dict[str, Any] = {"subject": selected(subject)}
    if new:
        spec["tier"] = tier
    if new or tier == "Admin":
        spec["priority"] = priority
    for way, word in (("ingress", "from"), ("egress", "to")):
        spec[way] = []
        for each in ways.get(way, ()):
            action = {"Allow": "Accept"}.get(each["action"], each["action"]) if new else None
            made = {"action": action or each["action"], word: [each["peer"]]}
            if each["ports"]:
                key, convert = ("protocols", new_port) if new else ("ports", old_port)
                made[key] = [convert(port) for port in each["ports"]]
            spec[way].append(made)
    version = "v1alpha2" if new else "v1alpha1"
    return {
        "apiVersion": f"policy.networking.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": "default" if kind.startswith("Base") else name},
        "spec": spec,
    }


def gress(api: str, tier: str, *, swapped: bool = False) -> Object:
    """gress-rules of the suite; `swapped` exchanges its first two rules."""

    def rules(second: int) -> list[Mapping[str, Any]]:
        found = [
            rule("Allow", "ravenclaw"),
            rule("Deny", "ravenclaw"),
            rule("Deny", "slytherin", LOW),
            rule("Allow", "hufflepuff", [("TCP", second), ("UDP", 5353), ("SCTP", 9003)]),
            rule("Deny", "hufflepuff"),
        ]
        if swapped:
            found[:2] = [found[1], found[0]]
        return found

    return written(api, "gress-rules", tier, 15, egress=rules(8080), ingress=rules(80))


def both(house: str, protocol: str, port: int, answer: bool) -> list[Row]:
    return [
        ("gryffindor", house, protocol, port, answer),
        (house, "gryffindor", protocol, port, answer),
    ]


GRESS: list[Row] = [
    *(row for protocol, port in LOW for row in both("ravenclaw", protocol, port, True)),
    ("gryffindor", "hufflepuff", "TCP", 8080, True),
    ("gryffindor", "hufflepuff", "TCP", 80, False),
    ("hufflepuff", "gryffindor", "TCP", 80, True),
    ("hufflepuff", "gryffindor", "TCP", 8080, False),
    *both("hufflepuff", "UDP", 5353, True),
    *both("hufflepuff", "UDP", 53, False),
    *both("hufflepuff", "SCTP", 9003, True),
    *both("hufflepuff", "SCTP", 9005, False),
    *(row for protocol, port in LOW for row in both("slytherin", protocol, port, False)),
    *both("slytherin", "TCP", 8080, True),
    *both("slytherin", "UDP", 5353, True),
    *both("slytherin", "SCTP", 9005, True),
    ("ravenclaw", "slytherin", "TCP", 80, True),
]
SWAPPED = [row for protocol, port in LOW for row in both("ravenclaw", protocol, port, False)]
ALL_TO_SLYTHERIN = [*both("slytherin", "TCP", 80, True), *both("slytherin", "TCP", 8080, True)]
NONE_TO_SLYTHERIN = [(*row[:4], False) for row in ALL_TO_SLYTHERIN]


def slytherin(action: str) -> dict[str, Any]:
    return {"ingress": [rule(action, "slytherin")], "egress": [rule(action, "slytherin")]}


def house_policy() -> Object:
    """A NetworkPolicy that lets slytherin in and out, and nobody else."""
    peer = {"namespaceSelector": {"matchLabels": {"conformance-house": "slytherin"}}}
    return policy("gryffindor", "np", podSelector=None, policyTypes=["Ingress", "Egress"],
                  ingress=[{"from": [peer]}], egress=[{"to": [peer]}])  # fmt: skip


def cases(api: str) -> dict[str, tuple[list[Object], list[Row]]]:
    admin = {a: written(api, "pass-example", "Admin", 10, **slytherin(a)) for a in ("Deny", "Pass")}
    deny_all = written(api, "default", "Baseline", 10, **slytherin("Deny"))
    allow_all = written(api, "default", "Baseline", 10, **slytherin("Allow"))
    at_50 = written(api, "at-50", "Admin", 50, **slytherin("Deny"))
    others = [("ravenclaw", "gryffindor", "TCP", 80, False)]
    return {
        "gress": ([gress(api, "Admin")], GRESS),
        "gress-swapped": ([gress(api, "Admin", swapped=True)], SWAPPED),
        "baseline-gress": ([gress(api, "Baseline")], GRESS),
        "baseline-gress-swapped": ([gress(api, "Baseline", swapped=True)], SWAPPED),
        "deny-before-network-policy": (
            [admin["Deny"], house_policy(), deny_all], NONE_TO_SLYTHERIN + others),
        "pass-to-network-policy": (
            [admin["Pass"], house_policy(), deny_all], ALL_TO_SLYTHERIN + others),
        "pass-to-baseline": ([admin["Pass"], deny_all], NONE_TO_SLYTHERIN),
        "nothing-but-network-policy": ([house_policy(), deny_all], ALL_TO_SLYTHERIN + others),
        "lower-priority-value-first": (
            [at_50, written(api, "at-60", "Admin", 60, **slytherin("Pass")), allow_all],
            NONE_TO_SLYTHERIN),
        "raised-above": (
            [at_50, written(api, "at-40", "Admin", 40, **slytherin("Pass")), allow_all],
            ALL_TO_SLYTHERIN),
        "same-priority-apart": (
            [written(api, "one", "Admin", 5, "gryffindor", ingress=[
                rule("Allow", "ravenclaw"), rule("Deny", {"namespaces": {}})]),
             written(api, "two", "Admin", 5, "hufflepuff", ingress=[
                rule("Allow", "slytherin"), rule("Deny", {"namespaces": {}})])],
            [("ravenclaw", "gryffindor", "TCP", 80, True),
             ("slytherin", "hufflepuff", "TCP", 80, True),
             ("slytherin", "gryffindor", "TCP", 80, False),
             ("ravenclaw", "hufflepuff", "TCP", 80, False)]),
        "port-ranges": (
            [written(api, "ranges", "Admin", 5, egress=[
                rule("Allow", "slytherin", [("TCP", 80, 90), ("UDP", 50, 60)]),
                rule("Deny", "slytherin")])],
            [("gryffindor", "slytherin", "TCP", 80, True),
             ("gryffindor", "slytherin", "TCP", 90, True),
             ("gryffindor", "slytherin", "TCP", 91, False),
             ("gryffindor", "slytherin", "UDP", 53, True),
             ("gryffindor", "slytherin", "SCTP", 80, False)]),
        "named-ports": (
            [written(api, "names", "Admin", 5, ingress=[
                rule("Allow", "slytherin", ["web", "dns"]), rule("Deny", "slytherin")])],
            [("slytherin", "gryffindor", "TCP", 80, True),
             ("slytherin", "gryffindor", "UDP", 53, True),
             ("slytherin", "gryffindor", "TCP", 53, False),
             ("slytherin", "gryffindor", "TCP", 8080, False)]),
        "omitted-namespace-selector": (
            [written(api, "pods", "Admin", 5, ingress=[rule("Deny", {"pods": {
                "podSelector": {"matchLabels": {"conformance-house": "slytherin"}}}})])],
            [("slytherin", "gryffindor", "TCP", 80, False),
             ("ravenclaw", "gryffindor", "TCP", 80, True)]),
        "networks-match-pods-too": (
            [written(api, "cidr", "Admin", 5, egress=[
                rule("Allow", {"networks": ["10.2.0.0/24"]}),
                rule("Deny", {"networks": ["0.0.0.0/0", "::/0"]})])],
            [("gryffindor", "slytherin", "TCP", 80, True),
             ("gryffindor", "ravenclaw", "TCP", 80, False),
             ("gryffindor", "1.1.1.1", "TCP", 80, False),
             ("slytherin", "1.1.1.1", "TCP", 80, True)]),
        "nodes": (
            [written(api, "nodes", "Admin", 5, egress=[
                rule("Allow", {"nodes": {"matchLabels": {"os": "linux"}}}, [("TCP", 443)]),
                rule("Deny", {"nodes": {}})])],
            [("gryffindor", "node/n1", "TCP", 443, True),
             ("gryffindor", "node/n1", "TCP", 80, False),
             ("gryffindor", "node/n2", "TCP", 443, False),
             ("gryffindor", "forest/firenze", "TCP", 443, False),
             ("gryffindor", "slytherin", "TCP", 443, True)]),
        "host-network-is-no-pod": (
            [written(api, "pods", "Admin", 5, ingress=[rule("Deny", {"namespaces": {}})],
                     egress=[rule("Deny", {"namespaces": {}})])],
            [("forest/firenze", "harry-0", "TCP", 80, True),
             ("harry-0", "forest/firenze", "TCP", 80, True),
             ("slytherin", "gryffindor", "TCP", 80, False)]),
    }  # fmt: skip


def ends(text: str) -> list[str]:
    """Both pods of a house, a pod by its name, or what is written."""
    if text in HOUSES:
        return [f"{text}/{HOUSES[text]}-{index}" for index in (0, 1)]
    return [f"gryffindor/{text}"] if text == "harry-0" else [text]


APIS = ("AdminNetworkPolicy", "ClusterNetworkPolicy")


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", list(cases(APIS[0])))
def test_conformance(name: str, api: str, engine: Engine) -> None:
    policies, rows = cases(api)[name]
    asking = Asking(inventory(*houses(), *policies), engine)
    wrong = [
        f"{source} -> {destination} {protocol} {port} is not {answer}"
        for left, right, protocol, port, answer in rows
        for source in ends(left)
        for destination in ends(right)
        if asking.ask(source, destination, port, protocol).outcome
        is not (Outcome.ALLOWED if answer else Outcome.DENIED)
    ]
    assert wrong == []


@pytest.mark.parametrize("api", APIS)
def test_two_policies_of_one_priority_that_disagree_are_undecided(api: str) -> None:
    one = written(api, "one", "Admin", 5, ingress=[rule("Allow", "slytherin")])
    two = written(api, "two", "Admin", 5, ingress=[rule("Deny", "slytherin")])
    asking = Asking(inventory(*houses(), one, two))
    found = asking.ask("slytherin/draco-0", "gryffindor/harry-0")
    assert found.outcome is Outcome.UNKNOWN
    assert "same priority" in found.ingress.reason
    same = written(api, "two", "Admin", 5, ingress=[rule("Allow", "slytherin")])
    agreed = Asking(inventory(*houses(), one, same))
    assert agreed.ask("slytherin/draco-0", "gryffindor/harry-0").outcome is Outcome.ALLOWED


@pytest.mark.parametrize("api", APIS)
def test_a_domain_name_is_undecided_only_where_it_matters(api: str) -> None:
    by_name = rule("Allow", {"domainNames": ["example.com"]})
    closed = rule("Deny", {"networks": ["0.0.0.0/0"]})
    open_ = Asking(inventory(*houses(), written(api, "n", "Admin", 5, egress=[by_name])))
    shut = Asking(inventory(*houses(), written(api, "n", "Admin", 5, egress=[by_name, closed])))
    assert open_.ask("gryffindor/harry-0", "1.1.1.1").outcome is Outcome.ALLOWED
    found = shut.ask("gryffindor/harry-0", "1.1.1.1")
    assert found.outcome is Outcome.UNKNOWN
    assert "example.com" in found.egress.reason


@pytest.mark.parametrize("engine", Engine)
def test_a_field_of_a_later_version_is_undecided(engine: Engine) -> None:
    made = written("ClusterNetworkPolicy", "n", "Admin", 5,
                   ingress=[rule("Deny", {"planets": ["mars"]})])  # fmt: skip
    asking = Asking(inventory(*houses(), made), engine)
    assert asking.ask("slytherin/draco-0", "gryffindor/harry-0").outcome is Outcome.UNKNOWN
