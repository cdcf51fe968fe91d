"""Where declared and enforced policy meet a packet: a rule of the policy engine that stopped it,
or a packet that passed although it should not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from skoop.diagnose.cluster import Cluster
from skoop.diagnose.policy.denial import denial_of, nearest_of
from skoop.diagnose.policy.enforcer import RULE, Means, is_for_egress
from skoop.diagnose.story import Blocker, Leg, Row
from skoop.diagnose.trials import Inquiry
from skoop.findings.base import Finding
from skoop.findings.policy import (
    CniNotEnforcing,
    DeclaredButNotProgrammed,
    IpblockVsNatAddress,
    PolicyIpblockMiss,
    ProgrammedButNotDeclared,
)
from skoop.model.diagnosis import NotChecked, Suspicion, Where
from skoop.model.disposition import Direction, Disposition, Result
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.policy import Decision, Outcome, Way
from skoop.policy.answer import Miss

_WHAT = "network policies"
_ALLOWS_MISSING = ("Drop if no", "Unknown interface", "End of tier")
"""How Felix comments the rules that end what nothing has allowed."""
_STOPPED = (Disposition.DROPPED, Disposition.REJECTED)


class Told(Struct, frozen=True):
    """Suspicions, and the blockers that they explain."""

    suspicions: tuple[Suspicion, ...] = ()
    blockers: tuple[Blocker, ...] = ()


def policy_causes(inquiry: Inquiry, blockers: Iterable[Blocker]) -> Told:
    """Why rules of the policy engine stopped packets."""
    declared = inquiry.cluster.declared
    suspicions: list[Suspicion] = []
    explained: list[Blocker] = []
    for blocker in blockers:
        if not _by_policy(blocker):
            continue
        if not _opens(blocker):
            suspicions.append(_answer_stopped(blocker))
            explained.append(blocker)
            continue
        if declared.gap:
            continue
        for decision in _decisions(inquiry.cluster, blocker):
            if decision.outcome is Outcome.UNKNOWN:
                continue
            suspicions.append(_stopped(inquiry, blocker, decision))
            explained.append(blocker)
            break
    return Told(tuple(suspicions), tuple(explained))


def policy_remarks(inquiry: Inquiry) -> tuple[Suspicion, ...]:
    """Policies that would stop this, and nothing does."""
    declared = inquiry.cluster.declared
    means = declared.enforcer.means
    if declared.gap or means not in (Means.RULES, Means.NOBODY):
        return ()
    finding = DeclaredButNotProgrammed if means is Means.RULES else CniNotEnforcing
    denied = dict.fromkeys(
        (decision.way, decision.subject, decision)
        for row in inquiry.settled.rows
        if row.result is Result.OK
        for decision in _of_row(inquiry.cluster, row)
        if decision.outcome is Outcome.DENIED
    )
    return tuple(_passed(inquiry, finding, decision) for _, _, decision in denied)


def policy_doubts(inquiry: Inquiry) -> tuple[NotChecked, ...]:
    """What cannot be told about policies, with what they declare."""
    declared = inquiry.cluster.declared
    rows = inquiry.settled.rows
    if declared.gap:
        met = any(_by_policy(blocker) for row in rows for blocker in row.blockers)
        why = f"not collected: {declared.gap}; so a rule of the policy engine cannot be judged"
        return (NotChecked(_WHAT, why),) if met else ()
    decisions = [decision for row in rows for decision in _of_row(inquiry.cluster, row)]
    means = declared.enforcer.means
    if means in (Means.RULES, Means.NOBODY):
        said = (d for d in decisions if d.outcome is Outcome.UNKNOWN)
    else:
        said = (d for d in decisions if d.applied)
    who = declared.enforcer.name or "who enforces them is not known"
    hidden = f"{who}: " if means in (Means.PROGRAM, Means.UNKNOWN) else ""
    texts = dict.fromkeys(
        f"{hidden}declared for {d.way.value} of {d.subject}: {d.outcome.value}, {d.reason}"
        for d in said
    )
    return tuple(NotChecked(_WHAT, text) for text in texts)


def _by_policy(blocker: Blocker) -> bool:
    """Whether a rule of a policy engine stopped the packet, other than for what conntrack thinks
    of it."""
    stop = blocker.stop
    return (
        stop.disposition in _STOPPED
        and blocker.packet.inner is None
        and RULE.search(stop.where) is not None
        and "INVALID" not in stop.rule
        and "invalid" not in stop.rule
    )


def _opens(blocker: Blocker) -> bool:
    """Whether the packet is one that policies judge: what follows it belongs to the connection."""
    return blocker.direction is Direction.FORWARD and blocker.leg in (Leg.FIRST, Leg.DATA)


def _decisions(cluster: Cluster, blocker: Blocker) -> Iterator[Decision]:
    """The decision of the end that the chain is for; of both, a denial first, where the chain's
    name does not tell."""
    egress = is_for_egress(blocker.stop.where)
    if egress is not None:
        yield cluster.declared.decision(blocker.packet, Way.EGRESS if egress else Way.INGRESS)
        return
    both = [cluster.declared.decision(blocker.packet, way) for way in Way]
    yield from sorted(both, key=lambda each: each.outcome is not Outcome.DENIED)


def _of_row(cluster: Cluster, row: Row) -> Iterator[Decision]:
    """Both ends' decisions about a packet that arrived. Felix and its like see a packet before its
    source is translated on the same node, and after that was done on another."""
    first = _first_packet(row)
    if row.at is None or first is None or row.at.inner is not None:
        return
    sent = replace(row.at, src=first.src, sport=first.sport)
    machine = cluster.world.machine_of
    client = row.traces[0].hops[0].node
    near = machine.get(client) == machine.get(row.server)
    yield cluster.declared.decision(sent, Way.EGRESS)
    yield cluster.declared.decision(sent if near else row.at, Way.INGRESS)


def _first_packet(row: Row) -> Packet | None:
    hops = row.traces[0].hops if row.traces else ()
    return hops[0].packet_out if hops else None


def _mismatch(rule: str) -> tuple[type[Finding], str]:
    """The finding for a rule that stops what the policies allow, and what is wrong."""
    if any(word in rule for word in _ALLOWS_MISSING):
        return DeclaredButNotProgrammed, "lacks what allows it"
    return ProgrammedButNotDeclared, "has a rule that no policy explains"


def _answer_stopped(blocker: Blocker) -> Suspicion:
    """No policy is about answers: they belong to a connection that was allowed."""
    finding, what = _mismatch(blocker.stop.rule)
    _, _, node = blocker.node.partition("/")
    return finding.suspect(
        where=Where.of(blocker.node),
        direction=blocker.direction,
        message=f"Node {node} stops {blocker.packet}, which answers a connection that the policies "
        f"allowed: it {what}",
        evidence=_rule(blocker),
        blocking=True,
        why=f"{blocker.leg.value} {blocker.packet}: {blocker.stop.detail}",
    )


def _rule(blocker: Blocker) -> tuple[Evidence, ...]:
    stop = blocker.stop
    return stop.evidence or (Evidence(f"{stop.where} on {blocker.node}", stop.rule),)


def _stopped(inquiry: Inquiry, blocker: Blocker, decision: Decision) -> Suspicion:
    stop = blocker.stop
    denied = decision.outcome is Outcome.DENIED
    if denied:
        finding = denial_of(decision, blocker.packet)
        if finding is PolicyIpblockMiss and _fits_as_asked(inquiry, blocker.packet, decision.way):
            finding = IpblockVsNatAddress
        message = f"{_of(decision)} denies {blocker.packet} for {decision.subject}"
    else:
        finding, what = _mismatch(stop.rule)
        _, _, node = blocker.node.partition("/")
        message = (
            f"The policies allow {blocker.packet} for {decision.way.value} of {decision.subject}, "
            f"and node {node} {what}"
        )
    return finding.suspect(
        where=_where(decision, blocker.node),
        direction=blocker.direction,
        message=message,
        evidence=(*_rule(blocker), *_evidence(decision)),
        blocking=True,
        why=f"{blocker.leg.value} {blocker.packet}: {stop.detail}",
        fix=decision.changes[0] if decision.changes else "",
    )


def _fits_as_asked(inquiry: Inquiry, packet: Packet, way: Way) -> bool:
    """Whether the policies would allow the packet with the address that the client used, or has:
    a translation replaced it before they saw it."""
    question, declared = inquiry.question, inquiry.cluster.declared
    if way is Way.EGRESS:
        asked = replace(packet, dst=question.dst, dport=question.dport)
    else:
        asked = replace(packet, src=_sender(inquiry, packet.src))
    return asked != packet and declared.decision(asked, way).outcome is Outcome.ALLOWED


def _sender(inquiry: Inquiry, unknown: int) -> int:
    """The client's own address."""
    if inquiry.client.stack is None:
        return inquiry.client.address
    first = next(filter(None, map(_first_packet, inquiry.settled.rows)), None)
    return first.src if first else unknown


