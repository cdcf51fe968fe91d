"""Tokens of `nft list ruleset`, and a place among them."""

from __future__ import annotations

import re

from msgspec import Struct

from skoop.errors import ParseError

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<newline>\n)|(?P<string>"[^"\n]*")|(?P<raw>@[a-z]+,\d+,\d+)"""
    r"""|(?P<mark>[{},;()]|==|!=|<=|>=|<<|>>|[<>&|^=!])|(?P<word>[^\s{},;()"&|^=!<>]+)"""
)
_HANDLE = re.compile(r"# handle \d+$", re.MULTILINE)
"""What `nft -a` adds."""
END = ""


class Token(Struct, frozen=True, gc=False):
    """`kind` is "word", "string" (without its quotes), "mark", "raw" or "newline"."""

    kind: str
    text: str
    line: int
    start: int


LAST = Token("newline", END, 0, 0)


def tokens(text: str, source: str) -> list[Token]:
    """Cut a listing; a character that belongs nowhere raises ParseError."""
    found: list[Token] = []
    text = _HANDLE.sub(lambda match: " " * len(match.group()), text)
    place, line = 0, 1
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ParseError(source, line, "not what nft prints", text[place : place + 40])
        kind = str(match.lastgroup)
        piece = match.group()
        if kind != "space":
            found.append(Token(kind, piece.strip('"') if kind == "string" else piece, line, place))
        line += kind == "newline"
        place = match.end()
    return found


class Cursor:
    """Reads tokens one after the other."""

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source = text, source
        self._tokens = tokens(text, source)
        self.place = 0

    @property
    def now(self) -> Token:
        """The next token; LAST at the end."""
        return self._tokens[self.place] if self.place < len(self._tokens) else LAST

    def peek(self, ahead: int = 1) -> str:
        """The text of a later token."""
        place = self.place + ahead
        return self._tokens[place].text if place < len(self._tokens) else END

    def take(self) -> Token:
        """Read one token."""
        token = self.now
        self.place += 1
        return token

    def word(self) -> str:
        """Read one word or string; anything else raises ParseError."""
        token = self.now
        if token.kind not in ("word", "string"):
            raise self.error("a word belongs here")
        self.place += 1
        return token.text

    def accept(self, *texts: str) -> str:
        """Read one of these words or marks if it comes next, else ""."""
        token = self.now
        if token.kind in ("word", "mark") and token.text in texts:
            self.place += 1
            return token.text
        return ""

    def expect(self, text: str) -> None:
        """Read this word or mark; anything else raises ParseError."""
        if not self.accept(text):
            raise self.error(f"{text!r} belongs here")

    def skip_lines(self) -> None:
        """Pass over line ends and semicolons."""
        while self.place < len(self._tokens) and self.now.text in ("\n", ";"):
            self.place += 1

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.place >= len(self._tokens)

    @property
    def at_line_end(self) -> bool:
        """Whether the line, or the block, ends here."""
        return self.at_end or self.now.kind == "newline" or self.now.text in (";", "}")

    def rest_of_line(self) -> str:
        """Read up to the end of the line, as text."""
        start = self.now.start if not self.at_end else len(self.text)
        while not self.at_end and self.now.kind != "newline":
            self.place += 1
        stop = self.now.start if not self.at_end else len(self.text)
        return self.text[start:stop].strip()

    def error(self, problem: str) -> ParseError:
        """An error at this place."""
        return ParseError(self.source, self.now.line, problem, self.now.text)
