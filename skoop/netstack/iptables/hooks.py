"""Which chains a table has, where they hang, and in which order.

Priorities and hooks are those of net/ipv4/netfilter/iptable_*.c (the IPv6 and the nft variants use
the same numbers, include/uapi/linux/netfilter_ipv4.h). nat's PREROUTING and OUTPUT translate the
destination, its INPUT and POSTROUTING the source.
"""

from __future__ import annotations

from skoop.netstack.netfilter import ChainKind, Hook

RAW, MANGLE, NAT_DESTINATION, FILTER, SECURITY, NAT_SOURCE = -300, -150, -100, 0, 50, 100

CONNTRACK_PRIORITY = -200
"""Chains before this do not know the packet's connection yet."""

_ALL = tuple(Hook)

HOOKS: dict[str, dict[str, int]] = {
    "raw": {"PREROUTING": RAW, "OUTPUT": RAW},
    "mangle": {hook.name: MANGLE for hook in _ALL},
    "nat": {
        "PREROUTING": NAT_DESTINATION,
        "INPUT": NAT_SOURCE,
        "OUTPUT": NAT_DESTINATION,
        "POSTROUTING": NAT_SOURCE,
    },
    "filter": {"INPUT": FILTER, "FORWARD": FILTER, "OUTPUT": FILTER},
    "security": {"INPUT": SECURITY, "FORWARD": SECURITY, "OUTPUT": SECURITY},
}
"""Table -> built-in chain -> priority."""


def is_builtin(table: str, chain: str) -> bool:
    """Whether a chain is one the kernel calls by itself."""
    return chain in HOOKS.get(table, {})


def kind_of(table: str, chain: str) -> ChainKind:
    """NAT chains see first packets only; mangle OUTPUT (ipt_mangle_out) routes again."""
    if table == "nat":
        return ChainKind.NAT
    if table == "mangle" and chain == "OUTPUT":
        return ChainKind.ROUTE
    return ChainKind.FILTER
