"""Rules broken one at a time: each is removed, changed, or put behind the next one."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

OTHER_ADDRESS = "203.0.113.99"
_ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+")
_CONDITION = re.compile(r"(?:! )?-[sd] \S+|--dport \d+|--ctstate \S+|--(?:src|dst)-type \S+|-p \w+")


class Mutant(NamedTuple):
    """What was done, and the ruleset that came of it."""

    what: str
    rules: Any


def of_nft(listing: dict[str, Any]) -> Iterator[Mutant]:
    """From `nft -j list ruleset`: every rule, and every element of a map or set."""
    entries = listing["nftables"]
    for place, entry in enumerate(entries):
        if "rule" in entry:
            yield from _nft_rule(entries, place, entry["rule"])
        for kind in ("map", "set"):
            if kind in entry:
                yield from _nft_elements(entries, place, kind, entry[kind])


def _replaced(entries: list[Any], place: int, *instead: Any) -> dict[str, Any]:
    return {"nftables": [*entries[:place], *instead, *entries[place + 1 :]]}


def _nft_rule(entries: list[Any], place: int, rule: dict[str, Any]) -> Iterator[Mutant]:
    name = f"{rule['chain']} {rule['expr']}"
    yield Mutant(f"removed: {name}", _replaced(entries, place))
    after = entries[place + 1] if place + 1 < len(entries) else {}
    if after.get("rule", {}).get("chain") == rule["chain"]:
        swapped = [*entries[:place], after, entries[place], *entries[place + 2 :]]
        yield Mutant(f"behind the next: {name}", {"nftables": swapped})
    for number, statement in enumerate(rule["expr"]):
        fewer = {**rule, "expr": rule["expr"][:number] + rule["expr"][number + 1 :]}
        if len(rule["expr"]) > 1:
            yield Mutant(f"without {statement}: {name}", _replaced(entries, place, {"rule": fewer}))
        for changed in _variants(statement):
            expr = [*rule["expr"][:number], changed, *rule["expr"][number + 1 :]]
            other = {"rule": {**rule, "expr": expr}}
            yield Mutant(f"{changed} in: {name}", _replaced(entries, place, other))


def _variants(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    ((kind, what),) = statement.items()
    if kind == "match":
        flipped = {"==": "!=", "!=": "==", "in": "!="}[what["op"]]
        yield {"match": {**what, "op": flipped}}
        if isinstance(what["right"], dict) and "prefix" in what["right"]:
            yield {"match": {**what, "right": OTHER_ADDRESS}}
        if isinstance(what["right"], dict) and "set" in what["right"]:
            yield {"match": {**what, "right": {"set": what["right"]["set"][1:] or [OTHER_ADDRESS]}}}
    elif kind in ("jump", "goto"):
        yield {kind: {"target": "reject-chain"}}
        yield {"accept": None}
    elif kind in ("drop", "reject"):
        yield {"accept": None}
    elif kind == "mangle":
        yield {"mangle": {**what, "value": {"|": [what["key"], 32768]}}}
    elif kind == "dnat":
        yield from _other_endpoints(what)


def _other_endpoints(what: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(what["addr"], str):
        yield {"dnat": {**what, "addr": OTHER_ADDRESS}}
        yield {"dnat": {**what, "port": 9}}
        return
    for number in range(len(what["addr"]["map"]["data"]["set"])):
        for place, value in ((0, OTHER_ADDRESS), (1, 9)):
            changed = copy.deepcopy(what)
            changed["addr"]["map"]["data"]["set"][number][1]["concat"][place] = value
            yield {"dnat": changed}
        fewer = copy.deepcopy(what)
        del fewer["addr"]["map"]["data"]["set"][number]
        if fewer["addr"]["map"]["data"]["set"]:
            yield {"dnat": fewer}


def _nft_elements(
    entries: list[Any], place: int, kind: str, named: dict[str, Any]
) -> Iterator[Mutant]:
    elements = named.get("elem", [])
    for number, element in enumerate(elements):
        fewer = {kind: {**named, "elem": elements[:number] + elements[number + 1 :]}}
        what = f"{named['name']}: {element}"
        yield Mutant(f"removed from {what}", _replaced(entries, place, fewer))
        if kind == "map":
            for verdict in ({"drop": None}, {"goto": {"target": "reject-chain"}}):
                if element[1] != verdict:
                    other = [*elements[:number], [element[0], verdict], *elements[number + 1 :]]
                    changed = {kind: {**named, "elem": other}}
                    yield Mutant(f"{verdict} in {what}", _replaced(entries, place, changed))


def of_iptables(text: str) -> Iterator[Mutant]:
    """From `iptables-save`: every rule."""
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if not line.startswith("-A "):
            continue
        yield Mutant(f"removed: {line}", _text(lines, place))
        after = lines[place + 1]
        if after.split()[:2] == line.split()[:2]:
            swapped = [*lines[:place], after, line, *lines[place + 2 :]]
            yield Mutant(f"behind the next: {line}", "\n".join(swapped) + "\n")
        for other in dict.fromkeys(_other_lines(line)):
            if other != line:
                yield Mutant(f"{other} instead of: {line}", _text(lines, place, other))


def _text(lines: list[str], place: int, *instead: str) -> str:
    return "\n".join([*lines[:place], *instead, *lines[place + 1 :]]) + "\n"


def _other_lines(line: str) -> Iterator[str]:
    for found in _ADDRESS.finditer(line):
        yield line[: found.start()] + OTHER_ADDRESS + line[found.end() :]
    yield re.sub(r"--dport \d+", "--dport 9", line)
    yield re.sub(r"(--to-destination \S+):\d+", r"\1:9", line)
    yield re.sub(r"0x4000", "0x8000", line)
    yield re.sub(r"--probability 0\.\d+", "--probability 0.00000000047", line)
    yield re.sub(r"-j (?:KUBE\S+|REJECT.*|DROP)", "-j ACCEPT", line)
    for found in _CONDITION.finditer(line):
        if found[0].startswith("-p") and "--dport" in line:
            continue
        rest = line[: found.start()] + line[found.end() :]
        yield re.sub(r"-m (?:addrtype|conntrack) +-([mj])", r"-\1", rest).replace("  ", " ")
    for word in ("-s ", "-d ", "--src-type ", "--dst-type ", "--ctstate ", "--mark "):
        if f"! {word}" in line:
            yield line.replace(f"! {word}", word)
        elif f" {word}" in line:
            yield line.replace(f" {word}", f" ! {word}")
