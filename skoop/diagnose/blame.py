"""From what stopped the traffic to what caused it, the cause first.

In this order of trust:

1. A connection entry that still sends this very flow to an old backend.
2. An expectation whose repair makes more of the traffic pass: the walk is run again with just that
   mended, so this is shown, not argued. Several that only help together follow.
3. An expectation that isolates one of the ends, or the place that knows no way on, or whose
   repair removes the first obstacle.
4. What lost the error that the client waits for. Where that was "too big", it comes before MTUs
   that could be mended: they do no harm to a sender that is told.
5. What is wrong with the Service asked for, or with what kube-proxy should have programmed for it;
   a port of the node that is wanted more than once.
6. That a pod asked about does not run, where it is the one that does not answer.
7. A rule that cannot be decided, where the answer hangs on it.
8. What stopped the packet, by itself, and first the rule without which more passes; then what
   would stop it next.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from skoop.diagnose.causes.table import cause_of
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.ends import of_ends, unseen_nodes
from skoop.diagnose.hazards import hazards, undecided_rules
from skoop.diagnose.hostports import hostport_conflicts
from skoop.diagnose.meddling import meddlers
from skoop.diagnose.policy.causes import policy_causes, policy_remarks
from skoop.diagnose.service import client_ip_lost, service_causes, stale_connection
from skoop.diagnose.sizes import about_sizes, size_causes, without
from skoop.diagnose.story import Blocker, Leg, Row, shown_as
from skoop.diagnose.trials import (
    Inquiry,
    Trial,
    again,
    behind,
    blockers_of,
    by_gain,
    enough_together,
    further_together,
    identity,
    mended,
    met_after,
    try_each,
)
from skoop.model.diagnosis import Suspicion
from skoop.model.disposition import Direction, Disposition, Level, Result, Verdict
from skoop.plugin.base import Expectation
from skoop.service.nftables.names import CLUSTER_IPS_CHECK

_NAMED = 3
"""Pods that are named where a cause is that of many."""
_NO_WAY_ON = (Disposition.NO_ROUTE, Disposition.NEIGHBOUR_UNREACHABLE)


def blame(inquiry: Inquiry) -> tuple[Suspicion, ...]:
    """All suspicions, the most likely cause first."""
    rows = inquiry.settled.rows
    expectations = _expectations(inquiry.cluster, rows)
    meddling = list(meddlers(inquiry.cluster.world, rows))
    if inquiry.settled.verdict is Verdict.REACHABLE:
        return _remarks(inquiry, expectations, meddling)
    return _causes(inquiry, expectations, meddling)


def _remarks(
    inquiry: Inquiry, expectations: list[Expectation], meddling: list[Expectation]
) -> tuple[Suspicion, ...]:
    """What is worth knowing although the traffic passes."""
    changing = [trial.expectation for trial in try_each(inquiry, meddling) if trial.changes]
    asked = (*_service_causes(inquiry), *hostport_conflicts(inquiry))
    service = (_remark(each) for each in asked)
    ends = (_remark(each) for each in of_ends(inquiry.cluster, inquiry.ends))
    return _unique(
        (
            *_noted(changing),
            *policy_remarks(inquiry),
            *service,
            *ends,
            *_noted(_nearby(inquiry, expectations)),
            *hazards(inquiry),
            *(_remark(each) for row in inquiry.settled.rows for each in row.doubts),
        )
    )


def _causes(
    inquiry: Inquiry, expectations: list[Expectation], meddling: list[Expectation]
) -> tuple[Suspicion, ...]:
    blockers = blockers_of(inquiry.settled)
    trials = try_each(inquiry, [*expectations, *meddling])
    proven = [trial.expectation for trial in trials if trial.helps]
    nearer = [trial.expectation for trial in trials if trial.further and not trial.helps]
    together = [] if proven else enough_together(inquiry, expectations)
    if not (proven or together or nearer):
        together = further_together(inquiry, expectations)
    proven += together
    met = [*blockers, *(one for each in together for one in met_after(inquiry, each))]
    cut_off = _cut_off(inquiry, trials, blockers)
    service = _service_causes(inquiry)
    sizes = size_causes(inquiry)
    left = without(_unexplained(inquiry, proven, blockers), sizes)
    strayed = _met_astray(inquiry.settled.rows)
    left = [each for each in left if identity(each) not in strayed]
    policies = policy_causes(inquiry, left)
    left = [each for each in left if each not in policies.blockers]
    undecided = {(unknown.where, unknown.rule) for unknown in inquiry.settled.unknowns}
    left = [each for each in left if (each.stop.where, each.stop.rule) not in undecided]
    if service:
        left = [each for each in left if not _refused_by_proxy(each)]
    ports = hostport_conflicts(inquiry)
    named = (*proven, *cut_off, *nearer)
    dead, other = _dead_ends(inquiry, blockers)
    rest = [each for each in expectations if each not in named]
    first = [_blocking(each, met) for each in named]
    told = (*sizes.suspicions, *first) if about_sizes(first) else (*first, *sizes.suspicions)
    beyond = _beyond(inquiry, [*proven, *nearer], blockers)
    return _unique(
        (
            *stale_connection(inquiry.cluster, inquiry.question, inquiry.settled),
            *told,
            *_doubts(inquiry.settled.rows, blocking=True),
            *_direct(inquiry.cluster, _lost_errors(inquiry, left)),
            *policies.suspicions,
            *(each for each in service if each.blocking),
            *(each for each in ports if each.blocking),
            *dead,
            *undecided_rules(inquiry),
            *_direct(inquiry.cluster, by_gain(inquiry, left)),
            *client_ip_lost(inquiry, policies.suspicions),
            *beyond,
            *unseen_nodes(inquiry.cluster, _nodes_met(inquiry.cluster, inquiry.settled.rows)),
            *(each for each in (*service, *ports) if not each.blocking),
            *other,
            *sizes.hints,
            *policy_remarks(inquiry),
            *_noted(_nearby(inquiry, rest)),
            *hazards(inquiry),
            *_doubts(inquiry.settled.rows, blocking=False),
        )
    )


def _beyond(
    inquiry: Inquiry, repairs: list[Expectation], blockers: list[Blocker]
) -> tuple[Suspicion, ...]:
    """What would stop the traffic next. What stops it now is told already."""
    now = {identity(each) for each in blockers}
    found = [each for each in behind(inquiry, repairs, blockers) if identity(each) not in now]
    policies = policy_causes(inquiry, found)
    rest = [each for each in found if each not in policies.blockers]
    return (*policies.suspicions, *_direct(inquiry.cluster, rest))


def _refused_by_proxy(blocker: Blocker) -> bool:
    """Whether kube-proxy's own rule stopped a packet for want of a Service or of endpoints."""
    nobody = shown_as(blocker.stop) is Disposition.NO_ENDPOINT
    return nobody or blocker.stop.where.endswith(f"kube-proxy {CLUSTER_IPS_CHECK}")


