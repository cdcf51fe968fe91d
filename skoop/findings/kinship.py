"""Which causes are akin: by what their documentation says, and by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from skoop.findings.base import Finding

_MOST = 6
_COMMON = frozenset(
    (
        "missing",
        "wrong",
        "drop",
        "off",
        "down",
        "not",
        "no",
        "pod",
        "node",
        "in",
        "to",
        "of",
        "by",
        "filter",
    )
)
"""Words that make no kinship."""
_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")


def related(
    finding: type[Finding], catalogue: Iterable[type[Finding]]
) -> tuple[type[Finding], ...]:
    """Those that one of the two names in its documentation, then those whose names share a word,
    the most shared words first, and of these the same group's; at most six."""
    others = [one for one in catalogue if one is not finding]
    named = _named(finding)
    spoken = [one for one in others if one.name in named or finding.name in _named(one)]
    shared = {one: len(_words(finding) & _words(one)) for one in others if one not in spoken}
    siblings = [one for one, count in shared.items() if count]
    siblings.sort(key=lambda one: (-shared[one], _group(one) != _group(finding)))
    return tuple([*spoken, *siblings][:_MOST])


def _words(finding: type[Finding]) -> set[str]:
    return set(finding.name.split("-")) - _COMMON


def _group(finding: type[Finding]) -> str:
    return finding.code.rstrip("0123456789")


def _named(finding: type[Finding]) -> frozenset[str]:
    return _names_in(finding.__doc__ or "")


@lru_cache(maxsize=512)
def _names_in(text: str) -> frozenset[str]:
    """Every cause's documentation is read for each other cause."""
    return frozenset(_WORD.findall(text))
