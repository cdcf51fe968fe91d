"""ipset: sets that rules ask about, read from `ipset save`.

A set's type names its dimensions ("hash:net,port"): each is filled from the packet's source or
destination as the rule says. Semantics are the kernel's, net/netfilter/ipset/ip_set_*.c.
"""

from __future__ import annotations

from skoop.netstack.ipset.parse import read_ipsets
from skoop.netstack.ipset.sets import IpSet, ListSet, OpaqueSet

__all__ = ["IpSet", "ListSet", "OpaqueSet", "read_ipsets"]
