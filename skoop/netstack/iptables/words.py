"""Splitting a rule into words, as iptables-restore does (xshared.c, add_param_to_argv)."""

from __future__ import annotations


class UnbalancedError(ValueError):
    """A quote that is never closed."""


def split_words(text: str) -> list[str]:
    """Words of a rule: double quotes group, a backslash inside them takes the next character as it
    is (iptables-save escapes `"`, `'` and the backslash itself). Raises `UnbalancedError`."""
    if '"' not in text:
        return text.split()
    words: list[str] = []
    for position, part in enumerate(_quoted_parts(text)):
        if position % 2:
            words.append(part)
        else:
            words.extend(part.split())
    return words


def _quoted_parts(text: str) -> list[str]:
    """Outside, inside, outside, ... of the quotes."""
    parts: list[str] = []
    start = 0
    while True:
        opening = text.find('"', start)
        if opening < 0:
            parts.append(text[start:])
            return parts
        parts.append(text[start:opening])
        inside, start = _inside(text, opening + 1)
        parts.append(inside)


def _inside(text: str, start: int) -> tuple[str, int]:
    """The text up to the closing quote, and where the rest begins."""
    closing = text.find('"', start)
    if closing >= 0 and text.find("\\", start, closing) < 0:
        return text[start:closing], closing + 1
    taken: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if character == '"':
            return "".join(taken), position + 1
        if character == "\\" and position + 1 < len(text):
            position += 1
            character = text[position]
        taken.append(character)
        position += 1
    raise UnbalancedError("a quote is never closed")
