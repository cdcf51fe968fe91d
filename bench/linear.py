"""The straightforward way to run a table: every rule in turn, recursively, nothing remembered.

Peer of the benchmark and oracle of a property test: it shares the reading of rules with skoop, and
nothing of how they are run. Undecided matches follow both answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod

from msgspec.structs import replace as with_fields

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.iptables.decode import Decoded, Decoder
from skoop.netstack.iptables.head import head_tests
from skoop.netstack.iptables.parse import Tables
from skoop.netstack.iptables.target.base import Ending, Op
from skoop.netstack.netfilter import NO_NAT, Nat, View

Parts = dict[str, list[Decoded]]


@dataclass(frozen=True)
class End:
    action: str
    packet: Packet
    weight: float
    nat: Nat = NO_NAT
    reject_with: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    packet: Packet
    view: View
    weight: float = 1.0
    lines: tuple[str, ...] = field(default=())


def parts(tables: Tables, name: str, family: Family = Family.V4) -> Parts:
    """Decoded rules by chain."""
    chains = tables.tables[name].chains
    decoder = Decoder(family, frozenset(chains))
    return {chain: [decoder.decode(rule) for rule in chains[chain].rules] for chain in chains}


class Linear:
    """One base chain."""

    def __init__(self, chains: Parts, base: str, policy: str) -> None:
        self.chains, self.base, self.policy = chains, base, policy

    def run(self, packet: Packet, view: View) -> list[End]:
        return [
            item
            if isinstance(item, End)
            else End(self.policy.lower(), item.packet, item.weight, lines=item.lines)
            for item in self._chain(self.base, 0, State(packet, view))
        ]

    def _chain(self, name: str, at: int, state: State) -> Iterator[End | State]:
        """Endings inside the chain, and the states in which it returns."""
        rules = self.chains[name]
        while at < len(rules):
            rule = rules[at]
            at += 1
            answers = [test(state.packet, state.view) for test in self._tests(rule)]
            if False in answers:
                continue
            chance = prod(match.chance for match in rule.matches)
            other = 1.0 if None in answers else 1 - chance
            if other > 0:
                yield from self._chain(name, at, replace(state, weight=state.weight * other))
            if chance == 0:
                return
            state = self._changed(rule, replace(state, weight=state.weight * chance))
            if rule.target.op is not Op.CONTINUE:
                yield from self._matched(name, at, rule, state)
                return
        yield state

    @staticmethod
    def _tests(rule: Decoded):
        return (*head_tests(rule.head), *(match.test for match in rule.matches))

    @staticmethod
    def _changed(rule: Decoded, state: State) -> State:
        packet, view = state.packet, state.view
        if rule.target.change:
            packet, ct = rule.target.change(packet, view)
            view = with_fields(view, ct=ct)
        return State(packet, view, state.weight, (*state.lines, rule.rule.text))

    def _matched(self, name: str, at: int, rule: Decoded, state: State) -> Iterator[End | State]:
        target = rule.target
        if target.op is Op.END:
            yield _end(state, target.end(state.packet, state.view))
        elif target.op is Op.RETURN:
            yield state
        elif target.op is Op.GOTO:
            yield from self._chain(target.chain, 0, state)
        elif target.op is Op.JUMP:
            for item in self._chain(target.chain, 0, state):
                if isinstance(item, End):
                    yield item
                else:
                    yield from self._chain(name, at, item)
        else:
            raise ValueError(f"{rule.rule.text} cannot be followed")


def _end(state: State, ending: Ending) -> End:
    return End(
        ending.action.value,
        state.packet,
        state.weight,
        ending.nat,
        ending.reject_with,
        state.lines,
    )
