"""Running a packet through a base chain, as ipt_do_table in ip_tables.c does, in every possible
world.

A world is one way the run can go on: it holds the position, the stack of return addresses, the
packet as changed so far, and its share of the packets. A random match splits it by weight. A rule
that cannot be decided splits it by guess; when both answers come to the same, the guess is
forgotten.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.packet import Packet
from skoop.netstack.iptables.program import Program, Step, explain
from skoop.netstack.iptables.target.base import Ending, Op
from skoop.netstack.netfilter import (
    Action,
    Fired,
    Guess,
    Outcome,
    Unknown,
    View,
)

_MAX_STEPS = 200_000
_MAX_GUESSES = 10
_MAX_WORLDS = 20_000

Facts = dict[tuple[object, ...], bool]
Frame = tuple[str, list[int], int]


class Policy:
    """What happens at the end of a base chain."""

    __slots__ = ("action", "fired", "unknown")

    def __init__(self, action: Action | None, fired: Fired, unknown: Unknown) -> None:
        self.action, self.fired, self.unknown = action, fired, unknown


class _World:
    """One way a run can go. `stack` holds the frames to return to."""

    __slots__ = (
        "at",
        "chain",
        "depth",
        "facts",
        "fired",
        "packet",
        "positions",
        "stack",
        "view",
        "weight",
    )

    def __init__(self, chain: str, positions: list[int], packet: Packet, view: View) -> None:
        self.chain, self.positions, self.at = chain, positions, 0
        self.stack: tuple[Frame, ...] = ()
        self.packet, self.view = packet, view
        self.weight = 1.0
        self.fired: list[Fired] = []
        self.facts: Facts = {}
        self.depth = 0

    def fork(self) -> _World:
        world = _World(self.chain, self.positions, self.packet, self.view)
        world.at, world.stack, world.weight = self.at, self.stack, self.weight
        world.fired, world.facts = list(self.fired), self.facts
        world.depth = self.depth
        return world


class Run:
    """One packet in one base chain; `outcomes` gives every way it can end."""

    def __init__(self, program: Program, chain: str, policy: Policy) -> None:
        self._program = program
        self._chain = chain
        self._policy = policy
        self._steps = 0
        self._worlds = 0

    def outcomes(self, packet: Packet, view: View) -> tuple[Outcome, ...]:
        """At least one; equal ones merged, their weights adding up to 1 for each set of guesses."""
        code = self._program.code(self._chain)
        world = _World(self._chain, code.candidates(packet, view), packet, view)
        found = self._explore(world)
        return _merged(found) if len(found) > 1 else tuple(found)

    def _explore(self, world: _World) -> list[Outcome]:
        """Every ending of a world, in the order of the rules."""
        found: list[Outcome] = []
        pending = [world]
        while pending:
            self._follow(pending.pop(), pending, found)
        return found

    def _follow(self, world: _World, pending: list[_World], found: list[Outcome]) -> None:
        """Runs one world to its end; worlds that split off are left in `pending`."""
        while True:
            step = self._next_step(world)
            if step is None:
                found.extend(self._at_end(world))
                return
            if self._steps > _MAX_STEPS or self._worlds > _MAX_WORLDS:
                found.extend(self._give_up(world, step))
                return
            unknowns = self._test(step, world)
            if unknowns is None:
                continue
            if unknowns:
                found.extend(self._guess(world, step, unknowns))
                return
            if step.chance < 1.0 and not self._draw(world, step, pending):
                continue
            ending = self._act(world, step)
            if ending is not None:
                found.extend(ending)
                return

    def _next_step(self, world: _World) -> Step | None:
        """The next rule to look at, climbing out of finished chains; None at the base's end."""
        while world.at >= len(world.positions):
            if not world.stack:
                return None
            world.chain, world.positions, world.at = world.stack[-1]
            world.stack = world.stack[:-1]
        position = world.positions[world.at]
        world.at += 1
        self._steps += 1
        return self._program.code(world.chain).step(position)

    @staticmethod
    def _test(step: Step, world: _World) -> list[int] | None:
        """None when the rule does not match, [] when it does, else what cannot be told."""
        unknowns: list[int] = []
        packet, view = world.packet, world.view
        for position, test in enumerate(step.tests):
            answer = test(packet, view)
            if answer is None:
                answer = _known(step, position, world.facts)
            if answer is None:
                unknowns.append(position)
            elif not answer:
                return None
        return unknowns

    def _draw(self, world: _World, step: Step, pending: list[_World]) -> bool:
        """Splits off the world in which a random rule does not match; false when that is all."""
        if step.chance <= 0.0:
            return False
        other = world.fork()
        self._worlds += 1
        other.weight *= 1 - step.chance
        pending.append(other)
        world.weight *= step.chance
        return True

    def _guess(self, world: _World, step: Step, unknowns: list[int]) -> list[Outcome]:
        """Both answers, each with its guess, unless they come to the same."""
        if world.depth >= _MAX_GUESSES:
            return self._give_up(world, step)
        self._worlds += 1
        world.depth += 1
        yes, no = world.fork(), world.fork()
        yes.facts = world.facts | _facts(step, unknowns, matched=True)
        if len(unknowns) == 1:
            no.facts = world.facts | _facts(step, unknowns, matched=False)
        without = self._explore(no)
        return _told_apart(explain(step, unknowns), self._matched(yes, step), without)

    def _matched(self, world: _World, step: Step) -> list[Outcome]:
        """Every ending of a world in which a rule's tests hold."""
        pending: list[_World] = []
        if step.chance < 1.0 and not self._draw(world, step, pending):
            return self._explore(world)
        found = self._act(world, step)
        if found is None:
            found = self._explore(world)
        for other in pending:
            found = found + self._explore(other)
        return found

    def _act(self, world: _World, step: Step) -> list[Outcome] | None:
        """Carries out a rule's target; None when the world goes on."""
        target = step.target
        idle = False
        if target.change is not None:
            packet, ct = target.change(world.packet, world.view)
            same = packet == world.packet and ct is world.view.ct
            idle = same and target.op is Op.CONTINUE
            world.packet = packet
            if ct is not world.view.ct:
                world.view = replace(world.view, ct=ct)
        world.fired.append(replace(step.fired, idle=True) if idle else step.fired)
        if target.op is Op.CONTINUE:
            return None
        if target.op is Op.END and target.end is not None:
            return [_outcome(world, target.end(world.packet, world.view))]
        if target.op is Op.RETURN:
            world.at = len(world.positions)
            return None
        if target.op is Op.UNKNOWN:
            return self._unknown_target(world, step)
        if target.op is Op.JUMP:
            world.stack = (*world.stack, (world.chain, world.positions, world.at))
        code = self._program.code(target.chain)
        world.chain, world.at = target.chain, 0
        world.positions = code.candidates(world.packet, world.view)
        return None

    def _unknown_target(self, world: _World, step: Step) -> list[Outcome]:
        """A target that may do nothing, accept or drop."""
        unknown = Unknown(step.fired.where, step.fired.rule, step.target.why)
        accepted, dropped = Ending(Action.ACCEPT), Ending(Action.DROP)
        if world.depth >= _MAX_GUESSES:
            return self._give_up(world, step)
        if not step.target.may_continue:
            return _told_apart(unknown, [_outcome(world, dropped)], [_outcome(world, accepted)])
        world.depth += 1
        self._worlds += 1
        weight = world.weight
        after = world.fork()
        world.weight = weight / 2
        stopped = [_outcome(world, accepted), _outcome(world, dropped)]
        return _told_apart(unknown, stopped, self._explore(after))

    def _at_end(self, world: _World) -> list[Outcome]:
        policy = self._policy
        if policy.action is not None:
            world.fired.append(policy.fired)
            return [_outcome(world, Ending(policy.action))]
        accepted = _outcome(world, Ending(Action.ACCEPT))
        dropped = _outcome(world, Ending(Action.DROP))
        return _told_apart(policy.unknown, [dropped], [accepted])

    @staticmethod
    def _give_up(world: _World, step: Step) -> list[Outcome]:
        """Too many possibilities: either end is possible, and it is said why."""
        unknown = Unknown(
            step.fired.where, step.fired.rule, "too many rules before it cannot be decided"
        )
        accepted = _outcome(world, Ending(Action.ACCEPT))
        return _told_apart(unknown, [_outcome(world, Ending(Action.DROP))], [accepted])


