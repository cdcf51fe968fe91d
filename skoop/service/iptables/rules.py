"""The rules of kube-proxy, read just as far as an audit needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from skoop.model.address import Prefix, parse_prefix
from skoop.model.trace import Evidence
from skoop.netstack.iptables.parse import Rule, Tables
from skoop.netstack.iptables.words import UnbalancedError, split_words
from skoop.service.iptables import names

Key = tuple[str, str, int]
"""Destination ("10.96.0.1", "" for any), protocol ("tcp") and port of a rule."""


class Line(Struct, frozen=True, kw_only=True):
    """One rule. Absent parts are "" or 0; `source_not` is a negated source; `sticky` rules only
    lead a client back to the endpoint it had (session affinity)."""

    text: str
    target: str = ""
    destination: str = ""
    source: str = ""
    source_not: bool = False
    source_local: bool = False
    protocol: str = ""
    port: int = 0
    to: str = ""
    sticky: bool = False

    @property
    def key(self) -> Key:
        """What the rule selects, for lookups."""
        return self.destination.partition("/")[0], self.protocol, self.port

    @property
    def source_prefix(self) -> Prefix | None:
        """The source as a prefix; None without one or when it is not readable."""
        try:
            return parse_prefix(self.source) if self.source else None
        except ValueError:
            return None


class ProxyRules(Struct, frozen=True, kw_only=True):
    """A dump with kube-proxy's entry chains indexed. `services`, `node_ports` are nat's;
    `internal_filter`, `external_filter`, `firewall` are filter's KUBE-SERVICES,
    KUBE-EXTERNAL-SERVICES and KUBE-PROXY-FIREWALL."""

    tables: Tables
    services: Mapping[Key, Line]
    node_ports: Mapping[Key, Line]
    internal_filter: Mapping[Key, Line]
    external_filter: Mapping[Key, Line]
    firewall: Mapping[Key, Line]

    def has_chain(self, table: str, chain: str) -> bool:
        """Whether a chain exists."""
        return table in self.tables.tables and chain in self.tables.tables[table].chains

    @property
    def covers_outside(self) -> bool:
        """Whether this is kube-proxy 1.26 or newer, whose rules for addresses other than ClusterIPs
        have the form audited here (before: KUBE-XLB, KUBE-MARK-DROP, no KUBE-PROXY-FIREWALL)."""
        return self.has_chain("filter", names.PROXY_FIREWALL)

    def lines(self, table: str, chain: str) -> tuple[Line, ...]:
        """A chain's rules; () when there is no such chain."""
        return _lines(self.tables, table, chain)

    def evidence(self, table: str, line: Line) -> Evidence:
        """A rule as evidence."""
        return Evidence(f"{self.tables.source} {table}", line.text)


def compile_rules(tables: Tables) -> ProxyRules:
    """Index a dump."""
    return ProxyRules(
        tables=tables,
        services=_index(tables, "nat", names.SERVICES),
        node_ports=_index(tables, "nat", names.NODE_PORTS),
        internal_filter=_index(tables, "filter", names.SERVICES),
        external_filter=_index(tables, "filter", names.EXTERNAL_SERVICES),
        firewall=_index(tables, "filter", names.PROXY_FIREWALL),
    )


def _index(tables: Tables, table: str, chain: str) -> dict[Key, Line]:
    """By what a rule selects; the first rule of a key is the one that acts."""
    found: dict[Key, Line] = {}
    for line in _lines(tables, table, chain):
        found.setdefault(line.key, line)
    return found


def _lines(tables: Tables, table: str, chain: str) -> tuple[Line, ...]:
    if table not in tables.tables or chain not in tables.tables[table].chains:
        return ()
    return tuple(read_line(rule) for rule in tables.tables[table].chains[chain].rules)


def read_line(rule: Rule) -> Line:
    """Pick the parts of a rule; what is not understood is left out."""
    return _read(rule.text)


@lru_cache(maxsize=1 << 14)
def _read(text: str) -> Line:
    """Every question to a Service has the same rules audited."""
    try:
        words = split_words(text)
    except UnbalancedError:
        words = text.split()
    values: dict[str, str] = {}
    negated: set[str] = set()
    for before, word, value in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word.startswith("-"):
            values.setdefault(word, value)
            if before == "!":
                negated.add(word)
    port = values.get("--dport", "")
    return Line(
        text=text,
        target=values.get("-j", values.get("-g", "")),
        destination="" if "-d" in negated else values.get("-d", ""),
        source=values.get("-s", ""),
        source_not="-s" in negated,
        source_local=values.get("--src-type") == "LOCAL",
        protocol=values.get("-p", ""),
        port=int(port) if port.isdecimal() and len(port) < 6 else 0,
        to=values.get("--to-destination", ""),
        sticky="--rcheck" in values,
    )
