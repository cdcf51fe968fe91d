"""From a listing to base chains; rules and sets are compiled when a packet first meets them.

What is not modelled must be known beforehand, so every rule is looked at once. Rules of a node are
alike up to addresses, ports and chain names, so only one rule of each shape is compiled for that.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator

import msgspec

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.netstack.netfilter import Action, BaseChain, ChainKind, Hook, Ruleset, Unknown
from skoop.netstack.nft.chain import ENGINE, NftChain
from skoop.netstack.nft.compiler import compile_or_doubt, new_scope
from skoop.netstack.nft.document import Document, RawChain, RawRule, decode, statements
from skoop.netstack.nft.priority import priority_of
from skoop.netstack.nft.render import render_rule
from skoop.netstack.nft.rule import Rule
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.text import read_document

_SEEN: dict[str, Family | None] = {"ip": Family.V4, "ip6": Family.V6, "inet": None}
_OTHER = ("bridge", "arp", "netdev")
_HOOKS = {hook.name.lower(): hook for hook in Hook}
_OUTSIDE_HOOKS = ("ingress", "egress")
_POLICIES = {"accept": Action.ACCEPT, "drop": Action.DROP}
_MAY_STOP = re.compile(rb'"(drop|reject|queue|fwd|synproxy|xt)"')
_VARIABLE = re.compile(rb'"target": ?"[^"]*"|"[^"]*[0-9.:/@][^"]*"|\b\d+\b')
_CHEAP = b"0123456789.:/-" + string.ascii_uppercase.encode()
_REPEATED = re.compile(rb"(\[\?, ?[^\[\]]*\](, ?)?)+|(\?, ?)+")


class Table:
    """One table: its scope, its chains' rules and what has been compiled of them."""

    def __init__(self, family: str, name: str) -> None:
        self.family, self.name = family, name
        self.scope = new_scope(family)
        self.dormant = False
        self.base: list[RawChain] = []
        self.rules: dict[str, list[RawRule]] = {}
        self._compiled: dict[str, tuple[Rule, ...]] = {}

    def chain(self, name: str) -> tuple[Rule, ...]:
        """A chain's compiled rules; raises KeyError for a chain that is not listed."""
        found = self._compiled.get(name)
        if found is None:
            where = self.where(name)
            found = tuple(compile_rule(raw, where, self.scope) for raw in self.rules[name])
            self._compiled[name] = found
        return found

    def where(self, chain: str) -> str:
        """ "nft ip kube-proxy services"."""
        return f"{ENGINE} {self.family} {self.name} {chain}"


def compile_rule(raw: RawRule, where: str, scope: Scope) -> Rule:
    """Compile one rule; what cannot be modelled becomes a doubt when a packet meets it."""
    try:
        listed = statements(raw.expr)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        listed = [None]
    cache: list[str] = []

    def text() -> str:
        if not cache:
            cache.append(render_rule(listed, raw.comment))
        return cache[0]

    compiled = [compile_or_doubt(one, scope) for one in listed]
    why = next((why for _, why in compiled if why), "")
    return Rule(where, text, tuple(one for one, _ in compiled), why)


def read_ruleset(text: str, *, covered: frozenset[tuple[str, str]], source: str) -> Ruleset:
    """The base chains of `nft -j list ruleset`.

    `covered` are (family, table) pairs that another reader has taken over, such as ("ip", "nat")
    from iptables-nft-save. `source` names the text in errors. Anything that is not such a listing
    raises ParseError.
    """
    return build(decode(text, source), covered=covered, source=source)


def read_text(text: str, *, covered: frozenset[tuple[str, str]], source: str) -> Ruleset:
    """The same from `nft list ruleset`. A rule that cannot be read is `unmodelled`; text that is no
    listing at all raises ParseError. A namespace without tables prints nothing: no chains."""
    return build(read_document(text, source), covered=covered, source=source)


def build(document: Document, *, covered: frozenset[tuple[str, str]], source: str) -> Ruleset:
    """The base chains of a decoded listing."""
    tables = _tables(document, covered, source)
    chains: list[BaseChain] = []
    unmodelled: list[Unknown] = []
    for table in tables.values():
        if table.dormant:
            continue
        for raw in table.base:
            if table.family in _SEEN and raw.hook not in _OUTSIDE_HOOKS:
                chains.append(_base_chain(table, raw, source))
            else:
                unmodelled += _outside(table, raw)
        if table.family in _SEEN:
            unmodelled += _not_modelled(table)
    return Ruleset(tuple(chains), tuple(unmodelled))


