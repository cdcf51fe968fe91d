"""Text to selector. Total: a selector, or a ParseError that says where it stopped making sense."""

from __future__ import annotations

import re
from functools import lru_cache

from skoop.errors import ParseError
from skoop.policy.selector.tree import All, Among, And, Expr, Global, Has, Not, Or, Text

_MAX_DEPTH = 64
_MAX_LENGTH = 65536
_SPACE = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[A-Za-z0-9_./\-]+")
_LITERAL = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_CALL = re.compile(r"(all|global)\(\s*\)|has\(\s*([A-Za-z0-9_./\-]+)\s*\)")
_RELATION = re.compile(
    r"(==|!=)|(not\s+in\b|in\b)|(contains\b|starts\s+with\b|ends\s+with\b)", re.ASCII
)


@lru_cache(maxsize=8192)
def parse_selector(text: str) -> Expr:
    """Read a selector; an empty one selects all, like all(). Raises ParseError."""
    if len(text) > _MAX_LENGTH:
        raise ParseError("selector", 0, "longer than 65536 characters", text)
    reader = _Reader(text)
    if reader.at_end():
        return All()
    found = reader.either(0)
    if not reader.at_end():
        raise reader.error("more text after the end of the selector")
    return found


class _Reader:
    """A cursor over the text."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def error(self, problem: str) -> ParseError:
        return ParseError("selector", 0, f"{problem}, at character {self._at}", self._text)

    def at_end(self) -> bool:
        self._skip()
        return self._at >= len(self._text)

    def either(self, depth: int) -> Expr:
        if depth > _MAX_DEPTH:
            raise self.error("nested too deeply")
        parts = [self._both(depth)]
        while self._take("||"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self, depth: int) -> Expr:
        parts = [self._one(depth)]
        while self._take("&&"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, depth: int) -> Expr:
        negated = False
        while self._take("!"):
            negated = not negated
        found = self._simple(depth)
        return Not(found) if negated else found

    def _simple(self, depth: int) -> Expr:
        if self._take("("):
            found = self.either(depth + 1)
            if not self._take(")"):
                raise self.error("a parenthesis is not closed")
            return found
        call = self._match(_CALL)
        if call:
            if call[2]:
                return Has(call[2])
            return All() if call[1] == "all" else Global()
        return self._comparison()

    def _comparison(self) -> Expr:
        word = self._match(_WORD)
        if not word:
            raise self.error("expected a label, has(), all(), global() or a parenthesis")
        relation = self._match(_RELATION)
        if not relation:
            raise self.error(
                "expected ==, !=, in, not in, contains, starts with or ends with after the label"
            )
        if relation[1]:
            equal = Among(word[0], (self._literal(),))
            return equal if relation[1] == "==" else Not(equal)
        if relation[2]:
            among = Among(word[0], self._set())
            return among if relation[2] == "in" else Not(among)
        return Text(word[0], " ".join(relation[3].split()), self._literal())

    def _literal(self) -> str:
        found = self._match(_LITERAL)
        if not found:
            raise self.error("expected a text in quotes")
        return found[1] if found[1] is not None else found[2]

    def _set(self) -> tuple[str, ...]:
        if not self._take("{"):
            raise self.error("expected {")
        if self._take("}"):
            return ()
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        if not self._take("}"):
            raise self.error("expected , or }")
        return tuple(values)

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _take(self, token: str) -> bool:
        self._skip()
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found
