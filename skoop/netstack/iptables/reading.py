"""From a rule's words to its conditions, matches and target, the way iptables' getopt loop does.

Options are accepted in any order: an option belongs to the match or target named last that knows
it, else to an earlier one, else to the match that `-p` implies.
"""

from __future__ import annotations

from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.netstack.iptables.head import EMPTY, Head, head_field, read_field
from skoop.netstack.iptables.match import MATCHES, UNDECIDABLE
from skoop.netstack.iptables.match.base import Match, MatchType, Option, unmodelled
from skoop.netstack.iptables.protocols import IMPLICIT_MATCHES
from skoop.netstack.iptables.target import TARGETS, UNKNOWN_TARGETS
from skoop.netstack.iptables.target.base import Op, Target, TargetType, unknown

NOTHING = Target(op=Op.CONTINUE, effect="count")
_COUNTER_OPTIONS = ("-c", "--set-counters")
_IGNORED = ("-4", "-6", "--ipv4", "--ipv6", "-w", "--wait", "-v", "-n")


def jump_to(chain: str) -> Target:
    """A jump, after which the calling chain goes on."""
    return Target(op=Op.JUMP, effect=f"jump {chain}", chain=chain)


class Reading(Struct, frozen=True, gc=False):
    """A rule in parts. `problem` is one clause when something was not understood."""

    head: Head = EMPTY
    matches: tuple[Match, ...] = ()
    target: Target = NOTHING
    has_target: bool = False
    problem: str = ""


class _Module:
    """A match or target that was named, and its options so far. Without a type skoop does not know
    the module, and every option is its own."""

    def __init__(self, name: str, kind: MatchType | TargetType | None) -> None:
        self.name = name
        self.kind = kind
        self.options: list[Option] = []

    def arity(self, option: str) -> int:
        if self.kind is None:
            return -1
        return self.kind.options.get(option, -1)


