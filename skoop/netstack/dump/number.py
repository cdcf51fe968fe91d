"""Numbers in what tools print."""

from __future__ import annotations


def to_number(text: str) -> int:
    """A decimal number of up to ten digits, as every field of 32 bits is. Raises ValueError."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise ValueError(f"not a number: {text[:40]!r}")
    return int(text)
