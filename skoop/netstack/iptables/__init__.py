"""iptables and ip6tables, legacy and nft: from iptables-save text to chains that judge packets.

    text ─ parse ─► Tables (every rule's own line) ─ decode ─► conditions, matches, target
                                                   ─ program ─► compiled when first entered
                                                   ─ evaluate ─► outcomes

Matches are in `match/`, targets in `target/`, each found through one table.
"""

from __future__ import annotations

from skoop.netstack.iptables.match import UNDECIDABLE
from skoop.netstack.iptables.parse import Chain, Rule, Table, Tables, covered_tables, parse
from skoop.netstack.iptables.ruleset import (
    assumptions,
    compile_tables,
    modelled,
    read_ruleset,
)
from skoop.netstack.iptables.target import UNKNOWN_TARGETS

__all__ = [
    "UNDECIDABLE",
    "UNKNOWN_TARGETS",
    "Chain",
    "Rule",
    "Table",
    "Tables",
    "assumptions",
    "compile_tables",
    "covered_tables",
    "modelled",
    "parse",
    "read_ruleset",
]