def _dead_ends(
    inquiry: Inquiry, blockers: list[Blocker]
) -> tuple[tuple[Suspicion, ...], tuple[Suspicion, ...]]:
    """What is wrong with the ends: where a packet stopped in that very pod and the pod does not
    run, and the rest."""
    stopped = {blocker.node for blocker in blockers}
    found = of_ends(inquiry.cluster, inquiry.ends)
    dead = [
        each
        for each in found
        if each.level.rank < Level.WARNING.rank
        and f"{each.where.kind}/{each.where.name}" in stopped
    ]
    return (
        tuple(replace(each, blocking=True) for each in dead),
        tuple(each for each in found if each not in dead),
    )


def _doubts(rows: Iterable[Row], *, blocking: bool) -> list[Suspicion]:
    """What was suspicious between the nodes: what may have led a packet astray, on the ways that
    do not work, or what is only worth knowing."""
    return [
        each
        for row in rows
        for each in row.doubts
        if each.blocking is blocking and (not blocking or row.result is not Result.OK)
    ]


def _met_astray(rows: Iterable[Row]) -> set[tuple[object, ...]]:
    """What stopped only packets that were led astray before: they had no business there."""
    astray: set[tuple[object, ...]] = set()
    straight: set[tuple[object, ...]] = set()
    for row in rows:
        led = any(each.blocking for each in row.doubts)
        (astray if led else straight).update(identity(each) for each in row.blockers)
    return astray - straight


def _service_causes(inquiry: Inquiry) -> tuple[Suspicion, ...]:
    return service_causes(inquiry.cluster, inquiry.ends, inquiry.question, inquiry.settled)


def _unexplained(
    inquiry: Inquiry, proven: list[Expectation], blockers: list[Blocker]
) -> list[Blocker]:
    """The blockers that are still there once the proven causes are mended."""
    if not proven:
        return blockers
    after = again(inquiry, mended(inquiry.flight.world, proven))
    remaining = {identity(blocker) for blocker in blockers_of(after)}
    return [blocker for blocker in blockers if identity(blocker) in remaining]


def _lost_errors(inquiry: Inquiry, blockers: list[Blocker]) -> list[Blocker]:
    """What lost the error that the client waits for: it is the first obstacle of its row."""
    first = {identity(row.blockers[0]) for row in inquiry.settled.rows if row.blockers}
    return [each for each in blockers if each.leg is Leg.ERROR and identity(each) in first]


def _direct(cluster: Cluster, blockers: list[Blocker]) -> list[Suspicion]:
    """What stopped the packets, by itself."""
    causes = (cause_of(cluster, blocker) for blocker in blockers)
    return [cause for cause in causes if cause is not None]


