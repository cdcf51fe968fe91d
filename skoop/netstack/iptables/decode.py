"""Rules as data, fast: rules share most of their pieces, so each piece is read once.

A rule is cut into its own conditions, its matches and its target without looking at every word;
whatever does not cut cleanly (quotes other than one comment, options out of order) is read word by
word.
"""

from __future__ import annotations

from msgspec import Struct

from skoop.model.address import Family
from skoop.netstack.iptables.head import EMPTY, Head, quick_head
from skoop.netstack.iptables.match.base import ALWAYS, Match, unmodelled
from skoop.netstack.iptables.parse import Rule
from skoop.netstack.iptables.reading import NOTHING, Reading, jump_to, quick_target, read_words
from skoop.netstack.iptables.target.base import Op, Target
from skoop.netstack.iptables.words import UnbalancedError, split_words

_COMMENT = '-m comment --comment "'


class Decoded(Struct, frozen=True, gc=False):
    """A rule in parts."""

    rule: Rule
    head: Head
    matches: tuple[Match, ...]
    target: Target

    @property
    def unmodelled(self) -> str:
        """Why skoop cannot always follow this rule, "" when it can."""
        reasons = [match.why for match in self.matches if not match.modelled]
        if self.target.op is Op.UNKNOWN:
            reasons.append(self.target.why)
        return "; ".join(reasons)


class Decoder:
    """Decodes the rules of one table. Its caches live as long as the reading of that table."""

    def __init__(self, family: Family, chains: frozenset[str]) -> None:
        self._family = family
        self._chains = chains
        self._heads: dict[str, Reading] = {"": Reading()}
        self._matches: dict[str, Reading] = {"": Reading()}
        self._targets: dict[str, Reading] = {"": Reading()}

    def decode(self, rule: Rule) -> Decoded:
        """Total: what is not understood becomes a match without an answer."""
        parts = rule.text.split(" ", 2)
        body = parts[2] if len(parts) > 2 else ""
        while '"' in body:
            start = body.find(_COMMENT)
            end = body.find('"', start + len(_COMMENT))
            if start < 0 or end < 0 or "\\" in body or body[end + 1 : end + 2] not in ("", " "):
                return self._slow(rule, parts[2])
            body = body[:start] + body[end + 2 :]
        front, jump, after = f" {body}".partition(" -j ")
        if not jump:
            front, jump, after = front.partition(" -g ")
        conditions, _, matches = front.partition(" -m ")
        head = self._heads.get(conditions) or self._read_head(conditions)
        middle = self._matches.get(matches) or self._read_matches(matches)
        target = self._targets.get(after) if jump == " -j " else None
        if target is None:
            target = self._read_target(jump, after)
        if head.problem or middle.problem or target.problem:
            return self._slow(rule, parts[2] if len(parts) > 2 else "")
        return Decoded(rule, head.head, head.matches + middle.matches, target.target)

    def _read_head(self, text: str) -> Reading:
        words = text.split()
        head = quick_head(words, self._family)
        if head is not None:
            return self._heads.setdefault(text, Reading(head))
        reading = read_words(words, self._family, self._chains)
        if reading.has_target:
            reading = Reading(problem="not only conditions")
        return self._heads.setdefault(text, _without_inert(reading))

    def _read_matches(self, text: str) -> Reading:
        reading = read_words(f"-m {text}".split(), self._family, self._chains)
        if reading.has_target or reading.head != EMPTY:
            reading = Reading(problem="not only matches")
        return self._matches.setdefault(text, _without_inert(reading))

    def _read_target(self, jump: str, text: str) -> Reading:
        if jump == " -j " and text in self._chains:
            return Reading(target=jump_to(text), has_target=True)
        target = quick_target(text.split(), self._family) if jump == " -j " else None
        if target is not None:
            return self._targets.setdefault(text, Reading(target=target, has_target=True))
        reading = read_words(f"{jump}{text}".split(), self._family, self._chains)
        if reading.matches or reading.head != EMPTY:
            reading = Reading(problem="not only a target")
        if jump == " -j ":
            self._targets[text] = reading
        return reading

    def _slow(self, rule: Rule, body: str) -> Decoded:
        try:
            reading = read_words(split_words(body), self._family, self._chains)
        except UnbalancedError as error:
            reading = Reading(target=NOTHING, problem=str(error))
        reading = _without_inert(reading)
        matches = reading.matches
        if reading.problem:
            matches += (unmodelled(reading.problem),)
        return Decoded(rule, reading.head, matches, reading.target)


def _without_inert(reading: Reading) -> Reading:
    """Leaves out matches that hold for everything (comments)."""
    kept = tuple(match for match in reading.matches if match is not ALWAYS)
    return Reading(reading.head, kept, reading.target, reading.has_target, reading.problem)
