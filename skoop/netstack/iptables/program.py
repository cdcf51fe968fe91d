"""A table, ready to run: chains compile when a packet first enters them."""

from __future__ import annotations

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.iptables.decode import Decoded
from skoop.netstack.iptables.head import head_tests
from skoop.netstack.iptables.index import WORTH_INDEXING, Index
from skoop.netstack.iptables.match.base import Match, Test, always, unmodelled
from skoop.netstack.iptables.target.base import Target
from skoop.netstack.netfilter import Fired, Unknown, View


class Step(Struct, frozen=True):
    """One compiled rule. `tests` are the conditions, `matches` (aligned with them, None for the
    rule's own) say what to report when a test cannot tell. `chance` below 1 makes it random."""

    tests: tuple[Test, ...]
    matches: tuple[Match | None, ...]
    chance: float
    target: Target
    fired: Fired


def compile_rule(rule: Decoded, where: str) -> Step:
    """Tests in the order that decides fastest; the kernel's order makes no difference, because no
    test changes anything."""
    tests = list(head_tests(rule.head))
    matches: list[Match | None] = [None] * len(tests)
    chance = 1.0
    for match in rule.matches:
        chance *= match.chance
        if match.test is not always:
            tests.append(match.test)
            matches.append(match)
    effect = rule.target.effect
    return Step(
        tuple(tests), tuple(matches), chance, rule.target, Fired(where, rule.rule.text, effect)
    )


class Code:
    """A compiled chain."""

    def __init__(self, rules: tuple[Decoded, ...], where: str, family: Family) -> None:
        self._rules = rules
        self._where = where
        self._steps: list[Step | None] = [None] * len(rules)
        self._index = Index(rules, family) if len(rules) > WORTH_INDEXING else None
        self._all = list(range(len(rules)))

    def candidates(self, packet: Packet, view: View) -> list[int]:
        """Positions worth testing, ascending."""
        return self._index.candidates(packet, view) if self._index else self._all

    def step(self, position: int) -> Step:
        """The compiled rule at a position."""
        step = self._steps[position]
        if step is None:
            step = self._steps[position] = compile_rule(self._rules[position], self._where)
        return step


class Program:
    """The chains of one table. Immutable but for the compiled forms it remembers."""

    def __init__(self, chains: dict[str, tuple[Decoded, ...]], where: str, family: Family) -> None:
        self._chains = chains
        self._codes: dict[str, Code] = {}
        self.where = where
        self.family = family

    def code(self, chain: str) -> Code:
        """The compiled chain of this name."""
        code = self._codes.get(chain)
        if code is None:
            code = Code(self._chains[chain], f"{self.where} {chain}", self.family)
            self._codes[chain] = code
        return code


def explain(step: Step, unknowns: list[int]) -> Unknown:
    """What to report about a rule whose tests at these positions cannot tell."""
    reasons: list[str] = []
    for position in unknowns:
        match = step.matches[position] or unmodelled("it cannot be decided")
        if match.why not in reasons:
            reasons.append(match.why)
    return Unknown(step.fired.where, step.fired.rule, "; ".join(reasons))
