"""Statements whose outcome the collected state does not tell: queue, synproxy, fwd, and the
extensions of iptables inside nft tables (`xt`)."""

from __future__ import annotations

from skoop.netstack.netfilter import Action
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import NOTHING, Statement, action, matcher
from skoop.netstack.nft.values import Json, Some
from skoop.netstack.nft.world import ANYTHING, Doubt, Final

_NO_EFFECT = {
    ("match", "comment"),
    ("target", "LOG"),
    ("target", "NFLOG"),
    ("target", "TRACE"),
}
"""Extensions whose parameters, which nft does not show, do not matter."""


def undecided(why: str) -> Statement:
    """A statement that may end the packet, let it pass, or do nothing."""
    return action(lambda world: (world, Doubt(why, ANYTHING)))


def unmodelled_match(why: str) -> Statement:
    """A match that cannot be decided."""
    unknown = Some(why)
    return matcher(lambda _world: unknown)


def compile_queue(_json: Json, scope: Scope) -> Statement:
    """`queue`: a program in user space decides."""
    return undecided(scope.never_known("a program in user space decides (queue)").why)


def compile_synproxy(_json: Json, scope: Scope) -> Statement:
    """`synproxy`: the kernel answers the SYN itself and opens a second connection."""
    return undecided(scope.never_known("synproxy is not modelled").why)


def compile_fwd(_json: Json, _scope: Scope) -> Statement:
    """`fwd to DEVICE`: takes the packet out of this path."""
    return action(lambda world: (world, Final(Action.STOLEN, "fwd")))


def compile_xt(json: Json, scope: Scope) -> Statement:
    """An iptables match or target; nft prints neither's parameters."""
    known = json if isinstance(json, dict) else {}
    if (known.get("type"), known.get("name")) in _NO_EFFECT:
        return NOTHING
    unknown = f"nft does not show the iptables extension {known.get('name', '')}".rstrip()
    why = scope.never_known(unknown).why
    return unmodelled_match(why) if known.get("type") == "match" else undecided(why)


def compile_unread(_json: Json, scope: Scope) -> Statement:
    """The rest of a rule whose text could not be read (text listings only)."""
    return undecided(scope.never_known("the rule's text cannot be read").why)
