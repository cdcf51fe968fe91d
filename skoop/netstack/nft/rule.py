"""One rule: statements in order, the first that says no ends it.

A match that cannot be decided is remembered and the rule read on: if another match says no, the
doubt did not matter. Only before an action does it need an answer: then the rule goes both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod

from msgspec import Struct, structs

from skoop.netstack.netfilter import Fired, Guess, Unknown
from skoop.netstack.nft.scope import Draw
from skoop.netstack.nft.stmt.base import Statement, Step
from skoop.netstack.nft.values import Some
from skoop.netstack.nft.world import NO_DRAWS, Call, Doubt, Final, Flow, World


class Rule(Struct, frozen=True, eq=False):
    """A compiled rule. `text` renders it for evidence; `why` is "" unless a part of it is not
    modelled."""

    where: str
    text: Callable[[], str]
    statements: tuple[Statement, ...]
    why: str = ""

    def run(self, world: World) -> list[Step]:
        """Each way the rule can end. Flow.BREAK stands for every end that leaves the chain's next
        rule to go on with."""
        done: list[Step] = []
        todo: list[tuple[World, int, str]] = [(world, 0, "")]
        while todo:
            now, place, doubt = todo.pop()
            self._advance(now, place, doubt, done, todo)
        return done

    def _advance(
        self,
        world: World,
        place: int,
        doubt: str,
        done: list[Step],
        todo: list[tuple[World, int, str]],
    ) -> None:
        statements = self.statements
        while place < len(statements):
            statement = statements[place]
            if statement.draws or statement.act is not None:
                break
            place += 1
            if statement.decide is None:
                continue
            answer = statement.decide(world)
            if answer is False:
                done.append((world, Flow.BREAK))
                return
            if isinstance(answer, Some):
                doubt = doubt or answer.why
        else:
            done.append((world, Flow.BREAK))
            return
        if statement.act is None:
            self._draw_match(statement, world, place, doubt, done, todo)
            return
        if doubt:
            done.append((self._guess(world, doubt, matched=False), Flow.BREAK))
            world = self._guess(world, doubt, matched=True)
        for drawn in _draw(statement.draws, world):
            for after, signal in statement.act(drawn):
                clean = structs.replace(after, draws=NO_DRAWS) if statement.draws else after
                self._follow(self._sign(clean, world), signal, place, done, todo)

    def _draw_match(
        self,
        statement: Statement,
        world: World,
        place: int,
        doubt: str,
        done: list[Step],
        todo: list[tuple[World, int, str]],
    ) -> None:
        """A match on a random number: the share of the numbers that match goes on."""
        shares: dict[str, float] = {}
        refused = 0.0
        assert statement.decide is not None
        for drawn in _draw(statement.draws, world):
            answer = statement.decide(drawn)
            if answer is False:
                refused += drawn.weight
            else:
                why = doubt or (answer.why if isinstance(answer, Some) else "")
                shares[why] = shares.get(why, 0.0) + drawn.weight
        if refused:
            done.append((structs.replace(world, weight=refused), Flow.BREAK))
        for why, weight in shares.items():
            todo.append((structs.replace(world, weight=weight), place + 1, why))

    def _follow(
        self,
        world: World,
        signal: object,
        place: int,
        done: list[Step],
        todo: list[tuple[World, int, str]],
    ) -> None:
        if signal is Flow.NEXT:
            todo.append((world, place + 1, ""))
        elif isinstance(signal, Doubt):
            done.append((self._guess(world, signal.why, matched=False), Flow.BREAK))
            guessed = self._guess(world, signal.why, matched=True)
            guessed = structs.replace(guessed, weight=world.weight / len(signal.maybe))
            for maybe in signal.maybe:
                self._follow(guessed, maybe, place, done, todo)
        elif isinstance(signal, Final):
            done.append((self._note(world, signal.effect), signal))
        elif isinstance(signal, Call):
            verb = "goto" if signal.goto else "jump"
            done.append((self._note(world, f"{verb} {signal.target}"), signal))
        elif signal is Flow.RETURN:
            done.append((self._note(world, "return"), Flow.RETURN))
        else:
            done.append((world, Flow.BREAK))

    def _note(self, world: World, effect: str) -> World:
        fired = Fired(self.where, self.text(), effect)
        return structs.replace(world, fired=(*world.fired, fired))

    def _sign(self, after: World, before: World) -> World:
        """Put the rule's name to the notes its statements left."""
        count = len(before.fired)
        if len(after.fired) == count:
            return after
        signed = (Fired(self.where, self.text(), f.effect) for f in after.fired[count:])
        return structs.replace(after, fired=(*before.fired, *signed))

    def _guess(self, world: World, why: str, *, matched: bool) -> World:
        guess = Guess(Unknown(self.where, self.text(), why), matched)
        return structs.replace(world, guesses=(*world.guesses, guess))


def combinations(draws: Sequence[Draw]) -> int:
    """How many ways there are to draw these numbers."""
    return prod(draw.count for draw in draws)


def _draw(draws: Sequence[Draw], world: World) -> Iterator[World]:
    """The world with each combination of drawn numbers."""
    if not draws:
        yield world
        return
    total = combinations(draws)
    weight = world.weight / total
    ranges = [range(draw.low, draw.low + draw.count) for draw in draws]
    for values in product(*ranges):
        numbers = {draw.id: value for draw, value in zip(draws, values, strict=True)}
        yield structs.replace(world, draws=numbers, weight=weight)
