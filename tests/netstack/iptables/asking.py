"""One rule, one packet: does it match?"""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection, new_connection
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.netfilter import Action, Hook, Outcome, Ruleset, View
from tests.netstack.iptables.hookdriver import OneNode, packet

NODE = OneNode(["10.0.0.1", "fd00::1"])
SYN = packet("10.1.0.5", "10.2.0.9", 80, sport=40000)


def ruleset(
    rules: str, *, table: str = "filter", family: Family = Family.V4, engine: str = "iptables-nft"
) -> Ruleset:
    """Rules of a table; user chains are declared by what they are called."""
    lines = rules.strip().splitlines()
    names = {line.split()[1] for line in lines if line.startswith("-A")}
    builtin = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
    declared = [line for line in lines if line.startswith(":")]
    told = {line[1:].split()[0] for line in declared}
    declared += [f":{n} {'ACCEPT' if n in builtin else '-'} [0:0]" for n in sorted(names - told)]
    body = [line for line in lines if not line.startswith(":")]
    text = "\n".join([f"*{table}", *declared, *body, "COMMIT", ""])
    return read_ruleset(text, engine=engine, family=family, source="test")


def outcomes(
    rules: str,
    packet: Packet = SYN,
    *,
    table: str = "filter",
    hook: Hook = Hook.FORWARD,
    ct: Connection | None = None,
    host: OneNode = NODE,
    **view: object,
) -> tuple[Outcome, ...]:
    """Every way the hook's chain ends."""
    made = ruleset(rules, table=table, family=packet.family)
    (chain,) = [one for one in made.chains if one.hook is hook]
    seen = View(hook, host, ct or new_connection(packet), **view)
    return chain.evaluate(packet, seen)


def matches(conditions: str, packet: Packet = SYN, **context: object) -> bool | None:
    """Whether `conditions -j DROP` matches; None when it cannot be told."""
    hook = context.get("hook", Hook.FORWARD)
    found = outcomes(f"-A {hook.name} {conditions} -j DROP", packet, **context)
    if len(found) == 1:
        assert not found[0].guesses
        return found[0].action is Action.DROP
    assert {one.guesses[0].matched: one.action for one in found} == {
        True: Action.DROP,
        False: Action.ACCEPT,
    }
    return None
