"""What kube-proxy should have written on the deciding node, against what is there."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.diagnose.service.asked import Asked
from skoop.findings import conntrack, netfilter, node, service
from skoop.findings import ipvs as findings_ipvs
from skoop.findings.base import Finding
from skoop.model.address import format_ip
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.model.trace import Evidence
from skoop.service import Via, iptables, ipvs, nftables
from skoop.service.config import ProxyMode
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.plan import plan_node

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
    DifferenceKind.HAIRPIN_ENTRY_MISSING: service.HairpinMasqMissing,
    DifferenceKind.VIRTUAL_SERVER_MISSING: findings_ipvs.IpvsServiceMissing,
    DifferenceKind.ADDRESS_MISSING: findings_ipvs.VipNotOnKubeIpvs0,
    DifferenceKind.WEIGHT_ZERO: findings_ipvs.IpvsWeightZero,
    DifferenceKind.SET_MEMBER_MISSING: netfilter.IpsetMemberMissing,
    DifferenceKind.CLUSTER_IP_UNLISTED: netfilter.MasqueradeMissing,
}
_UNPROGRAMMED = {DifferenceKind.ENTRY_MISSING, DifferenceKind.VIRTUAL_SERVER_MISSING}
_OUTER = (Via.EXTERNAL_IP.value, Via.LOAD_BALANCER.value)
_OF_HAIRPINS = (DifferenceKind.HAIRPIN_MASQ_MISSING, DifferenceKind.HAIRPIN_ENTRY_MISSING)
"""Only matter to a pod that reaches itself; stale rules lack them for each new endpoint."""
_IPVS_SETTINGS = "net.ipv4.vs."
_COLLECTED_WITH_THEM = "net.ipv4.neigh.default.gc_thresh3"
_IN_A_MAP = {DifferenceKind.ENTRY_MISSING, DifferenceKind.NODE_PORT_MISSING}


def programmed(asked: Asked) -> tuple[Suspicion, ...]:
    """Differences between the API and the rules of the deciding node, for this Service. () for a
    mode that is not compared, and for a node without collected rules."""
    found = sorted(_differences(asked), key=lambda each: each.kind in _OF_HAIRPINS)
    return (*_no_module(asked), *(_suspicion(asked, each) for each in found))


def _no_module(asked: Asked) -> Iterator[Suspicion]:
    """ipvs mode on a kernel without IPVS: its settings are not there, though others of the same
    collection are."""
    machine = asked.cluster.machines.get(asked.node)
    mode = asked.cluster.facts.proxy_mode
    if mode.value is not ProxyMode.IPVS or machine is None:
        return
    settings, table = machine.host.sysctls, machine.host.ipvs
    missing = not any(name.startswith(_IPVS_SETTINGS) for name in settings)
    if not missing or _COLLECTED_WITH_THEM not in settings or table.servers:
        return
    yield node.KernelModuleMissing.suspect(
        where=Where("node", asked.node),
        direction=Direction.FORWARD,
        message=f"kube-proxy is to use IPVS, and the kernel of node {asked.node} has not loaded it",
        evidence=(
            Evidence(mode.source, f"mode: {mode.value.value}"),
            Evidence(f"sysctl on node/{asked.node}", f"no setting {_IPVS_SETTINGS}*"),
        ),
        blocking=_fails(asked),
        why="without ip_vs kube-proxy ends, or falls back to iptables mode",
        fix="modprobe -a ip_vs ip_vs_rr nf_conntrack   # and restart kube-proxy on the node",
    )


def _fails(asked: Asked) -> bool:
    return any(row.result is not Result.OK for row in asked.settled.rows)


def _differences(asked: Asked) -> tuple[Difference, ...]:
    mode = asked.cluster.facts.proxy_mode.value
    plans = plan_node(
        asked.cluster.inventory,
        node=asked.node,
        family=asked.question.family,
        config=asked.cluster.facts.proxy.value,
        services=(asked.destination.service,),
    )
    if mode is ProxyMode.NFTABLES:
        table = asked.cluster.programmed.nftables(asked.node, asked.question.family)
        return (*(nftables.audit(plans, table) if table else ()), *_left_over(asked))
    if mode is ProxyMode.IPVS:
        written = asked.cluster.programmed.ipvs(asked.node)
        return (*(ipvs.audit(plans, written) if written else ()), *_left_over(asked))
    if mode is ProxyMode.IPTABLES:
        rules = asked.cluster.programmed.on(asked.node, asked.question.family)
        return iptables.audit(plans, rules) if rules else ()
    return ()


def _left_over(asked: Asked) -> tuple[Difference, ...]:
    """Rules of iptables mode for this very Service, on a node that has another mode now."""
    rules = asked.cluster.programmed.on(asked.node, asked.question.family)
    address = format_ip(asked.question.family, asked.question.dst)
    lines = rules.services.values() if rules else ()
    old = next((each for each in lines if each.destination.partition("/")[0] == address), None)
    if rules is None or old is None or not old.target.startswith("KUBE-SV"):
        return ()
    owner = asked.destination.service
    found = Difference(
        kind=DifferenceKind.MODE_MIXED,
        service=f"{owner.namespace}/{owner.name}",
        chain=old.target,
        message="rules of iptables mode are left over, and whichever mode translates first decides",
        evidence=(rules.evidence("nat", old),),
    )
    return (found,)


def _suspicion(asked: Asked, found: Difference) -> Suspicion:
    finding = _FINDINGS.get(found.kind, service.ProxyRulesStale)
    mode = asked.cluster.facts.proxy_mode.value
    in_nftables = mode is ProxyMode.NFTABLES
    if in_nftables and found.kind in _IN_A_MAP:
        finding = service.NftServiceMapMissing
    if found.kind in _UNPROGRAMMED and found.message.startswith(_OUTER):
        finding = service.ExternalipUnprogrammed
    if mode is ProxyMode.IPVS and found.kind is DifferenceKind.ENDPOINT_MISSING:
        finding = findings_ipvs.IpvsRealServerMissing
    return finding.suspect(
        where=Where("node", asked.node),
        direction=Direction.FORWARD,
        message=f"kube-proxy's rules on node {asked.node} differ from the API: {found.message}",
        evidence=found.evidence,
        blocking=_fails(asked),
        why=f"{found.kind.value}: {found.chain}" if found.chain else found.kind.value,
        fix=f"restart kube-proxy on {asked.node}: it writes all of its rules anew",
    )
