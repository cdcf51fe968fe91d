"""Walking a packet through a base chain (nft_do_chain in nf_tables_core.c)."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from msgspec import structs

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.branching import merge
from skoop.netstack.netfilter import (
    NO_TPROXY,
    Action,
    ChainKind,
    Fired,
    Guess,
    Hook,
    Outcome,
    Unknown,
    View,
)
from skoop.netstack.nft.rule import Rule
from skoop.netstack.nft.world import ANYTHING, Call, Final, Flow, World

ENGINE = "nft"
MAX_DEPTH = 64
"""The kernel allows 16 nested jumps and no loops; a listing with more is not the kernel's."""
MAX_WORLDS = 128
MAX_CALLS = 50_000
CONNTRACK_PRIORITY = -200

End = tuple[World, Final | None]
"""A world at the end of a chain; None when the chain ran out or returned."""
Rules = Callable[[str], tuple[Rule, ...]]
"""A chain's rules by its name; raises KeyError."""


class NftChain:
    """A base chain of one table."""

    engine = ENGINE

    def __init__(
        self,
        *,
        table: tuple[str, str],
        chain: str,
        family: Family | None,
        hook: Hook,
        priority: int,
        kind: ChainKind,
        policy: Action,
        rules: Rules,
    ) -> None:
        self._chain = chain
        self._table = table
        self._policy = policy
        self._rules = rules
        self.name = f"{table[0]} {table[1]} {chain}"
        self.family = family
        self.hook = hook
        self.priority = priority
        self.kind = kind

    def __repr__(self) -> str:
        return f"<nft chain {self.name}>"

    def evaluate(self, packet: Packet, view: View) -> tuple[Outcome, ...]:
        """Every way the chain can end for this packet; at least one. Equal outcomes are merged."""
        early = self.priority < CONNTRACK_PRIORITY and view.iif != "lo"
        early = early and self.hook in (Hook.PREROUTING, Hook.OUTPUT)
        world = World(packet=packet, ct=view.ct, view=view, tracked=not early)
        budget = [MAX_CALLS]
        outcomes = [self._outcome(*end) for end in self._run(self._chain, world, (), budget)]
        return tuple(merge(outcomes, _outcome_key))

    def _run(self, name: str, world: World, path: tuple[str, ...], budget: list[int]) -> list[End]:
        where = f"{ENGINE} {self._table[0]} {self._table[1]} {name}"
        budget[0] -= 1
        if budget[0] < 0:
            return _give_up(world, where, "too many undecidable rules meet this packet")
        if name in path or len(path) > MAX_DEPTH:
            return _give_up(world, where, "chains that call each other without end")
        try:
            rules = self._rules(name)
        except KeyError:
            return _give_up(world, where, "the chain is not in the listing")
        ends: list[End] = []
        live = [world]
        for rule in rules:
            after: list[World] = []
            for one in live:
                ends += self._apply(rule, one, (*path, name), after, budget)
            live = after if len(after) == 1 else merge(after, _world_key)
            if len(live) > MAX_WORLDS:
                return ends + _give_up(world, where, "too many undecidable rules meet this packet")
            if not live:
                return ends
        return ends + [(one, None) for one in live]

    def _apply(
        self, rule: Rule, world: World, path: tuple[str, ...], after: list[World], budget: list[int]
    ) -> list[End]:
        """Put the worlds that go on with the next rule into `after`; return those that ended."""
        ends: list[End] = []
        for reached, signal in rule.run(world):
            if signal is Flow.BREAK:
                after.append(reached)
            elif isinstance(signal, Final):
                ends.append((reached, signal))
            elif isinstance(signal, Call):
                for end in self._run(signal.target, reached, path, budget):
                    if end[1] is None and not signal.goto:
                        after.append(end[0])
                    else:
                        ends.append(end)
            else:
                ends.append((reached, None))
        return ends

    def _outcome(self, world: World, final: Final | None) -> Outcome:
        fired = world.fired
        if final is None:
            effect = f"policy {self._policy.value}"
            where = f"{ENGINE} {self.name}"
            final = Final(self._policy, effect)
            fired = (*fired, Fired(where, effect, effect))
        action, tproxy = final.action, NO_TPROXY
        if action is Action.ACCEPT and world.tproxy != NO_TPROXY:
            action, tproxy = Action.TPROXY, world.tproxy
        return Outcome(
            action=action,
            packet=world.packet,
            ct=world.ct,
            weight=world.weight,
            nat=final.nat,
            tproxy=tproxy,
            reject_with=final.reject_with,
            guesses=world.guesses,
            fired=fired,
        )


def _give_up(world: World, where: str, why: str) -> list[End]:
    """Both a pass and a drop, each marked as a guess."""
    unknown = Unknown(where, "", why)
    ends: list[End] = []
    for final in ANYTHING:
        if isinstance(final, Final):
            guess = Guess(unknown, final.action is Action.DROP)
            guesses = (*world.guesses, guess)
            fired = (*world.fired, Fired(where, "", final.effect))
            ends.append((structs.replace(world, guesses=guesses, fired=fired), final))
    return ends


def _world_key(world: World) -> Hashable:
    return world.packet, world.ct, world.tproxy, world.added


def _outcome_key(outcome: Outcome) -> Hashable:
    return (
        outcome.action,
        outcome.packet,
        outcome.ct,
        outcome.nat,
        outcome.tproxy,
        outcome.reject_with,
    )