def _known(step: Step, position: int, facts: Facts) -> bool | None:
    """The answer this world already assumed about the same thing."""
    match = step.matches[position]
    if not facts or match is None or not match.fact:
        return None
    fact = facts.get(match.fact)
    return None if fact is None else fact is not match.flipped


def _facts(step: Step, unknowns: list[int], *, matched: bool) -> Facts:
    facts: Facts = {}
    for position in unknowns:
        match = step.matches[position]
        if match is not None and match.fact:
            facts[match.fact] = matched is not match.flipped
    return facts


def _outcome(world: _World, ending: Ending) -> Outcome:
    return Outcome(
        action=ending.action,
        packet=world.packet,
        ct=world.view.ct,
        weight=world.weight,
        nat=ending.nat,
        tproxy=ending.tproxy,
        reject_with=ending.reject_with,
        fired=tuple(world.fired),
    )


def _key(outcome: Outcome) -> tuple[object, ...]:
    return (
        outcome.action,
        outcome.packet,
        outcome.ct,
        outcome.nat,
        outcome.tproxy,
        outcome.reject_with,
        outcome.guesses,
    )


def _merged(outcomes: list[Outcome]) -> tuple[Outcome, ...]:
    """Adds up the weights of equal outcomes; the first one's rules stand for all."""
    kept: dict[tuple[object, ...], Outcome] = {}
    for outcome in outcomes:
        key = _key(outcome)
        same = kept.get(key)
        kept[key] = outcome if same is None else replace(same, weight=same.weight + outcome.weight)
    return tuple(kept.values())


def _told_apart(
    unknown: Unknown, matched: list[Outcome], unmatched: list[Outcome]
) -> list[Outcome]:
    """Both sides with their guess, or one side without when they do not differ."""
    first, second = _merged(matched), _merged(unmatched)
    if _distribution(first) == _distribution(second):
        return list(second)
    return _assumed(Guess(unknown, matched=True), first) + _assumed(
        Guess(unknown, matched=False), second
    )


def _distribution(outcomes: tuple[Outcome, ...]) -> dict[tuple[object, ...], float]:
    return {_key(outcome): round(outcome.weight, 9) for outcome in outcomes}


def _assumed(guess: Guess, outcomes: tuple[Outcome, ...]) -> list[Outcome]:
    return [replace(outcome, guesses=(guess, *outcome.guesses)) for outcome in outcomes]
