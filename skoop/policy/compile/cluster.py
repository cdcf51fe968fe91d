"""AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy
(policy.networking.k8s.io): ordered rules before and after the NetworkPolicies.

Where a field is of a kind that skoop does not know, the rule is undecided: implementations are
told to fail closed, but those that know the field do not.
"""

from __future__ import annotations

from collections.abc import Iterable

from skoop.model.kube import ClusterPeer, ClusterPolicy, ClusterPort, ClusterRule, SelectedPods
from skoop.policy.party import NAMES
from skoop.policy.peers import (
    ANYONE,
    Domains,
    Networks,
    Nodes,
    PeerTest,
    Pods,
    Undecided,
    any_of_peers,
    selector_text,
)
from skoop.policy.ports import (
    ANYTHING,
    NamedPorts,
    Ports,
    TrafficTest,
    UndecidedTraffic,
    any_of_traffic,
)
from skoop.policy.rules import Action, Policy, PolicyRef, Rule, Tier, Way

_ACTIONS = {"Allow": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}


def cluster_tier(policies: Iterable[ClusterPolicy], tier: str, way: Way) -> Tier:
    """The policies of the "Admin" or "Baseline" tier in one direction, by priority."""
    found = sorted(
        (policy for policy in policies if policy.tier == tier),
        key=lambda policy: (policy.priority, policy.kind, policy.name),
    )
    return Tier(
        name=tier,
        policies=tuple(each for policy in found if (each := cluster_policy(policy, way)).rules),
        default=Action.PASS,
        ties=True,
    )


def cluster_policy(policy: ClusterPolicy, way: Way) -> Policy:
    """One policy in one direction."""
    written = policy.ingress if way is Way.INGRESS else policy.egress
    subject: PeerTest = Undecided(f"the subject of {policy.kind} {policy.name} is of a new kind")
    if policy.subject is not None:
        subject = _pods(policy.subject)
    return Policy(
        ref=PolicyRef(policy.kind, "", policy.name),
        subject=subject,
        rules=tuple(_rule(each, index, way) for index, each in enumerate(written)),
        rank=policy.priority,
    )


def _pods(selected: SelectedPods) -> Pods:
    return Pods(selected.pods, selected.namespaces)


def _rule(rule: ClusterRule, index: int, way: Way) -> Rule:
    peers = any_of_peers(map(_peer, rule.peers)) if rule.peers else _no_peers()
    traffic = any_of_traffic(map(_port, rule.ports)) if rule.ports else ANYTHING
    source, destination = (peers, ANYONE) if way is Way.INGRESS else (ANYONE, peers)
    name = f"{way.value}[{index}]" + (f" ({rule.name})" if rule.name else "")
    return Rule(_ACTIONS[rule.action], name, source, destination, traffic, _text(rule, way))


def _no_peers() -> PeerTest:
    return Undecided("a rule without peers is not valid")


def _peer(peer: ClusterPeer) -> PeerTest:
    if peer.pods is not None:
        return _pods(peer.pods)
    if peer.nodes is not None:
        return Nodes(peer.nodes)
    if peer.networks:
        return Networks(tuple((net, ()) for net in peer.networks), "network")
    if peer.domain_names:
        return Domains(peer.domain_names)
    return Undecided("a peer is of a kind that skoop does not know")


def _port(port: ClusterPort) -> TrafficTest:
    if port.name:
        return NamedPorts(NAMES.get(port.protocol, 0), port.name)
    proto = NAMES.get(port.protocol)
    if proto is None:
        return UndecidedTraffic("a port is of a kind that skoop does not know")
    return Ports(proto, port.low, port.high, ranged=port.low != port.high)


def _text(rule: ClusterRule, way: Way) -> str:
    word = "from" if way is Way.INGRESS else "to"
    peers = " or ".join(map(_peer_text, rule.peers)) or "nobody"
    ports = ", ".join(map(_port_text, rule.ports)) or "all traffic"
    return f"{rule.action} {word} {peers}: {ports}"


def _peer_text(peer: ClusterPeer) -> str:
    if peer.pods is not None:
        spaces = selector_text(peer.pods.namespaces)
        return f"pods {{{selector_text(peer.pods.pods)}}} in namespaces {{{spaces}}}"
    if peer.nodes is not None:
        return f"nodes {{{selector_text(peer.nodes)}}}"
    return ", ".join([*map(str, peer.networks), *peer.domain_names]) or "an unknown peer"


def _port_text(port: ClusterPort) -> str:
    if port.name:
        return f"port {port.name!r}"
    numbers = str(port.low) if port.low == port.high else f"{port.low}-{port.high}"
    return f"{port.protocol} {numbers}"
