"""A packet stopped by a policy engine's rule: which policy asks for it, or that none does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from skoop.cluster.detect import detect
from skoop.cluster.inventory import from_documents
from skoop.diagnose.policy.causes import Told, policy_causes
from skoop.diagnose.policy.declared import Declared
from skoop.diagnose.story import Blocker, Leg
from skoop.model.disposition import Direction, Disposition
from skoop.model.request import Overrides
from skoop.netstack.walk.events import Reason, Stop
from tests.cluster.test_calico import listed
from tests.netstack.builders import packet

WEB, CLI, OTHER = "10.244.1.2", "10.244.1.3", "10.244.2.2"
GROUP = "crd.projectcalico.org"
END = 'cali-tw-cali1 -m comment --comment "Drop if no policies passed packet" -j DROP'


def pod(name: str, namespace: str, ip: str, **labels: str) -> dict[str, Any]:
    container = {"name": "c", "ports": [{"name": "http", "containerPort": 80}]}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name, **labels}},
        "spec": {"nodeName": "k1", "containers": [container]},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
    }


def inventory_of(spec: dict[str, Any], *, calico: bool, also: dict[str, Any] | None = None) -> Any:
    """Three pods in two namespaces and one policy, Kubernetes' or Calico's (global); `also` is one
    more of Kubernetes'."""
    named = {"metadata": {"name": "p", "namespace": "shop"}, "spec": spec}
    more = [{"metadata": {"name": "also", "namespace": "shop"}, "spec": also}] if also else []
    empty = listed()
    node = {"status": {"addresses": [{"type": "InternalIP", "address": "172.30.1.1"}]}}
    documents = {
        "pods": listed(pod("web", "shop", WEB), pod("cli", "shop", CLI), pod("far", "x", OTHER)),
        "namespaces": listed({}, name="shop"),
        "nodes": listed(node, name="k1"),
        "networkpolicies": listed(*([] if calico else [named]), *more),
        f"networkpolicies.{GROUP}": empty,
        f"globalnetworkpolicies.{GROUP}": listed(*([named] if calico else [])),
        f"hostendpoints.{GROUP}": listed(
            {"metadata": {"name": "k1"}, "spec": {"node": "k1", "interfaceName": "*"}}
        ),
    }
    return from_documents(documents)


def told(
    spec: dict[str, Any],
    text: str,
    *,
    calico: bool = False,
    where: str = "iptables-nft filter cali-tw-cali1",
    rule: str = f"-A {END}",
    direction: Direction = Direction.FORWARD,
    known: bool = True,
    also: dict[str, Any] | None = None,
    sent: str = "",
) -> Told:
    """What is said of a packet ("tcp A -> B:80") that such a rule stopped; `sent` is how it was
    before any translation."""
    inventory = inventory_of(spec, calico=calico, also=also)
    if not known:
        inventory = from_documents({"pods": listed()})
    facts = detect(inventory, {}, overrides=Overrides(network_plugin="calico"))
    stop = Stop(
        disposition=Disposition.DROPPED, reason=Reason.RULE, detail="a rule", where=where, rule=rule
    )
    blocker = Blocker("node/k1", stop, direction, Leg.FIRST, packet(text))
    asked = packet(sent or text)
    inquiry = SimpleNamespace(
        cluster=SimpleNamespace(declared=Declared(inventory, facts, ())),
        question=SimpleNamespace(dst=asked.dst, dport=asked.dport),
        client=SimpleNamespace(stack=None, address=asked.src),
    )
    return policy_causes(inquiry, [blocker])  # type: ignore[arg-type]


def ingress(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"],
            "ingress": list(rules)}  # fmt: skip


