"""A denial by policy as a finding: which condition was not met, as near as it can be told."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.findings import policy as found
from skoop.findings.base import Finding
from skoop.model.packet import Packet
from skoop.policy import Basis, Decision, NearMiss, Way
from skoop.policy.answer import MissKind

_DNS = 53
_MISSES: Mapping[MissKind, type[Finding]] = {
    MissKind.POD_SELECTOR: found.PolicyPodSelectorMiss,
    MissKind.SERVICE_ACCOUNT: found.PolicyPodSelectorMiss,
    MissKind.NAMESPACE_SELECTOR: found.PolicyNamespaceLabelMiss,
    MissKind.IP_BLOCK: found.PolicyIpblockMiss,
    MissKind.IP_EXCEPT: found.PolicyIpblockExcept,
    MissKind.PROTOCOL: found.PolicyProtocolMiss,
    MissKind.PORT: found.PolicyPortMiss,
    MissKind.PORT_RANGE: found.PolicyEndportMiss,
    MissKind.NAMED_PORT: found.PolicyNamedPortMiss,
}


def denial_of(decision: Decision, packet: Packet) -> type[Finding]:
    """The finding for a decision that denies a packet. A rule that only one condition kept from
    allowing it names that condition; with more, nobody meant to allow this."""
    if decision.subject.startswith("node "):
        return found.HostEndpointDeny
    if decision.basis is Basis.RULE:
        return found.PolicyTierOrder if decision.overruled else found.PolicyExplicitDeny
    if decision.way is Way.EGRESS and packet.dport == _DNS:
        return found.DnsEgressMissing
    nearest = nearest_of(decision)
    if nearest is not None and len(nearest.misses) == 1:
        one = _MISSES.get(nearest.misses[0].kind)
        if one is not None:
            return one
    default = decision.way is Way.INGRESS
    return found.DefaultDenyIngress if default else found.DefaultDenyEgress


def nearest_of(decision: Decision) -> NearMiss | None:
    """The rule that came nearest to allowing it."""
    return decision.near[0] if decision.near else None