def _tables(
    document: Document, covered: frozenset[tuple[str, str]], source: str
) -> dict[tuple[str, str], Table]:
    tables: dict[tuple[str, str], Table] = {}

    def table(family: str, name: str) -> Table | None:
        if (family, name) in covered:
            return None
        if family not in _SEEN and family not in _OTHER:
            raise ParseError(source, 0, "unknown table family", family)
        found = tables.get((family, name))
        if found is None:
            found = tables[family, name] = Table(family, name)
        return found

    for entry in document.nftables:
        rule = entry.rule
        if rule is not None:
            owner = table(rule.family, rule.table)
            if owner is not None:
                owner.rules.setdefault(rule.chain, []).append(rule)
        elif entry.chain is not None:
            owner = table(entry.chain.family, entry.chain.table)
            if owner is not None:
                owner.rules.setdefault(entry.chain.name, [])
                if entry.chain.hook:
                    owner.base.append(entry.chain)
        elif entry.table is not None:
            owner = table(entry.table.family, entry.table.name)
            if owner is not None:
                owner.dormant = "dormant" in entry.table.flags
        for named in (entry.set, entry.map):
            owner = table(named.family, named.table) if named is not None else None
            if owner is not None and named is not None:
                owner.scope.sets[named.name] = named
        for kind, thing in (
            ("limit", entry.limit),
            ("quota", entry.quota),
            ("helper", entry.helper),
        ):
            owner = table(thing.family, thing.table) if thing is not None else None
            if owner is not None and thing is not None:
                owner.scope.objects[kind, thing.name] = thing
    return tables


def _base_chain(table: Table, raw: RawChain, source: str) -> NftChain:
    try:
        kind = ChainKind(raw.type)
        hook = _HOOKS[raw.hook]
        policy = _POLICIES[raw.policy]
        priority = priority_of(raw.prio)
    except (ValueError, KeyError) as error:
        problem = f"a base chain with an unknown type, hook, policy or priority ({error})"
        raise ParseError(source, 0, problem, f"{table.name} {raw.name}") from None
    return NftChain(
        table=(table.family, table.name),
        chain=raw.name,
        family=_SEEN[table.family],
        hook=hook,
        priority=priority,
        kind=kind,
        policy=policy,
        rules=table.chain,
    )


def _outside(table: Table, base: RawChain) -> Iterator[Unknown]:
    """Rules at the link layer (bridge, netdev, arp, ingress) that could stop a packet."""
    why = f"{table.family} {base.hook} rules are not simulated"
    if base.policy == "drop":
        yield Unknown(table.where(base.name), "policy drop", why)
    for name in _reachable(table, base.name):
        for raw in table.rules.get(name, ()):
            if _MAY_STOP.search(bytes(raw.expr)):
                yield Unknown(table.where(name), _text(raw), why)


def _reachable(table: Table, start: str) -> Iterable[str]:
    seen = {start: None}
    queue = [start]
    while queue:
        for raw in table.rules.get(queue.pop(), ()):
            expr = bytes(raw.expr).decode(errors="replace")
            targets = re.findall(r'"target": ?"([^"]*)"', expr)
            if '"@' in expr:
                targets += _set_targets(table)
            for target in targets:
                if target not in seen:
                    seen[target] = None
                    queue.append(target)
    return seen


def _set_targets(table: Table) -> list[str]:
    elements = (bytes(raw.elem).decode(errors="replace") for raw in table.scope.sets.values())
    return [name for text in elements for name in re.findall(r'"target": ?"([^"]*)"', text)]


def _text(raw: RawRule) -> str:
    try:
        return render_rule(statements(raw.expr), raw.comment)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return bytes(raw.expr).decode(errors="replace")[:200]


def _not_modelled(table: Table) -> Iterator[Unknown]:
    """Two keys, the cheap one first, keep most rules from being looked at closely."""
    rough: set[bytes] = set()
    fine: set[bytes] = set()
    for name, rules in table.rules.items():
        for raw in rules:
            expr = bytes(raw.expr)
            outline = expr.translate(None, _CHEAP)
            if outline in rough:
                continue
            shape = _REPEATED.sub(b"~", _VARIABLE.sub(b"?", expr))
            if shape not in fine:
                rule = compile_rule(raw, table.where(name), table.scope)
                if rule.why:
                    yield Unknown(rule.where, rule.text(), rule.why)
                    continue
                fine.add(shape)
            rough.add(outline)
