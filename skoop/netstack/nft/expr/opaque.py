"""Expressions over facts that are not collected: routing realms, fingerprints, IPsec state."""

from __future__ import annotations

from skoop.netstack.nft.datatypes import OPAQUE, DataType
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import Json


def _unknown(scope: Scope, why: str) -> Expr:
    value = scope.never_known(why)
    return Expr(lambda _world: value, OPAQUE)


def compile_rt(json: Json, scope: Scope, _want: DataType) -> Expr:
    """`rt classid|nexthop|mtu|ipsec`."""
    return _unknown(scope, f"rt {json['key']} is not modelled")


def compile_osf(_json: Json, scope: Scope, _want: DataType) -> Expr:
    """`osf name`: guesses the sender's system from its SYN."""
    return _unknown(scope, "the sender's operating system is not known")


def compile_ipsec(_json: Json, scope: Scope, _want: DataType) -> Expr:
    """`ipsec in|out ...`."""
    return _unknown(scope, "IPsec state is not collected")
