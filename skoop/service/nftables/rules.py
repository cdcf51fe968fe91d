"""kube-proxy's table, read as an audit needs it: lines as text, maps and sets as lookups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw, Struct

from skoop.model.address import Family, format_ip, parse_prefix, with_port
from skoop.model.trace import Evidence
from skoop.netstack.nft.document import Document, RawChain, RawRule, decode, statements
from skoop.netstack.nft.render import render_rule
from skoop.netstack.nft.text import read_document
from skoop.netstack.nft.values import Json
from skoop.service.nftables import names

Key = tuple[str, ...]
"""A key of a map, or an element of a set: ("10.96.0.1", "tcp", "80")."""

_FAMILY = {Family.V4: "ip", Family.V6: "ip6"}
_PROTOCOLS = {"6": "tcp", "17": "udp", "132": "sctp"}
"""nft prints numbers where the image it runs in has no /etc/protocols."""
_PROTOCOL = re.compile(r"(meta l4proto )(\d+)")
_WITHOUT_EFFECT = ("counter", "log")
_MARKING = re.compile(r"meta mark set meta mark \| (0x[0-9a-f]{8})")
_MARK_TESTED = re.compile(r"meta mark & (0x[0-9a-f]{8}) ")
_SOURCE = re.compile(r"(ip6? saddr != )([0-9a-f.:/-]+)")
_CHOICE = re.compile(r"numgen random mod (\d+)(?: offset 0)? (v?map) \{ (.*) \}")


class Choice(Struct, frozen=True):
    """A random choice: from how many numbers, and what stands behind each that has an entry:
    "10.0.0.1:80", or the name of an endpoint's chain."""

    modulus: int
    entries: tuple[tuple[int, str], ...]


class Line(Struct, frozen=True, kw_only=True):
    """One rule. `canonical` is its text without comments and counters. In it "mark" sets the mark
    that the table masquerades, "choose" is a random choice; members of sets are sorted."""

    text: str
    canonical: str
    choice: Choice | None = None


class NftRules(Struct, frozen=True, kw_only=True):
    """kube-proxy's table of one family. `base` holds the chains that hang on a hook; `mark` is the
    mark whose packets are masqueraded ("0x00004000", "" when none is looked for)."""

    source: str
    family: Family
    exists: bool
    base: Mapping[str, RawChain]
    chains: Mapping[str, tuple[RawRule, ...]]
    maps: Mapping[str, Mapping[Key, str]]
    sets: Mapping[str, frozenset[Key]]
    mark: str = ""

    @property
    def word(self) -> str:
        """ "ip" or "ip6", as rules write it."""
        return _FAMILY[self.family]

    @property
    def by_chains(self) -> bool:
        """Whether every endpoint has a chain (kube-proxy up to 1.35; since then a Service's chain
        translates by a map, and hairpins are in a set)."""
        return names.HAIRPINS not in self.sets

    def lines(self, chain: str) -> tuple[Line, ...]:
        """A chain's rules that do anything; () when there is no such chain."""
        found = (read_line(raw, self.mark) for raw in self.chains.get(chain, ()))
        return tuple(each for each in found if each.canonical)

    def evidence(self, chain: str, text: str) -> Evidence:
        """Something about a chain, a map or a set."""
        return Evidence(f"{self.source} {self.word} {names.TABLE} {chain}".rstrip(), text)


def compile_rules(text: str, family: Family, source: str) -> NftRules:
    """Read a listing, JSON (`nft -j list ruleset`) or text. Raises ParseError."""
    is_json = text.lstrip()[:1] == "{"
    document = decode(text, source) if is_json else read_document(text, source)
    return of_document(document, family, source)


def of_document(document: Document, family: Family, source: str) -> NftRules:
    """Pick kube-proxy's table of one family out of a listing."""
    ours = (_FAMILY[family], names.TABLE)
    base: dict[str, RawChain] = {}
    chains: dict[str, list[RawRule]] = {}
    maps: dict[str, Mapping[Key, str]] = {}
    sets: dict[str, frozenset[Key]] = {}
    exists = False
    for entry in document.nftables:
        chain, rule = entry.chain, entry.rule
        if entry.table is not None:
            exists = exists or (entry.table.family, entry.table.name) == ours
        elif rule is not None and (rule.family, rule.table) == ours:
            chains.setdefault(rule.chain, []).append(rule)
        elif chain is not None and (chain.family, chain.table) == ours:
            chains.setdefault(chain.name, [])
            if chain.hook:
                base[chain.name] = chain
        elif entry.map is not None and (entry.map.family, entry.map.table) == ours:
            maps[entry.map.name] = dict(_pairs(entry.map.elem))
        elif entry.set is not None and (entry.set.family, entry.set.table) == ours:
            sets[entry.set.name] = frozenset(_key(each) for each in _elements(entry.set.elem))
    return NftRules(
        source=source,
        family=family,
        exists=exists,
        base=base,
        chains={name: tuple(found) for name, found in chains.items()},
        maps=maps,
        sets=sets,
        mark=_mark(chains.get(names.MASQUERADING, [])),
    )


