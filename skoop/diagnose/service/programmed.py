"""What kube-proxy should have written on the deciding node, against what is there."""

from __future__ import annotations

from skoop.diagnose.service.asked import Asked
from skoop.findings import conntrack, netfilter, service
from skoop.findings.base import Finding
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.netstack.iptables import parse
from skoop.service.config import ProxyMode
from skoop.service.iptables import Difference, DifferenceKind, audit, plan_node

_FINDINGS: dict[DifferenceKind, type[Finding]] = {
    DifferenceKind.NO_RULES: service.ProxyNotRunning,
    DifferenceKind.HOOK_MISSING: netfilter.NetfilterMissingChain,
    DifferenceKind.MASQUERADE_MISSING: netfilter.MasqueradeMissing,
    DifferenceKind.MASQUERADE_TOO_MUCH: netfilter.UnexpectedSnat,
    DifferenceKind.ACCEPT_MISSING: netfilter.NetfilterMissingChain,
    DifferenceKind.MARK_MISSING: netfilter.MasqueradeMissing,
    DifferenceKind.ENTRY_MISSING: service.SvcChainMissing,
    DifferenceKind.WRONG_CHAIN: service.ProxyRulesStale,
    DifferenceKind.CHAIN_MISSING: service.SvcChainMissing,
    DifferenceKind.CHAIN_EMPTY: service.SvcChainMissing,
    DifferenceKind.SEP_MISSING: service.SepChainMissing,
    DifferenceKind.WRONG_DNAT: conntrack.DnatToDeadEndpoint,
    DifferenceKind.MARK_MASQ_MISSING: netfilter.MasqueradeMissing,
    DifferenceKind.HAIRPIN_MASQ_MISSING: service.HairpinMasqMissing,
    DifferenceKind.NODE_PORT_MISSING: service.SvcChainMissing,
    DifferenceKind.SOURCE_RANGE_WRONG: service.SourceRangeDeny,
}


def programmed(asked: Asked) -> tuple[Suspicion, ...]:
    """Differences between the API and the rules of the deciding node, for this Service.

    Only iptables mode is compared; () for others, and for a node without collected rules.
    """
    if asked.cluster.facts.proxy_mode.value is not ProxyMode.IPTABLES:
        return ()
    found: list[Difference] = []
    for text in _dumps(asked):
        plans = plan_node(
            asked.cluster.inventory,
            node=asked.node,
            family=asked.question.family,
            config=asked.cluster.facts.proxy.value,
            services=(asked.destination.service,),
        )
        found += audit(plans, parse(text, f"iptables of node {asked.node}"))
    return tuple(_suspicion(asked, each) for each in found)


def _dumps(asked: Asked) -> list[str]:
    """The iptables dumps of the node that hold kube-proxy's rules, or all when none does."""
    machine = asked.cluster.machines.get(asked.node)
    if machine is None or any(gap.part == "rulesets" for gap in machine.host.gaps):
        return []
    texts = [
        ruleset.text for ruleset in machine.host.rulesets if ruleset.family is asked.question.family
    ]
    return [text for text in texts if "KUBE-SERVICES" in text] or texts[:1] or [""]


def _suspicion(asked: Asked, found: Difference) -> Suspicion:
    finding = _FINDINGS.get(found.kind, service.ProxyRulesStale)
    fails = any(row.result is not Result.OK for row in asked.settled.rows)
    return finding.suspect(
        where=Where("node", asked.node),
        direction=Direction.FORWARD,
        message=f"kube-proxy's rules on node {asked.node} differ from the API: {found.message}",
        evidence=found.evidence,
        blocking=fails,
        why=f"{found.kind.value}: {found.chain}" if found.chain else found.kind.value,
        fix=f"restart kube-proxy on {asked.node}: it writes all of its rules anew",
    )
