"""Walking again with something mended, to see whether it was the cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from skoop.cluster.resolve import Ends
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.conversation import Conversation
from skoop.diagnose.flight import Flight
from skoop.diagnose.question import Client, Question
from skoop.diagnose.repairs import without_rule
from skoop.diagnose.story import Blocker, Row
from skoop.diagnose.verdict import Settled, settle, visible
from skoop.diagnose.world import World
from skoop.model.disposition import Level, Result, Verdict
from skoop.plugin.base import Expectation

_GAIN = 1e-6
_MOST_WAYS = 4000
"""Ways walked again in all: with many branches fewer expectations are tried."""
_MOST_REPAIRS = 60
_MOST_TOGETHER = 12
_MOST_BEHIND = 3
_MOST_RANKED = 8


class Inquiry(Struct, frozen=True):
    """A question that was walked, and what came of it."""

    cluster: Cluster
    flight: Flight
    client: Client
    question: Question
    ends: Ends
    settled: Settled


class Trial(Struct, frozen=True):
    """An expectation and what mending it changes: the share of connections that then work in
    addition, whether the first obstacle is gone, whether anything visible is different."""

    expectation: Expectation
    gain: float = 0.0
    further: bool = False
    changes: bool = False

    @property
    def helps(self) -> bool:
        """Whether more connections work."""
        return self.gain > _GAIN


def try_each(inquiry: Inquiry, expectations: list[Expectation]) -> list[Trial]:
    """Mend one thing at a time and ask again; the one that helps most comes first."""
    budget = min(_MOST_REPAIRS, max(4, _MOST_WAYS // max(1, len(inquiry.settled.rows))))
    trials = [
        _try(inquiry, each) if number < budget else Trial(each)
        for number, each in enumerate(expectations)
    ]
    trials.sort(key=lambda trial: -round(trial.gain, 6))
    return trials


def _try(inquiry: Inquiry, expectation: Expectation) -> Trial:
    if expectation.repair is None:
        return Trial(expectation)
    before = inquiry.settled
    after = again(inquiry, mended(inquiry.flight.world, (expectation,)))
    return Trial(
        expectation,
        gain=_working(after) - _working(before),
        further=_is_further(before, after),
        changes={visible(row) for row in after.rows} != {visible(row) for row in before.rows},
    )


def enough_together(inquiry: Inquiry, expectations: list[Expectation]) -> list[Expectation]:
    """The fewest expectations that must all be mended for more connections to work, when no single
    one does; none when not even all of them do."""
    before = _working(inquiry.settled) + _GAIN
    return _fewest(inquiry, expectations, lambda after: _working(after) > before)


def further_together(inquiry: Inquiry, expectations: list[Expectation]) -> list[Expectation]:
    """The same for traffic to get further, although no more of it works."""
    return _fewest(inquiry, expectations, lambda after: _is_further(inquiry.settled, after))


def _fewest(
    inquiry: Inquiry, expectations: list[Expectation], helps: Callable[[Settled], bool]
) -> list[Expectation]:
    """All severe ones are mended at once; if that helps, those that are not needed are left out
    one by one."""
    severe = [
        each
        for each in expectations
        if each.repair and each.suspicion.level.rank <= Level.CRITICAL.rank
    ][:_MOST_TOGETHER]
    world = inquiry.flight.world
    if len(severe) < 2 or not helps(again(inquiry, mended(world, severe))):
        return []
    for each in list(severe):
        fewer = [other for other in severe if other is not each]
        if helps(again(inquiry, mended(world, fewer))):
            severe = fewer
    return severe


def behind(inquiry: Inquiry, repairs: list[Expectation], blockers: list[Blocker]) -> list[Blocker]:
    """What would stop the traffic next: the walk goes on as if the first obstacles were mended, by
    all the repairs given, and then by leaving out the rule that stopped it."""
    world: World | None = mended(inquiry.flight.world, repairs)
    if not repairs:
        world = _without_first(inquiry.flight.world, blockers)
    found: list[Blocker] = []
    for _ in range(_MOST_BEHIND):
        if world is None:
            break
        after = again(inquiry, world)
        if after.verdict is Verdict.REACHABLE:
            break
        blockers = blockers_of(after)
        found += blockers
        world = _without_first(world, blockers)
    return found


def met_after(inquiry: Inquiry, repair: Expectation) -> list[Blocker]:
    """What stops the traffic once one thing is mended."""
    return blockers_of(again(inquiry, mended(inquiry.flight.world, (repair,))))


def _without_first(world: World, blockers: list[Blocker]) -> World | None:
    return _without_rule_of(world, blockers[0]) if blockers else None


def _without_rule_of(world: World, blocker: Blocker) -> World | None:
    withheld = blocker.stop.withheld
    node, stop = (withheld.node, withheld.stop) if withheld else (blocker.node, blocker.stop)
    if not stop.rule:
        return None
    namespace = world.stacks[node].namespace
    changed = without_rule(namespace, stop.where, stop.rule)
    return None if changed is None else world.with_namespace(changed)


def by_gain(inquiry: Inquiry, blockers: list[Blocker]) -> list[Blocker]:
    """Several blockers, first those whose rule is alone in the way of the most connections."""
    if len(blockers) < 2:
        return blockers

    def gain(blocker: Blocker) -> float:
        changed = _without_rule_of(inquiry.flight.world, blocker)
        if changed is None:
            return 0.0
        return _working(again(inquiry, changed)) - _working(inquiry.settled)

    tried = blockers[:_MOST_RANKED]
    gains = {identity(each): round(gain(each), 6) for each in tried}
    return [*sorted(tried, key=lambda each: -gains[identity(each)]), *blockers[_MOST_RANKED:]]


def mended(world: World, chosen: Iterable[Expectation]) -> World:
    """The world with the repairs of some expectations."""
    for each in chosen:
        if each.repair is not None:
            world = world.with_namespace(each.repair(world.stacks[each.namespace].namespace))
    return world


def again(inquiry: Inquiry, world: World) -> Settled:
    """The same question in another world."""
    client, entry = inquiry.client, inquiry.client.entry
    stack = world.stacks[client.stack.id] if client.stack else None
    if entry is not None:
        host = world.stacks[entry[0].id]
        entry = (host, host.links.get(entry[1].name, entry[1]))
    flight = inquiry.flight.in_world(world)
    asker = Client(stack, client.address, entry)
    return settle(Conversation(flight, asker, inquiry.question).run())


def blockers_of(settled: Settled) -> list[Blocker]:
    """What stopped failing branches, the heaviest first, each once."""
    weights: dict[tuple[object, ...], float] = {}
    first: dict[tuple[object, ...], Blocker] = {}
    for row in settled.rows:
        if row.result is Result.OK:
            continue
        for blocker in row.blockers:
            key = identity(blocker)
            weights[key] = weights.get(key, 0.0) + row.weight
            first.setdefault(key, blocker)
    return sorted(first.values(), key=lambda blocker: -weights[identity(blocker)])


def identity(blocker: Blocker) -> tuple[object, ...]:
    """What makes two blockers the same obstacle."""
    return blocker.node, blocker.stop.reason, blocker.stop.detail, blocker.direction


def _working(settled: Settled) -> float:
    return sum(row.weight for row in settled.rows if row.result is Result.OK)


def _is_further(before: Settled, after: Settled) -> bool:
    """Whether none of the first obstacles is left."""
    obstacles = _obstacles(before)
    return bool(obstacles) and not obstacles & _obstacles(after)


def _obstacles(settled: Settled) -> set[tuple[object, ...]]:
    """The first obstacle of every way that does not work. A way out of sight meets none."""
    return {
        (row.blockers[0].node, row.blockers[0].stop.reason, row.blockers[0].direction)
        for row in settled.rows
        if row.result is not Result.OK and row.blockers and not _is_out_of_sight(row)
    }


def _is_out_of_sight(row: Row) -> bool:
    return row.left is not None and row.result is Result.UNKNOWN