def _passed(inquiry: Inquiry, finding: type[Finding], decision: Decision) -> Suspicion:
    who = inquiry.cluster.declared.enforcer.name
    end = "nobody enforces it" if finding is CniNotEnforcing else f"{who} has not programmed it"
    return finding.suspect(
        where=_where(decision, ""),
        direction=Direction.FORWARD,
        message=f"{_of(decision)} denies this for {decision.subject}, and it passes: {end}",
        evidence=_evidence(decision),
        blocking=False,
        why=decision.reason,
    )


def _of(decision: Decision) -> str:
    return str(decision.policy) if decision.policy else f"the policies for {decision.way.value}"


def _where(decision: Decision, stopped: str) -> Where:
    """The pod or node whose policies were asked; else where the packet was stopped."""
    kind, _, name = decision.subject.partition(" ")
    if kind in ("pod", "node"):
        return Where(kind, name)
    return Where.of(stopped)


def _evidence(decision: Decision) -> tuple[Evidence, ...]:
    told = Evidence(f"policies for {decision.way.value} of {decision.subject}", decision.reason)
    rule = (
        (Evidence(f"{decision.policy} {decision.rule}", decision.rule_text),)
        if decision.policy and decision.rule
        else ()
    )
    nearest = nearest_of(decision)
    near = (
        (Evidence(f"{nearest.policy} {nearest.rule}", f"{nearest.text}; {_but(nearest.misses)}"),)
        if nearest
        else ()
    )
    return (told, *rule, *near)


def _but(misses: Iterable[Miss]) -> str:
    return ", ".join(miss.text for miss in misses)
