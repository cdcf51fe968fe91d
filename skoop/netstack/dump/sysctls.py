"""`key = value` lines -> sysctls."""

from __future__ import annotations

from skoop.errors import ParseError


def read_sysctls(text: str, source: str) -> dict[str, str]:
    """Values by full name; a tab between several numbers becomes a blank. Raises ParseError."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith(("#", ";")):
            continue
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or not key or " " in key:
            raise ParseError(source, number, "not a `key = value` line", line)
        found[key] = " ".join(value.split())
    return found