class _Words:
    """The words, with a position."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.position = 0

    def more(self) -> bool:
        return self.position < len(self.words)

    def next(self) -> str:
        if not self.more():
            raise ValueError("a value is missing at the end")
        self.position += 1
        return self.words[self.position - 1]

    def values(self, count: int, *, inverted: bool) -> tuple[tuple[str, ...], bool]:
        """Values of an option; old iptables put the `!` before them."""
        if count and self.more() and self.words[self.position] == "!":
            self.position += 1
            inverted = True
        return tuple(self.next() for _ in range(count)), inverted

    def skip_plain(self) -> None:
        """Passes the rest of a comment that was not quoted."""
        while self.more() and not self.words[self.position].startswith(("-", "!")):
            self.position += 1


class _Reader:
    def __init__(self, family: Family, chains: frozenset[str]) -> None:
        self.family = family
        self.chains = chains
        self.head = EMPTY
        self.matches: list[_Module] = []
        self.target: _Module | None = None
        self.jump: Target | None = None
        self.current: _Module | None = None
        self.problem = ""

    def read(self, words: _Words) -> None:
        """Goes on after a word that is not understood, so that the target is known all the same."""
        inverted = False
        while words.more():
            word = words.next()
            if word == "!":
                inverted = True
                continue
            try:
                self.word(word, words, inverted=inverted)
            except ValueError as error:
                self.problem = self.problem or str(error)
            inverted = False

    def word(self, word: str, words: _Words, *, inverted: bool) -> None:
        if field := head_field(word):
            values, inverted = words.values(1, inverted=inverted)
            found = read_field(field, values[0], self.family, inverted=inverted)
            self.head = replace(self.head, **found)
        elif word in ("-m", "--match"):
            self.open_match(words.next())
        elif word in ("-j", "--jump"):
            self.open_target(words.next())
        elif word in ("-g", "--goto"):
            name = words.next()
            self.jump = self.goto(name)
        elif word in ("-f", "--fragment", "--fragments"):
            self.head = replace(self.head, fragments=not inverted)
        elif word in _COUNTER_OPTIONS:
            words.values(2, inverted=False)
        elif word.startswith("--"):
            self.option(word[2:], words, inverted=inverted)
        elif word not in _IGNORED and not self.swallowed():
            raise ValueError(f"{word[:30]!r} is not understood")

    def swallowed(self) -> bool:
        """Whether a stray word can be a value of a module skoop does not know."""
        return self.current is not None and self.current.kind is None

    def open_match(self, name: str) -> None:
        self.current = _Module(name, MATCHES.get(name))
        self.matches.append(self.current)

    def goto(self, name: str) -> Target:
        if name not in self.chains:
            return unknown(name, f"chain {name} is not in this dump")
        return Target(op=Op.GOTO, effect=f"goto {name}", chain=name)

    def open_target(self, name: str) -> None:
        if name in self.chains:
            self.jump = jump_to(name)
        elif name in TARGETS:
            self.current = self.target = _Module(name, TARGETS[name])
        else:
            why = UNKNOWN_TARGETS.get(
                name, f"{name} is neither a chain of this dump nor a target skoop models"
            )
            self.jump = unknown(name, why)
            self.current = _Module(name, None)

    def owner(self, option: str) -> _Module | None:
        """The module an option belongs to."""
        known = [*self.matches, *([self.target] if self.target else [])]
        candidates = ([self.current] if self.current else []) + known[::-1]
        for module in candidates:
            if module.arity(option) >= 0:
                return module
        implied = IMPLICIT_MATCHES.get(self.head.proto, "")
        if implied and option in MATCHES[implied].options:
            module = _Module(implied, MATCHES[implied])
            self.matches.append(module)
            return module
        return None

    def option(self, name: str, words: _Words, *, inverted: bool) -> None:
        module = self.owner(name)
        if module is None:
            if self.swallowed():
                return
            raise ValueError(f"option --{name[:40]} is not understood")
        values, inverted = words.values(module.arity(name), inverted=inverted)
        module.options.append(Option(name, values, inverted))
        if name == "comment":
            words.skip_plain()

    def finish(self) -> tuple[tuple[Match, ...], Target]:
        matches = tuple(_build_match(module, self.family) for module in self.matches)
        if self.jump is not None:
            return matches, self.jump
        return matches, _build_target(self.target, self.family) if self.target else NOTHING


def _build_match(module: _Module, family: Family) -> Match:
    if not isinstance(module.kind, MatchType):
        reason = UNDECIDABLE.get(module.name, f"match {module.name[:40]} is not modelled")
        return unmodelled(reason)
    try:
        return module.kind.build(tuple(module.options), family)
    except ValueError as error:
        return unmodelled(f"match {module.name}: {error}")


def _build_target(module: _Module, family: Family) -> Target:
    if not isinstance(module.kind, TargetType):
        return unknown(module.name, f"target {module.name[:40]} is not modelled")
    try:
        return module.kind.build(tuple(module.options), family)
    except ValueError as error:
        return unknown(module.name, f"target {module.name}: {error}")


def quick_target(words: list[str], family: Family) -> Target | None:
    """A target and its options as iptables-save prints them, None for anything else."""
    kind = TARGETS.get(words[0]) if words else None
    if kind is None:
        return None
    options: list[Option] = []
    rest = iter(words[1:])
    for word in rest:
        arity = kind.options.get(word[2:], -1)
        values = tuple(islice(rest, max(arity, 0)))
        if arity != len(values) or "!" in values or not word.startswith("--"):
            return None
        options.append(Option(word[2:], values, inverted=False))
    try:
        return kind.build(tuple(options), family)
    except ValueError:
        return None


def read_words(words: list[str], family: Family, chains: frozenset[str]) -> Reading:
    """Interpret the words after `-A CHAIN`. Never raises: what is not understood becomes
    `problem`, together with the parts that were."""
    reader = _Reader(family, chains)
    reader.read(_Words(words))
    matches, target = reader.finish()
    has_target = reader.jump is not None or reader.target is not None
    return Reading(reader.head, matches, target, has_target, reader.problem)
