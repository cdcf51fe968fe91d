"""A rule of iptables in one form, whoever wrote it: the set of its options with their values."""

from __future__ import annotations

from functools import lru_cache

from skoop.netstack.iptables.words import UnbalancedError, split_words

Canonical = frozenset[str]
"""{"-d 10.96.0.1/32", "-p tcp", "--dport 80", "-j KUBE-SVC-..."}; "! " stands before what is
negated. Without comments, counters, the names of matches, and what has no bearing on a packet."""

_IGNORED = {
    "-m", "-A", "-c", "--comment", "--nfacct-name", "--name", "--seconds", "--mask",
}  # fmt: skip
_BARE = {"--rcheck", "--set", "--reap", "--rsource", "--random-fully", "--rttl"}
_DEFAULTS = {"icmp-port-unreachable", "icmp6-port-unreachable"}
_DROPPED = {"--reap", "--rsource", "--random-fully"}


def rule(*options: str) -> Canonical:
    """A rule from its options."""
    return frozenset(options)


@lru_cache(maxsize=1 << 14)
def as_canonical(text: str) -> Canonical:
    """A line of iptables-save ("-A CHAIN ...") or only its options."""
    try:
        words = split_words(text)
    except UnbalancedError:
        words = text.split()
    found: set[str] = set()
    negated = ""
    position = 0
    while position < len(words):
        word = words[position]
        value = words[position + 1] if position + 1 < len(words) else ""
        position += 1 if word == "!" or word in _BARE else 2
        if word == "--comment":
            position = _next_option(words, position)
        if word == "!":
            negated = "! "
            continue
        if word in _BARE:
            if word not in _DROPPED:
                found.add(word)
        elif word not in _IGNORED and value not in _DEFAULTS:
            found.add(negated + _option(word, value))
        negated = ""
    return frozenset(found)


def _next_option(words: list[str], position: int) -> int:
    """Comments are not quoted in what kube-proxy's own tests hold."""
    while position < len(words) and not words[position].startswith(("-", "!")):
        position += 1
    return position


def _option(word: str, value: str) -> str:
    if word in ("-s", "-d") and "/" not in value:
        return f"{word} {value}/{128 if ':' in value else 32}"
    if word == "--probability":
        return f"{word} {float(value):.3f}" if _is_number(value) else f"{word} {value}"
    if word in ("--set-xmark", "--set-mark", "--or-mark", "--xor-mark", "--mark"):
        return f"{word} {value.lower()}"
    return f"{word} {value}"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
