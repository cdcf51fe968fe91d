"""Statements whose outcome the collected state does not tell: queue, synproxy, fwd, and the
extensions of iptables inside nft tables (`xt`)."""

from __future__ import annotations

from skoop.netstack.netfilter import Action
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, action, matcher
from skoop.netstack.nft.values import Json, Some
from skoop.netstack.nft.world import ANYTHING, Doubt, Final


def undecided(why: str) -> Statement:
    """A statement that may end the packet, let it pass, or do nothing."""
    return action(lambda world: (world, Doubt(why, ANYTHING)))


def unmodelled_match(why: str) -> Statement:
    """A match that cannot be decided."""
    unknown = Some(why)
    return matcher(lambda _world: unknown)


def compile_queue(_json: Json, _scope: Scope) -> Statement:
    """`queue`: a program in user space decides."""
    return undecided("a program in user space decides (queue)")


def compile_synproxy(_json: Json, _scope: Scope) -> Statement:
    """`synproxy`: the kernel answers the SYN itself and opens a second connection."""
    return undecided("synproxy is not modelled")


def compile_fwd(_json: Json, _scope: Scope) -> Statement:
    """`fwd to DEVICE`: takes the packet out of this path."""
    return action(lambda world: (world, Final(Action.STOLEN, "fwd")))


def compile_xt(json: Json, _scope: Scope) -> Statement:
    """An iptables match or target; nft prints neither's parameters."""
    kind = json.get("type", "") if isinstance(json, dict) else ""
    name = json.get("name", "") if isinstance(json, dict) else ""
    why = f"nft does not show the iptables extension {name}".rstrip()
    return unmodelled_match(why) if kind == "match" else undecided(why)
