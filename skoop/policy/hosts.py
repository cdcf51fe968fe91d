"""Calico's policies for what passes a node: those for its HostEndpoints that are about forwarded
traffic (applyOnForward), come before NAT (preDNAT) or before connection tracking (doNotTrack).

    into a node     untracked, before NAT, then: to the node itself  its other policies
                                                 on to a pod         forwarded, then the pod's own
    out of a node   from a pod                   the pod's own, then forwarded
                    from the node itself         untracked, then its other policies

Denied anywhere is denied. What is allowed untracked is asked nothing more by this endpoint, nor is
what the node itself receives when it is allowed before NAT (docs.tigera.io, "Apply policy to
forwarded traffic", "Enforce policy on pre-DNAT traffic"; felix/rules in projectcalico/calico).
Without any policy of a kind nothing is asked, and nothing denied.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skoop.policy.decision import Basis, Decision, Outcome
from skoop.policy.evaluate import decide_by
from skoop.policy.party import Flow, Party, PartyKind
from skoop.policy.rules import PolicySet, Stage, Way

_TUNNEL = "whether a tunnel hides the packet from this endpoint is not known"


class Passed(Struct, frozen=True):
    """What a node's endpoint says on the way: its decisions in order. `final` tells that the last
    one leaves nothing to the node's other policies."""

    decisions: tuple[Decision, ...] = ()
    final: bool = False


def at_host(policies: PolicySet, flow: Flow, way: Way) -> Passed:
    """Ask the HostEndpoint that a connection passes at one of its ends."""
    host, stages = _met(flow, way)
    found: list[Decision] = []
    for stage in stages:
        tiers = policies.stages.get((stage, way), ())
        if host is None or not tiers:
            continue
        decision = decide_by(tiers, flow, way, host)
        if _hidden(flow, host):
            decision = _doubtful(decision)
        if decision.basis is not Basis.NO_POLICY:
            found.append(decision)
        if _is_last(decision, stage, flow, way):
            return Passed(tuple(found), final=True)
    return Passed(tuple(found))


def _met(flow: Flow, way: Way) -> tuple[Party | None, tuple[Stage, ...]]:
    """The node, and what is asked there. What stays on a node passes no endpoint."""
    source, destination = flow.source, flow.destination
    if source.node and source.node == destination.node:
        return None, ()
    inwards = way is Way.INGRESS
    end = destination if inwards else source
    if end.kind is PartyKind.POD:
        stages = (Stage.UNTRACKED, Stage.BEFORE_NAT, Stage.FORWARD)
        return end.host, stages if inwards else (Stage.FORWARD,)
    if end.protected:
        return end, (Stage.UNTRACKED, Stage.BEFORE_NAT) if inwards else (Stage.UNTRACKED,)
    return None, ()


def _is_last(decision: Decision, stage: Stage, flow: Flow, way: Way) -> bool:
    if decision.outcome is not Outcome.ALLOWED or decision.basis is not Basis.RULE:
        return False
    end = flow.destination if way is Way.INGRESS else flow.source
    return stage is Stage.UNTRACKED or (stage is Stage.BEFORE_NAT and end.kind is PartyKind.HOST)


def _hidden(flow: Flow, host: Party) -> bool:
    """An endpoint for one interface does not see what goes through a tunnel between nodes."""
    between_pods = flow.source.kind is flow.destination.kind is PartyKind.POD
    return between_pods and not host.all_interfaces


def _doubtful(decision: Decision) -> Decision:
    if decision.outcome is not Outcome.DENIED:
        return decision
    reason = f"{decision.reason}; {_TUNNEL}"
    return replace(decision, outcome=Outcome.UNKNOWN, basis=Basis.UNDECIDED, reason=reason)
