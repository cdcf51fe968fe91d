"""NetworkPolicy (networking.k8s.io/v1): rules only allow, and all that apply are added up."""

from __future__ import annotations

from collections.abc import Iterable

from skoop.model.kube import LabelSelector, NetworkPolicy, PolicyPeer, PolicyPort
from skoop.model.kube import PolicyRule as WrittenRule
from skoop.policy.party import NAMES
from skoop.policy.peers import (
    ANYONE,
    Networks,
    Nobody,
    PeerTest,
    Pods,
    any_of_peers,
    selector_text,
)
from skoop.policy.ports import (
    ANYTHING,
    IpProtocol,
    NamedPorts,
    Ports,
    TrafficTest,
    UndecidedTraffic,
    any_of_traffic,
)
from skoop.policy.rules import Action, Policy, PolicyRef, Rule, Tier, Way


def network_policy_tier(policies: Iterable[NetworkPolicy], way: Way) -> Tier:
    """All NetworkPolicies that apply in a direction, by namespace and name."""
    found = [network_policy(each, way) for each in policies if applies(each, way)]
    return Tier(name="NetworkPolicy", policies=tuple(sorted(found, key=lambda each: each.ref)))


def applies(policy: NetworkPolicy, way: Way) -> bool:
    """Whether a policy isolates in a direction. Without policyTypes it always does for ingress,
    and for egress when it has an egress rule (NetworkPolicySpec.policyTypes)."""
    if policy.policy_types:
        return way.name.capitalize() in policy.policy_types
    return way is Way.INGRESS or bool(policy.egress)


def network_policy(policy: NetworkPolicy, way: Way) -> Policy:
    """One policy in one direction."""
    written = policy.ingress if way is Way.INGRESS else policy.egress
    return Policy(
        ref=PolicyRef("NetworkPolicy", policy.namespace, policy.name),
        subject=Pods(policy.pod_selector, None, policy.namespace),
        rules=tuple(
            _rule(policy.namespace, each, f"{way.value}[{index}]", way)
            for index, each in enumerate(written)
        ),
    )


def _rule(namespace: str, rule: WrittenRule, name: str, way: Way) -> Rule:
    # No peers means everyone, no ports means all traffic (NetworkPolicyIngressRule).
    peers = any_of_peers(_peer(namespace, each) for each in rule.peers) if rule.peers else ANYONE
    traffic = any_of_traffic(map(_port, rule.ports)) if rule.ports else ANYTHING
    source, destination = (peers, ANYONE) if way is Way.INGRESS else (ANYONE, peers)
    return Rule(Action.ALLOW, name, source, destination, traffic, _text(rule, way))


def _peer(namespace: str, peer: PolicyPeer) -> PeerTest:
    if peer.ip_block is not None:
        return Networks(((peer.ip_block.cidr, peer.ip_block.excepts),))
    if peer.namespace_selector is not None:
        pods = peer.pod_selector
        return Pods(pods, peer.namespace_selector) if pods else _all_in(peer)
    if peer.pod_selector is not None:
        return Pods(peer.pod_selector, None, namespace)
    return Nobody("a peer without any selector selects nothing")


def _all_in(peer: PolicyPeer) -> PeerTest:
    return Pods(LabelSelector(), peer.namespace_selector)


def _port(port: PolicyPort) -> TrafficTest:
    proto = NAMES.get(port.protocol)
    if proto is None:
        return UndecidedTraffic(f"protocol {port.protocol!r} is not one that policies know")
    if port.port is None:
        return IpProtocol(proto)
    if isinstance(port.port, str):
        return NamedPorts(proto, port.port)
    return Ports(proto, port.port, port.end_port or port.port, ranged=bool(port.end_port))


def _text(rule: WrittenRule, way: Way) -> str:
    word = "from" if way is Way.INGRESS else "to"
    peers = " or ".join(map(_peer_text, rule.peers)) or "anyone"
    ports = ", ".join(map(_port_text, rule.ports)) or "all ports"
    return f"{word} {peers}: {ports}"


def _peer_text(peer: PolicyPeer) -> str:
    if peer.ip_block is not None:
        excepts = ", ".join(map(str, peer.ip_block.excepts))
        return f"{peer.ip_block.cidr}" + (f" except {excepts}" if excepts else "")
    words = []
    if peer.namespace_selector is not None:
        words.append(f"namespaces {{{selector_text(peer.namespace_selector)}}}")
    if peer.pod_selector is not None:
        words.append(f"pods {{{selector_text(peer.pod_selector)}}}")
    return " ".join(words) or "nobody"


def _port_text(port: PolicyPort) -> str:
    if port.port is None:
        return f"all {port.protocol}"
    until = f"-{port.end_port}" if port.end_port else ""
    return f"{port.protocol} {port.port}{until}"
