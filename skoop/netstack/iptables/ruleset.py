"""From a dump to base chains."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.chain import IptablesChain
from skoop.netstack.iptables.decode import Decoded, Decoder
from skoop.netstack.iptables.evaluate import Policy
from skoop.netstack.iptables.hooks import HOOKS, kind_of
from skoop.netstack.iptables.loops import without_loops
from skoop.netstack.iptables.match import MATCHES
from skoop.netstack.iptables.parse import Chain, Table, Tables, builtin_chains, parse
from skoop.netstack.iptables.program import Program
from skoop.netstack.iptables.target import TARGETS
from skoop.netstack.netfilter import Action, Fired, Hook, Ruleset, Unknown


def _where(engine: str, family: Family, table: str) -> str:
    """ "ip6tables-legacy filter": the tool that would show the rule."""
    tool = engine if family is Family.V4 else engine.replace("iptables", "ip6tables")
    return f"{tool} {table}"


def _policy(chain: Chain, table: str, where: str) -> Policy:
    """A policy of "-" (kube-proxy's test form) is ACCEPT, and so is an undeclared one in nat, where
    nothing else is allowed; elsewhere an undeclared policy is not known."""
    place = f"{where} {chain.name}"
    line = f":{chain.name} {chain.policy or '?'}"
    unknown = Unknown(place, line, "the dump does not show this chain's policy")
    if chain.policy == "DROP":
        return Policy(Action.DROP, Fired(place, line, "policy drop"), unknown)
    if chain.policy in ("ACCEPT", "-") or (not chain.policy and table == "nat"):
        return Policy(Action.ACCEPT, Fired(place, line, "policy accept"), unknown)
    return Policy(None, Fired(place, line, "policy unknown"), unknown)


def _decoded(table: Table, family: Family) -> dict[str, tuple[Decoded, ...]]:
    """A chain named like a built-in one cannot be jumped to."""
    names = frozenset(name for name in table.chains if name not in HOOKS[table.name])
    decoder = Decoder(family, names)
    return without_loops(
        {name: tuple(map(decoder.decode, chain.rules)) for name, chain in table.chains.items()}
    )


def _unmodelled(chains: dict[str, tuple[Decoded, ...]], table: Table, where: str) -> list[Unknown]:
    found = [
        Unknown(f"{where} {name}", rule.rule.text, why)
        for name, rules in chains.items()
        for rule in rules
        if (why := rule.unmodelled)
    ]
    if not table.complete:
        found.append(Unknown(where, f"*{table.name}", "COMMIT is missing: it may be cut short"))
    return found


def compile_tables(tables: Tables, *, engine: str, family: Family) -> Ruleset:
    """Base chains for every built-in chain a dump shows; see `read_ruleset`."""
    chains: list[IptablesChain] = []
    unmodelled: list[Unknown] = []
    for table in tables.tables.values():
        where = _where(engine, family, table.name)
        decoded = _decoded(table, family)
        unmodelled.extend(_unmodelled(decoded, table, where))
        program = Program(decoded, where, family)
        chains.extend(
            IptablesChain(
                engine=engine,
                name=f"{table.name} {chain.name}",
                family=family,
                hook=Hook[chain.name],
                priority=HOOKS[table.name][chain.name],
                kind=kind_of(table.name, chain.name),
                program=program,
                policy=_policy(chain, table.name, where),
            )
            for chain in builtin_chains(table)
        )
    chains.sort(key=lambda chain: (chain.hook, chain.priority))
    return Ruleset(tuple(chains), tuple(unmodelled))


def read_ruleset(text: str, *, engine: str, family: Family, source: str) -> Ruleset:
    """Read `iptables-save` or `ip6tables-save` text and compile it.

    `engine` is "iptables-legacy" or "iptables-nft"; `source` names the text in errors. Every rule
    with a match or target that skoop does not model is in `unmodelled`, and becomes a guess when a
    packet meets it. Raises ParseError for text that is not a dump.
    """
    return compile_tables(parse(text, source), engine=engine, family=family)


_ASSUMING = ("limit", "quota", "recent", "policy")


def assumptions(tables: Tables, *, engine: str, family: Family) -> tuple[Unknown, ...]:
    """Rules whose answer rests on an assumption (rate limits, session affinity, no IPsec), each
    with the assumption as its `why`."""
    decoder = Decoder(family, frozenset())
    return tuple(
        Unknown(f"{_where(engine, family, table.name)} {name}", rule.text, match.assumption)
        for table in tables.tables.values()
        for name, chain in table.chains.items()
        for rule in chain.rules
        if any(word in rule.text for word in _ASSUMING)
        for match in decoder.decode(rule).matches
        if match.assumption
    )


def modelled() -> tuple[str, ...]:
    """Names of the matches ("-m tcp") and targets ("-j DNAT") that skoop models, sorted."""
    matches = (f"-m {name}" for name, kind in MATCHES.items() if kind.modelled)
    targets = (f"-j {name}" for name, kind in TARGETS.items() if kind.modelled)
    return tuple(sorted((*matches, *targets)))