def _mark(rules: list[RawRule]) -> str:
    """The mark that is looked for before masquerading."""
    texts = (read_line(raw, "").text for raw in rules)
    return next((found[1] for text in texts if (found := _MARK_TESTED.search(text))), "")


def read_line(raw: RawRule, mark: str) -> Line:
    """Bring a rule into the form it is compared in."""
    try:
        listed = [each for each in statements(raw.expr) if not _idle(each)]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Line(text=bytes(raw.expr).decode(errors="replace"), canonical="?")
    text = render_rule(listed)
    choice = _CHOICE.search(text)
    canonical = " ".join(_canonical(render_rule([each]), mark) for each in listed)
    return Line(text=text, canonical=canonical, choice=_choice(choice) if choice else None)


def _idle(statement: Json) -> bool:
    return isinstance(statement, dict) and next(iter(statement), "") in _WITHOUT_EFFECT


def _canonical(statement: str, mark: str) -> str:
    marking = _MARKING.fullmatch(statement)
    if statement == "jump mark-for-masquerade" or (marking and mark in (marking[1], "")):
        return "mark"
    if _CHOICE.search(statement):
        return "choose"
    numbered = _PROTOCOL.fullmatch(statement)
    if numbered:
        return numbered[1] + _PROTOCOLS.get(numbered[2], numbered[2])
    head, brace, members = statement.partition("{ ")
    source = _SOURCE.fullmatch(statement)
    if source:
        return source[1] + one_of([source[2]])
    if brace and " : " not in members and not head.startswith(("update", "add")):
        return head + one_of(members.rstrip(" }").split(", "))
    return statement


def one_of(members: Iterable[str]) -> str:
    """An anonymous set, sorted. nft joins intervals that overlap or touch, and prints a single
    member without braces in some places."""
    listed = list(members)
    try:
        listed = [_interval(*each) for each in _joined(listed)]
    except ValueError:
        listed.sort()
    return listed[0] if len(listed) == 1 else f"{{ {', '.join(listed)} }}"


def _interval(family: Family, low: int, high: int) -> str:
    first = format_ip(family, low)
    return first if low == high else f"{first}-{format_ip(family, high)}"


def _joined(members: list[str]) -> list[tuple[Family, int, int]]:
    """Addresses, prefixes and ranges as intervals; raises ValueError for anything else."""
    family, intervals = Family.V4, []
    for member in members:
        low, dash, high = member.partition("-")
        first, last = parse_prefix(low), parse_prefix(high if dash else low)
        family = first.family
        intervals.append((first.network, last.network | (~last.mask & (1 << family.bits) - 1)))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return [(family, *each) for each in joined]


def _choice(found: re.Match[str]) -> Choice:
    entries = []
    for entry in found[3].split(", "):
        number, _, target = entry.partition(" : ")
        entries.append((int(number) if number.isdecimal() else -1, _target(target)))
    return Choice(int(found[1]), tuple(entries))


def _target(text: str) -> str:
    """ "10.0.0.1 . 80" becomes "10.0.0.1:80", "goto CHAIN" becomes "CHAIN"."""
    address, dot, port = text.partition(" . ")
    if dot:
        return with_port(address, port)
    return text.removeprefix("goto ")


def _elements(raw: Raw) -> list[Json]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _pairs(raw: Raw) -> list[tuple[Key, str]]:
    return [
        (_key(each[0]), render_rule([each[1]]))
        for each in _elements(raw)
        if isinstance(each, list) and len(each) == 2
    ]


def _key(element: Json) -> Key:
    """In kube-proxy's table a port is the last part, after its protocol."""
    value = element
    if isinstance(value, dict) and isinstance(value.get("elem"), dict):
        value = value["elem"].get("val")
    if isinstance(value, dict) and isinstance(value.get("concat"), list):
        *head, protocol, last = ("", *(str(each) for each in value["concat"]))
        return (*head, _PROTOCOLS.get(protocol, protocol), last)[1:]
    return (str(value),)
