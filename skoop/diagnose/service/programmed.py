"""What kube-proxy should have written on the deciding node, against what is there."""

from __future__ import annotations

from skoop.diagnose.service.asked import Asked
from skoop.findings import conntrack, netfilter, service
from skoop.findings.base import Finding
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.model.trace import Evidence
from skoop.service import Effect
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

    Rules of iptables mode are compared one by one; of nftables mode it is only seen that a packet
    met no translation. () for others, and for a node without collected rules.
    """
    mode = asked.cluster.facts.proxy_mode.value
    if mode is ProxyMode.NFTABLES:
        return _untranslated(asked)
    if mode is not ProxyMode.IPTABLES:
        return ()
    rules = asked.cluster.programmed.on(asked.node, asked.question.family)
    if rules is None:
        return ()
    plans = plan_node(
        asked.cluster.inventory,
        node=asked.node,
        family=asked.question.family,
        config=asked.cluster.facts.proxy.value,
        services=(asked.destination.service,),
    )
    return tuple(_suspicion(asked, each) for each in audit(plans, rules))


def _untranslated(asked: Asked) -> tuple[Suspicion, ...]:
    """A packet to a Service with backends left the deciding node's rules as it came."""
    if asked.view.effect is not Effect.BACKENDS:
        return ()
    node = f"node/{asked.node}"
    for row in asked.settled.rows:
        hops = [hop for trace in row.traces[:1] for hop in trace.hops if hop.node == node]
        if row.result is Result.OK or not hops or hops[-1].packet_out.dst != asked.question.dst:
            continue
        owner = asked.destination.service
        stop = row.blockers[0].stop if row.blockers else None
        shown = stop.evidence if stop and stop.evidence else ()
        name = f"{owner.namespace}/{owner.name}"
        backends = ", ".join(str(each.endpoint) for each in asked.view.backends)
        made = service.NftServiceMapMissing.suspect(
            where=Where("node", asked.node),
            direction=Direction.FORWARD,
            message=f"kube-proxy's map of Services on node {asked.node} lacks {name}, which has "
            f"the backends {backends}",
            evidence=shown or (Evidence(f"nft ruleset of {node}", f"no translation of {name}"),),
            blocking=True,
            why="so the packet is not translated there",
            fix=f"restart kube-proxy on {asked.node}: it writes all of its rules anew",
        )
        return (made,)
    return ()


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
