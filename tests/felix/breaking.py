"""One thing left out of what Felix wrote, or one too many."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from msgspec import Struct

_JUDGING = re.compile(r"(?:filter-)?cali-(?:p|tw-|fw-|to-wl|from-wl)")
_MEMBERS = re.compile(r"(?<=elements = \{ )[^}]*(?= \})")


class Written(Struct, frozen=True):
    """What is put on a node: rules, and sets where they are a text of their own. `nft` says in
    which language the rules are."""

    rules: str
    sets: str
    nft: bool


def broken(rng: random.Random, whole: Written) -> tuple[str, Written]:
    """What is different, and the rest."""
    kind = rng.choice(("rule", "rule", "chain", "member", "stale"))
    lines = whole.rules.splitlines()
    found = list(_judging(lines, nft=whole.nft))
    if kind == "stale":
        return _stale(rng, whole, lines)
    if kind == "member":
        changed = _without_member(rng, whole, lines)
        if changed is not None:
            return changed
    chain, position = rng.choice(found)
    gone = {position} if kind != "chain" else {n for each, n in found if each == chain}
    kept = [line for n, line in enumerate(lines) if n not in gone]
    what = f"all of {chain}" if kind == "chain" else f"{lines[position]} of {chain}"
    return what, Written("\n".join([*kept, ""]), whole.sets, whole.nft)


def _judging(lines: list[str], *, nft: bool) -> Iterator[tuple[str, int]]:
    """Chain and line of every rule that judges connections, but for those about what conntrack
    knows, which all packets of other connections meet too."""
    for chain, position in _rules(lines, nft=nft):
        line = lines[position]
        told = any(word in line for word in ("ctstate", "ct state", "encapped"))
        if _JUDGING.match(chain) and not told:
            yield chain, position


def _rules(lines: list[str], *, nft: bool) -> Iterator[tuple[str, int]]:
    chain = ""
    for position, line in enumerate(lines):
        words = line.split()
        if nft and words[:1] == ["chain"]:
            chain = words[1]
        elif nft and chain and line == "}":
            chain = ""
        elif nft and chain:
            yield chain, position
        elif not nft and words[:1] == ["-A"]:
            yield words[1], position


def _stale(rng: random.Random, whole: Written, lines: list[str]) -> tuple[str, Written]:
    """A denial that no policy asks for any more, behind the rule about invalid packets."""
    ends = [
        (chain, n)
        for chain, n in _rules(lines, nft=whole.nft)
        if _JUDGING.match(chain) and "invalid" in lines[n].lower()
    ]
    chain, position = rng.choice(ends)
    protocol = rng.choice(("tcp", "udp"))
    rule = f"meta l4proto {protocol} drop" if whole.nft else f"-A {chain} -p {protocol} -j DROP"
    more = [*lines[: position + 1], rule, *lines[position + 1 :], ""]
    return f"with {rule} in {chain}", Written("\n".join(more), whole.sets, whole.nft)


def _without_member(
    rng: random.Random, whole: Written, lines: list[str]
) -> tuple[str, Written] | None:
    if not whole.nft:
        members = [line for line in whole.sets.splitlines() if line.startswith("add")]
        if not members:
            return None
        gone = rng.choice(members)
        return gone, Written(whole.rules, whole.sets.replace(gone + "\n", ""), whole.nft)
    several = [
        n for n, line in enumerate(lines)
        if line.startswith("set cali40") and "ipam" not in line and ", " in line
    ]  # fmt: skip
    if not several:
        return None
    position = rng.choice(several)
    members = _MEMBERS.findall(lines[position])[0].split(", ")
    gone = rng.choice(members)
    members.remove(gone)
    lines[position] = _MEMBERS.sub(", ".join(members), lines[position])
    return f"{gone} of {lines[position][:40]}", Written("\n".join([*lines, ""]), "", nft=True)
