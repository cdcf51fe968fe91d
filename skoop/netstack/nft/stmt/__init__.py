"""Statements, one module per kind; `TABLE` finds them by their JSON key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from skoop.netstack.netfilter import NatKind
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt import (
    conntrack,
    dynset,
    limit,
    mangle,
    match,
    nat,
    notrack,
    observe,
    opaque,
    quota,
    reject,
    tproxy,
    verdict,
    vmap,
)
from skoop.netstack.nft.stmt.base import Statement
from skoop.netstack.nft.values import Json

TABLE: dict[str, Callable[[Json, Scope], Statement]] = {
    "match": match.compile_match,
    "vmap": vmap.compile_vmap,
    "mangle": mangle.compile_mangle,
    "counter": observe.compile_observer,
    "log": observe.compile_observer,
    "last": observe.compile_observer,
    "dup": observe.compile_observer,
    "flow": observe.compile_observer,
    "limit": limit.compile_limit,
    "quota": quota.compile_quota,
    "reject": reject.compile_reject,
    "snat": nat.compiler(NatKind.SNAT),
    "dnat": nat.compiler(NatKind.DNAT),
    "masquerade": nat.compiler(NatKind.MASQUERADE),
    "redirect": nat.compiler(NatKind.REDIRECT),
    "tproxy": tproxy.compile_tproxy,
    "notrack": notrack.compile_notrack,
    "set": dynset.compile_dynset,
    "ct helper": conntrack.compile_helper,
    "ct timeout": conntrack.compile_policy,
    "ct expectation": conntrack.compile_policy,
    "ct count": conntrack.compile_count,
    "fwd": opaque.compile_fwd,
    "queue": opaque.compile_queue,
    "synproxy": opaque.compile_synproxy,
    "xt": opaque.compile_xt,
    "unread": opaque.compile_unread,
}
for _name in verdict.NAMES:
    TABLE[_name] = partial(verdict.compile_verdict, _name)
