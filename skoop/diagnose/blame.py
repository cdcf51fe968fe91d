"""From what stopped the traffic to what caused it, the cause first.

Three sources, in this order of trust:

1. An expectation whose repair makes more of the traffic pass: the walk is run again with just that
   mended, so this is shown, not argued.
2. What kube-proxy should have programmed for the Service asked for.
3. What stopped the packet, by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from skoop.cluster.resolve import Ends
from skoop.diagnose.causes.table import cause_of
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.conversation import Conversation
from skoop.diagnose.flight import Flight
from skoop.diagnose.meddling import meddlers
from skoop.diagnose.question import Client, Question
from skoop.diagnose.repairs import without_rule
from skoop.diagnose.service import service_causes, stale_connection
from skoop.diagnose.story import Blocker, Leg, Row, shown_as
from skoop.diagnose.verdict import Settled, settle, visible
from skoop.diagnose.world import World
from skoop.model.diagnosis import Suspicion
from skoop.model.disposition import Direction, Disposition, Level, Result, Verdict
from skoop.plugin.base import Expectation

_RANK = {level: number for number, level in enumerate(Level)}
_GAIN = 1e-6
MOST_REPAIRS = 60
"""Expectations beyond this many are listed, but not tried."""
MOST_BEHIND = 3
"""So many obstacles are taken away to look behind them."""
MOST_TOGETHER = 12
"""So many are tried in combination."""


class Tried(Struct, frozen=True):
    """An expectation and what mending it changes: the share of connections that then work in
    addition, whether the first obstacle is gone, whether anything visible is different."""

    expectation: Expectation
    gain: float
    further: bool
    changes: bool = False


def blame(
    cluster: Cluster, flight: Flight, client: Client, question: Question, ends: Ends,
    settled: Settled,
) -> tuple[Suspicion, ...]:  # fmt: skip
    """All suspicions, the most likely cause first."""
    expectations = _expectations(cluster, settled.rows)
    meddling = list(meddlers(cluster.world, settled.rows))
    if settled.verdict is Verdict.REACHABLE:
        tried = _try(cluster, flight, client, question, settled, meddling)
        changing = [one.expectation for one in tried if one.changes]
        differing = service_causes(cluster, ends, question, settled)
        return _unique((*_noted(changing), *_unblocked(differing), *_noted(expectations)))
    blockers = _blockers(settled.rows)
    stale = stale_connection(cluster, question, settled)
    tried = _try(cluster, flight, client, question, settled, [*expectations, *meddling])
    shown = [_blocking(one.expectation, blockers) for one in tried if one.gain > _GAIN]
    if not shown and not any(one.further for one in tried):
        together = _together(flight, client, question, settled, expectations)
        shown = [_blocking(each, blockers) for each in together]
    nearer = [
        _blocking(one.expectation, blockers) for one in tried if one.further and one.gain <= _GAIN
    ]
    cut_off = _cut_off(cluster, client, settled, tried, blockers)
    programmed = service_causes(cluster, ends, question, settled)
    if programmed:
        blockers = [b for b in blockers if shown_as(b.stop) is not Disposition.NO_ENDPOINT]
    direct = _direct(cluster, blockers)
    lost = _direct(cluster, [b for b in blockers if b.leg is Leg.ERROR])
    rest = _noted(
        one.expectation
        for one in tried
        if not one.further and one.gain <= _GAIN and one.expectation not in meddling
    )
    behind = _behind(cluster, flight, client, question, tried, blockers)
    return _unique((*stale, *shown, *cut_off, *nearer, *lost, *programmed, *direct, *behind, *rest))


def _behind(
    cluster: Cluster, flight: Flight, client: Client, question: Question, tried: list[Tried],
    blockers: list[Blocker],
) -> list[Suspicion]:  # fmt: skip
    """What would stop the traffic next: the walk goes on as if the first obstacle were mended."""
    world = flight.world
    repairs = [one.expectation for one in tried if one.further or one.gain > _GAIN]
    found: list[Suspicion] = []
    for _ in range(MOST_BEHIND):
        mended = _without_obstacle(world, repairs, blockers)
        if mended is None:
            break
        world = mended
        settled = _again(flight.in_world(world), client, question)
        if settled.verdict is Verdict.REACHABLE:
            break
        blockers = _blockers(settled.rows)
        found += _direct(cluster, blockers)
    return found


def _without_obstacle(
    world: World, repairs: list[Expectation], blockers: list[Blocker]
) -> World | None:
    """The world without what stands first in the way, None when it cannot be taken away."""
    if repairs:
        return _mended(world, [repairs.pop(0)])
    for blocker in blockers[:1]:
        namespace = world.stacks[blocker.node].namespace
        changed = without_rule(namespace, blocker.stop.where, blocker.stop.rule)
        if blocker.stop.rule and changed is not None:
            return world.with_namespace(changed)
    return None


def _direct(cluster: Cluster, blockers: list[Blocker]) -> list[Suspicion]:
    """What stopped the packets, by itself. A lost error comes first: it is why the client waits."""
    causes = (cause_of(cluster, blocker) for blocker in blockers)
    return [cause for cause in causes if cause is not None]


def _cut_off(
    cluster: Cluster, client: Client, settled: Settled, tried: list[Tried],
    blockers: list[Blocker],
) -> list[Suspicion]:  # fmt: skip
    """Expectations that cannot be mended in the walk, but isolate one of the two ends."""
    ends = {client.stack.id} if client.stack else set()
    for row in settled.rows:
        if row.result is Result.OK or not row.traces:
            continue
        for hop in row.traces[0].hops:
            packet = hop.packet_out
            pods = cluster.inventory.pods_with_ip((packet.family, packet.dst))
            ends.update(f"pod/{pod.namespace}/{pod.name}" for pod in pods)
    return [
        _blocking(one.expectation, blockers)
        for one in tried
        if one.expectation.isolates and one.expectation.namespace in ends
    ]


def _expectations(cluster: Cluster, rows: Iterable[Row]) -> list[Expectation]:
    """What is wrong with the machines the packets met, or should have met."""
    found = [each for name in _machines(cluster, rows) for each in cluster.expected.on(name)]
    return sorted(found, key=lambda each: _RANK[each.suspicion.level])


def _machines(cluster: Cluster, rows: Iterable[Row]) -> list[str]:
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
    return [name for name in names if name in cluster.machines]


def _noted(expectations: Iterable[Expectation]) -> tuple[Suspicion, ...]:
    """Expectations that this traffic did not stumble over."""
    return tuple(replace(each.suspicion, blocking=False) for each in expectations)


def _unblocked(suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """Suspicions about traffic that passes all the same."""
    return tuple(replace(each, blocking=False, level=_mild(each.level)) for each in suspicions)


def _mild(level: Level) -> Level:
    return level if _RANK[level] >= _RANK[Level.WARNING] else Level.WARNING


def _blockers(rows: Iterable[Row]) -> list[Blocker]:
    """What stopped failing branches, the heaviest first, each once."""
    weights: dict[tuple[object, ...], float] = {}
    first: dict[tuple[object, ...], Blocker] = {}
    for row in rows:
        if row.result is Result.OK:
            continue
        for blocker in row.blockers:
            key = (blocker.node, blocker.stop.reason, blocker.stop.detail, blocker.direction)
            weights[key] = weights.get(key, 0.0) + row.weight
            first.setdefault(key, blocker)
    return sorted(first.values(), key=lambda b: -weights[_key(b)])


def _key(blocker: Blocker) -> tuple[object, ...]:
    return blocker.node, blocker.stop.reason, blocker.stop.detail, blocker.direction


def _try(
    cluster: Cluster, flight: Flight, client: Client, question: Question, settled: Settled,
    expectations: list[Expectation],
) -> list[Tried]:  # fmt: skip
    """Mend one thing at a time and ask again."""
    works = _working(settled)
    obstacles = _obstacles(settled)
    results = []
    for number, expectation in enumerate(expectations):
        if expectation.repair is None or number >= MOST_REPAIRS:
            results.append(Tried(expectation, 0.0, further=False))
            continue
        namespace = cluster.world.stacks[expectation.namespace].namespace
        world = cluster.world.with_namespace(expectation.repair(namespace))
        mended = _again(flight.in_world(world), client, question)
        gain = _working(mended) - works
        further = bool(obstacles) and not obstacles & _obstacles(mended)
        changes = _visible(mended) != _visible(settled)
        results.append(Tried(expectation, gain, further, changes))
    results.sort(key=lambda one: -round(one.gain, 6))
    return results


def _together(
    flight: Flight, client: Client, question: Question, settled: Settled,
    expectations: list[Expectation],
) -> list[Expectation]:  # fmt: skip
    """The fewest expectations that must all be mended, when no single one makes a difference.

    All severe ones are mended at once; if that helps, those that are not needed are left out one
    by one.
    """
    severe = [
        each
        for each in expectations
        if each.repair and _RANK[each.suspicion.level] <= _RANK[Level.CRITICAL]
    ][:MOST_TOGETHER]
    works, obstacles = _working(settled), _obstacles(settled)

    def helps(chosen: list[Expectation]) -> bool:
        mended = _again(flight.in_world(_mended(flight.world, chosen)), client, question)
        further = bool(obstacles) and not obstacles & _obstacles(mended)
        return further or _working(mended) > works + _GAIN

    if len(severe) < 2 or not helps(severe):
        return []
    for each in list(severe):
        fewer = [other for other in severe if other is not each]
        if helps(fewer):
            severe = fewer
    return severe


def _mended(world: World, chosen: list[Expectation]) -> World:
    for each in chosen:
        if each.repair is not None:
            world = world.with_namespace(each.repair(world.stacks[each.namespace].namespace))
    return world


def _again(flight: Flight, client: Client, question: Question) -> Settled:
    stacks = flight.world.stacks
    stack = stacks[client.stack.id] if client.stack else None
    entry = client.entry
    if entry is not None:
        host = stacks[entry[0].id]
        entry = (host, host.links.get(entry[1].name, entry[1]))
    return settle(Conversation(flight, Client(stack, client.address, entry), question).run())


def _visible(settled: Settled) -> set[object]:
    return {visible(row) for row in settled.rows}


def _working(settled: Settled) -> float:
    return sum(row.weight for row in settled.rows if row.result is Result.OK)


def _obstacles(settled: Settled) -> set[tuple[object, ...]]:
    return {
        (row.blockers[0].node, row.blockers[0].stop.reason, row.blockers[0].direction)
        for row in settled.rows
        if row.result is not Result.OK and row.blockers
    }


def _blocking(expectation: Expectation, blockers: list[Blocker]) -> Suspicion:
    """The expectation as the cause, in the direction in which the packet was stopped."""
    direction = blockers[0].direction if blockers else Direction.FORWARD
    level = expectation.suspicion.level
    raised = level if _RANK[level] <= _RANK[Level.CRITICAL] else Level.CRITICAL
    return replace(expectation.suspicion, blocking=True, direction=direction, level=raised)


def _unique(suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """Each finding once per place; the first one stays."""
    kept: dict[tuple[str, object], Suspicion] = {}
    for suspicion in suspicions:
        kept.setdefault((suspicion.code, suspicion.where), suspicion)
    return tuple(kept.values())