def _cut_off(inquiry: Inquiry, trials: list[Trial], blockers: list[Blocker]) -> list[Expectation]:
    """Expectations that cannot be mended in the walk, but isolate one of the two ends, or the
    place from where the packet had no way on."""
    stuck = {blocker.node for blocker in blockers if shown_as(blocker.stop) in _NO_WAY_ON}
    places = _ends(inquiry) | stuck
    return [
        trial.expectation
        for trial in trials
        if trial.expectation.isolates and trial.expectation.namespace in places
    ]


def _ends(inquiry: Inquiry) -> set[str]:
    """The ids of the client's namespace and of the pods that packets were for."""
    stack = inquiry.client.stack
    ends = {stack.id} if stack else set()
    for row in inquiry.settled.rows:
        for hop in (hop for trace in row.traces[:1] for hop in trace.hops):
            packet = hop.packet_out
            pods = inquiry.cluster.inventory.pods_with_ip((packet.family, packet.dst))
            ends.update(f"pod/{pod.namespace}/{pod.name}" for pod in pods)
    return ends


def _nearby(inquiry: Inquiry, expectations: Iterable[Expectation]) -> list[Expectation]:
    """Those about namespaces that the packets met or were for."""
    met = _ends(inquiry)
    for row in inquiry.settled.rows:
        met.update(hop.node for trace in row.traces for hop in trace.hops)
    return [each for each in expectations if each.namespace in met]


def _expectations(cluster: Cluster, rows: Iterable[Row]) -> list[Expectation]:
    """What is wrong with the machines the packets met, or should have met."""
    found = [each for name in _machines(cluster, rows) for each in cluster.expected.on(name)]
    return sorted(found, key=lambda each: each.suspicion.level.rank)


def _machines(cluster: Cluster, rows: Iterable[Row]) -> list[str]:
    """The collected ones of the nodes met."""
    return [name for name in _nodes_met(cluster, rows) if name in cluster.machines]


def _nodes_met(cluster: Cluster, rows: Iterable[Row]) -> list[str]:
    """Nodes by name: those of every hop, of the address a packet was for, and of the next hop that
    did not answer."""
    names: dict[str, None] = {}
    for row in rows:
        for hop in (hop for trace in row.traces for hop in trace.hops):
            names.setdefault(cluster.world.machine_of.get(hop.node, ""))
            packet = hop.packet_out
            for pod in cluster.inventory.pods_with_ip((packet.family, packet.dst)):
                names.setdefault(pod.node)
        for blocker in row.blockers:
            family = blocker.packet.family
            for stack, _ in cluster.world.owners(family, blocker.stop.address):
                names.setdefault(cluster.world.machine_of[stack.id])
    return list(names)


def _noted(expectations: Iterable[Expectation]) -> tuple[Suspicion, ...]:
    """Expectations that this traffic did not stumble over."""
    return tuple(replace(each.suspicion, blocking=False) for each in expectations)


def _remark(suspicion: Suspicion) -> Suspicion:
    """A suspicion about traffic that passes all the same."""
    level = suspicion.level
    mild = level if level.rank >= Level.WARNING.rank else Level.WARNING
    return replace(suspicion, blocking=False, level=mild)


def _blocking(expectation: Expectation, blockers: list[Blocker]) -> Suspicion:
    """The expectation as the cause, in the direction in which a packet was stopped there, or else
    first of all."""
    there = [each for each in blockers if each.node == expectation.namespace]
    direction = (there or blockers)[0].direction if blockers else Direction.FORWARD
    level = expectation.suspicion.level
    raised = level if level.rank <= Level.CRITICAL.rank else Level.CRITICAL
    return replace(expectation.suspicion, blocking=True, direction=direction, level=raised)


def _unique(suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """Each finding once per place, the first one stays; and once for all pods that one remedy
    helps: a Service may have many."""
    kept: dict[tuple[str, object], Suspicion] = {}
    for suspicion in suspicions:
        kept.setdefault((suspicion.code, suspicion.where), suspicion)
    alike: dict[object, list[Suspicion]] = {}
    for each in kept.values():
        of_pods = each.where.kind == "pod" and each.fix
        remedy = (each.code, each.level, each.blocking, each.direction, each.fix)
        alike.setdefault(remedy if of_pods else (each.code, each.where), []).append(each)
    return tuple(_together(first, rest) for first, *rest in alike.values())


def _together(first: Suspicion, rest: list[Suspicion]) -> Suspicion:
    if not rest:
        return first
    names = [each.where.name for each in rest]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    pods = f"pod{'s' if len(names) > 1 else ''} {', '.join(names[:_NAMED])}{more}"
    return replace(first, message=f"{first.message}; likewise for {pods}")
