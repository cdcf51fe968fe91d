"""Chains that call themselves. The kernel refuses such tables (ip_tables.c, mark_source_chains), so
they appear only in damaged dumps; here the rule that closes the loop becomes one without an
answer."""

from __future__ import annotations

from skoop.netstack.iptables.decode import Decoded
from skoop.netstack.iptables.target.base import Op, unknown

Chains = dict[str, tuple[Decoded, ...]]


def _calls(rules: tuple[Decoded, ...]) -> list[tuple[int, str]]:
    return [(at, rule.target.chain) for at, rule in enumerate(rules) if rule.target.chain]


def closing_rules(chains: Chains) -> set[tuple[str, int]]:
    """(chain, position) of each rule that jumps into a chain still being walked."""
    done: set[str] = set()
    found: set[tuple[str, int]] = set()
    for start in chains:
        if start in done:
            continue
        open_chains = {start}
        stack = [(start, iter(_calls(chains[start])))]
        while stack:
            name, calls = stack[-1]
            for position, callee in calls:
                if callee in open_chains:
                    found.add((name, position))
                elif callee not in done:
                    open_chains.add(callee)
                    stack.append((callee, iter(_calls(chains[callee]))))
                    break
            else:
                done.add(name)
                open_chains.discard(name)
                stack.pop()
    return found


def without_loops(chains: Chains) -> Chains:
    """The same chains, with closing rules made undecidable."""
    closing = closing_rules(chains)
    if not closing:
        return chains
    result = dict(chains)
    for name, position in closing:
        rules = list(result[name])
        rule = rules[position]
        verb = "goes" if rule.target.op is Op.GOTO else "jumps"
        target = unknown(rule.target.chain, f"it {verb} back into a chain it came from")
        rules[position] = Decoded(rule.rule, rule.head, rule.matches, target)
        result[name] = tuple(rules)
    return result
