"""The targets, one small module each. A new one is a module and a line in `TARGETS`."""

from __future__ import annotations

from skoop.netstack.iptables.target import (
    ct,
    header,
    inert,
    mark,
    mss,
    nat,
    queue,
    reject,
    tproxy,
    verdict,
)
from skoop.netstack.iptables.target.base import TargetType

_ALL: tuple[TargetType, ...] = (
    verdict.ACCEPT,
    verdict.DROP,
    verdict.RETURN,
    reject.REJECT,
    mark.MARK,
    mark.CONNMARK,
    nat.DNAT,
    nat.SNAT,
    nat.MASQUERADE,
    nat.REDIRECT,
    nat.NETMAP,
    ct.CT,
    ct.NOTRACK,
    tproxy.TPROXY,
    header.TTL,
    header.HL,
    header.TOS,
    header.DSCP,
    mss.TCPMSS,
    inert.SET,
    *inert.INERT,
    queue.NFQUEUE,
    queue.QUEUE,
)

TARGETS: dict[str, TargetType] = {kind.name: kind for kind in _ALL}
"""Name in `-j` -> target."""

UNKNOWN_TARGETS: dict[str, str] = {
    "CLUSTERIP": "CLUSTERIP shares an address between hosts, which is not modelled",
    "DNPT": "IPv6 prefix translation is not modelled",
    "HMARK": "marks made by hashing are not modelled",
    "SNPT": "IPv6 prefix translation is not modelled",
    "SYNPROXY": "a proxy answers the handshake, which is not modelled",
}
"""Targets whose effect is never told, and why."""
