"""Namespaces with one thing changed, to see what would happen without it."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.state import Namespace


def without_rule(namespace: Namespace, where: str, rule: str) -> Namespace | None:
    """The namespace without one iptables rule, None when its dump has no such line (nft)."""
    engine, _, rest = where.partition(" ")
    table = rest.partition(" ")[0]
    changed: list[Ruleset] = []
    found = False
    for ruleset in namespace.rulesets:
        text = None
        if engine == _tool(ruleset) and not found:
            text = _without_line(ruleset.text, table, rule)
        if text is None or ruleset.family is None:
            changed.append(ruleset)
            continue
        found = True
        read = read_ruleset(text, engine=ruleset.engine, family=ruleset.family, source=namespace.id)
        changed.append(replace(read, engine=ruleset.engine, family=ruleset.family, text=text))
    return replace(namespace, rulesets=tuple(changed)) if found else None


def _tool(ruleset: Ruleset) -> str:
    """The tool that a rule's place names: "ip6tables-nft" for IPv6."""
    v6 = ruleset.family is Family.V6
    return ruleset.engine.replace("iptables", "ip6tables") if v6 else ruleset.engine


def _without_line(text: str, table: str, rule: str) -> str | None:
    """The dump without the first line of a table that ends in the rule (counters may precede)."""
    lines, inside = text.split("\n"), False
    for number, line in enumerate(lines):
        if line.startswith("*"):
            inside = line[1:].strip() == table
        elif inside and line.rstrip().endswith(rule):
            return "\n".join(lines[:number] + lines[number + 1 :])
    return None