TO_WEB = f"tcp {CLI} -> {WEB}:80"
FW = "iptables-nft filter cali-fw-cali1"
PORT = {"ports": [{"port": 81}]}
DENIED: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing is allowed": (ingress(), TO_WEB, "default-deny-ingress"),
    "another pod is": (
        ingress({"from": [{"podSelector": {"matchLabels": {"app": "db"}}}]}),
        TO_WEB,
        "policy-pod-selector-miss",
    ),
    "another namespace is": (
        ingress({"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}),
        TO_WEB,
        "policy-namespace-label-miss",
    ),
    "another port is": (ingress(PORT), TO_WEB, "policy-port-miss"),
    "another range of ports is": (
        ingress({"ports": [{"port": 81, "endPort": 90}]}),
        TO_WEB,
        "policy-endport-miss",
    ),
    "another name of a port is": (
        ingress({"ports": [{"port": "metrics"}]}),
        TO_WEB,
        "policy-named-port-miss",
    ),
    "another protocol is": (
        ingress({"ports": [{"port": 80, "protocol": "UDP"}]}),
        TO_WEB,
        "policy-protocol-miss",
    ),
    "another address is": (
        ingress({"from": [{"ipBlock": {"cidr": "192.168.0.0/16"}}]}),
        TO_WEB,
        "policy-ipblock-miss",
    ),
    "all but this address are": (
        ingress({"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [f"{CLI}/32"]}}]}),
        TO_WEB,
        "policy-ipblock-except",
    ),
    "two things do not fit": (
        ingress({"from": [{"podSelector": {"matchLabels": {"app": "db"}}}], **PORT}),
        TO_WEB,
        "default-deny-ingress",
    ),
}


@pytest.mark.parametrize("name", DENIED)
def test_a_denial_names_what_does_not_fit(name: str) -> None:
    spec, text, finding = DENIED[name]
    found = told(spec, text)
    (one,) = found.suspicions
    assert (one.name, one.blocking, str(one.where.name)) == (finding, True, "shop/web")
    assert len(found.blockers) == 1
    assert "NetworkPolicy shop/p" in one.message


EGRESS = {"podSelector": {}, "policyTypes": ["Egress"], "egress": []}


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (f"tcp {CLI} -> {OTHER}:80", "default-deny-egress"),
        (f"udp {CLI} -> {OTHER}:53", "dns-egress-missing"),
    ],
)
def test_a_denial_for_what_a_pod_sends(text: str, finding: str) -> None:
    (one,) = told(EGRESS, text, where=FW).suspicions
    assert (one.name, one.where.name) == (finding, "shop/cli")


def test_an_explicit_denial() -> None:
    spec = {"selector": "all()", "types": ["Ingress"], "ingress": [{"action": "Deny"}]}
    (one,) = told(spec, TO_WEB, calico=True).suspicions
    assert one.name == "policy-explicit-deny"


def test_a_denial_that_comes_before_a_permission() -> None:
    spec = {"selector": "all()", "types": ["Ingress"], "order": 1,
            "ingress": [{"action": "Deny", "source": {"selector": "all()"}}]}  # fmt: skip
    (one,) = told(spec, TO_WEB, calico=True, also=ingress({})).suspicions
    assert one.name == "policy-tier-order"


def block(way: str, word: str, cidr: str) -> dict[str, Any]:
    return {"podSelector": {}, "policyTypes": [way.capitalize()],
            way: [{word: [{"ipBlock": {"cidr": cidr}}]}]}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "where", "sent"),
    [
        (block("egress", "to", "10.96.0.7/32"), FW, f"tcp {CLI} -> 10.96.0.7:80"),
        (block("ingress", "from", "203.0.113.0/24"), "iptables-nft filter cali-tw-cali1",
         f"tcp 203.0.113.9 -> {WEB}:80"),
    ],
    ids=["the Service's address", "the client's address"],
)  # fmt: skip
def test_an_address_that_a_translation_replaced(
    spec: dict[str, Any], where: str, sent: str
) -> None:
    (one,) = told(spec, f"tcp {CLI} -> {WEB}:80", where=where, sent=sent).suspicions
    assert one.name == "ipblock-vs-nat-address"
    (plain,) = told(spec, f"tcp {CLI} -> {WEB}:80", where=where).suspicions
    assert plain.name == "policy-ipblock-miss"


def test_a_host_endpoint() -> None:
    spec = {"selector": "all()", "types": ["Ingress"], "ingress": [{"action": "Deny"}]}
    (one,) = told(
        spec, f"tcp {CLI} -> 172.30.1.1:10250", calico=True, where="nft ip calico cali-tw-x"
    ).suspicions
    assert one.name == "host-endpoint-deny"


ALLOWED = ingress({})
MISMATCHES = {
    f"-A {END}": "declared-but-not-programmed",
    '-A cali-to-wl-dispatch -m comment --comment "Unknown interface" -j DROP': (
        "declared-but-not-programmed"
    ),
    "-A cali-pi-old -s 10.244.1.3/32 -j DROP": "programmed-but-not-declared",
}


@pytest.mark.parametrize("rule", MISMATCHES)
def test_what_no_policy_asks_for(rule: str) -> None:
    (one,) = told(ALLOWED, TO_WEB, rule=rule).suspicions
    assert one.name == MISMATCHES[rule]


def test_no_policy_is_about_answers() -> None:
    (one,) = told(ingress(), TO_WEB, direction=Direction.RETURN).suspicions
    assert one.name == "declared-but-not-programmed"


@pytest.mark.parametrize(
    "changes",
    [
        {"where": "iptables-nft filter FORWARD"},
        {"rule": "-A cali-tw-cali1 -m conntrack --ctstate INVALID -j DROP"},
        {"known": False},
    ],
    ids=["a rule of another", "what conntrack cannot place", "policies were not collected"],
)
def test_what_is_left_to_others(changes: dict[str, Any]) -> None:
    assert told(ingress(), TO_WEB, **changes) == Told()
