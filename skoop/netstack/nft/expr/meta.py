"""`meta KEY`: facts about the packet that are not in its headers (nft_meta.c)."""

from __future__ import annotations

from collections.abc import Callable

from skoop.model.address import Family, is_multicast
from skoop.netstack.netfilter import AddressType, Hook
from skoop.netstack.nft.datatypes import (
    ETHER_TYPE,
    IFNAME,
    IFTYPE,
    INTEGER,
    MARK,
    NFPROTO,
    OPAQUE,
    PKTTYPE,
    PROTOCOL,
    DataType,
)
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import BREAK, Json, Some, UnmodelledError, Value
from skoop.netstack.nft.world import World

_OWNER = Some("the sending process's user and group are not known")
_IFTYPE = Some("the interface's hardware type is not known to rules here", 0, 0xFFFF)
_LOOPBACK = 772


def _ether_type(world: World) -> Value:
    return 0x800 if world.packet.family is Family.V4 else 0x86DD


def _nfproto(world: World) -> Value:
    return 2 if world.packet.family is Family.V4 else 10


def _owner(world: World) -> Value:
    """Only a packet of a local socket that has not been received yet has an owner."""
    sending = world.view.hook in (Hook.OUTPUT, Hook.POSTROUTING)
    return _OWNER if world.view.local and sending else BREAK


def _hardware(name: str) -> Value:
    return _LOOPBACK if name == "lo" else _IFTYPE


def _packet_type(world: World) -> Value:
    """The link layer's class of a received packet: judged here by its address, which differs only
    for a unicast packet in a broadcast frame."""
    packet, view = world.packet, world.view
    if view.hook in (Hook.OUTPUT, Hook.POSTROUTING) and view.local:
        return 0
    if is_multicast(packet.family, packet.dst):
        return 2
    kind = view.host.address_type(packet.family, packet.dst, "")
    return 1 if kind is AddressType.BROADCAST else 0


_KEYS: dict[str, tuple[DataType, Callable[[World], Value]]] = {
    "mark": (MARK, lambda world: world.packet.mark),
    "l4proto": (PROTOCOL, lambda world: world.packet.proto),
    "protocol": (ETHER_TYPE, _ether_type),
    "nfproto": (NFPROTO, _nfproto),
    "length": (INTEGER, lambda world: world.packet.size),
    "iif": (IFNAME, lambda world: world.view.iif),
    "oif": (IFNAME, lambda world: world.view.oif),
    "iifname": (IFNAME, lambda world: world.view.iif),
    "oifname": (IFNAME, lambda world: world.view.oif),
    "iiftype": (IFTYPE, lambda world: _hardware(world.view.iif)),
    "oiftype": (IFTYPE, lambda world: _hardware(world.view.oif)),
    "pkttype": (PKTTYPE, _packet_type),
    "skuid": (OPAQUE, _owner),
    "skgid": (OPAQUE, _owner),
}
UNCOLLECTED = [
    "priority",
    "cgroup",
    "cpu",
    "iifgroup",
    "oifgroup",
    "rtclassid",
    "random",
    "time",
    "hour",
    "day",
    "secpath",
    "secmark",
    "ibrname",
    "obrname",
    "ibrpvid",
    "ibrvproto",
    "iifkind",
    "oifkind",
    "sdif",
    "sdifname",
    "broute",
    "nftrace",
]
KEYS = (*_KEYS, *UNCOLLECTED)
"""Every key that is recognised; the latter ones are always unknown."""


def compile_meta(json: Json, scope: Scope, _want: DataType) -> Expr:
    """`meta KEY`."""
    key = json["key"]
    if key in _KEYS:
        kind, get = _KEYS[key]
        return Expr(get, kind)
    if key not in UNCOLLECTED:
        raise UnmodelledError(f"meta {str(key)[:40]}")
    value = scope.never_known(f"meta {key} is not known")
    return Expr(lambda _world: value, OPAQUE)
