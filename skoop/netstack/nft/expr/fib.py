"""`fib FIELDS RESULT`: the routing table as a rule asks for it (nft_fib_ipv4.c, nft_fib_ipv6.c)."""

from __future__ import annotations

from skoop.model.address import Family, is_link_local, is_multicast
from skoop.netstack.netfilter import AddressType, Hook
from skoop.netstack.nft.datatypes import FIB_TYPE, IFNAME, DataType
from skoop.netstack.nft.scope import Expr, Scope
from skoop.netstack.nft.values import ANY_NAME, Json, Pattern, UnmodelledError, Value
from skoop.netstack.nft.world import World

_KNOWN = {"saddr", "daddr", "mark", "iif", "oif"}


class _Interface(DataType, frozen=True, eq=False):
    """An interface's name, or a word on whether there is one."""

    def pattern(self, constant: Json) -> Pattern:
        if constant in (True, "exists", "1"):
            return ANY_NAME
        return "" if constant in (False, "missing", "0") else super().pattern(constant)


INTERFACE = _Interface("iface_index", IFNAME.atom)


def _device(world: World, flags: set[str]) -> str:
    if "oif" in flags:
        return world.view.oif
    return world.view.iif if "iif" in flags else ""


def _interface(world: World, flags: set[str]) -> str:
    """The output interface of a route to the chosen address, "" when there is none.

    A packet that came in by loopback gets its own interface; routes that are not plain unicast
    count as none; with `iif` or `oif` the route must use that device.
    """
    packet, view = world.packet, world.view
    if view.iif == "lo" and view.hook is Hook.PREROUTING:
        return view.iif
    source, target = packet.src, packet.dst
    if "saddr" in flags:
        source, target = target, source
    if packet.family is Family.V4 and (is_multicast(packet.family, source) or source == 2**32 - 1):
        source = 0
    mark = packet.mark if "mark" in flags else 0
    device = _device(world, flags)
    scoped = packet.family is Family.V6 and is_link_local(packet.family, target)
    oif = (device or view.iif or view.oif) if scoped else ""
    answer = view.host.fib(packet.family, source, target, mark, "", oif, 0)
    if answer.type is not AddressType.UNICAST or (device and device != answer.oif):
        return ""
    return answer.oif


def compile_fib(json: Json, _scope: Scope, _want: DataType) -> Expr:
    """`fib saddr|daddr [. mark] [. iif|oif] type|oif|oifname`."""
    listed = json["flags"]
    flags = {listed} if isinstance(listed, str) else set(listed)
    if flags - _KNOWN or not flags & {"saddr", "daddr"}:
        raise UnmodelledError(f"fib {' . '.join(sorted(flags))}")

    def address_type(world: World) -> Value:
        packet = world.packet
        address = packet.src if "saddr" in flags else packet.dst
        kind = world.view.host.address_type(packet.family, address, _device(world, flags))
        return FIB_TYPE.symbols[kind.value]

    if json["result"] == "type":
        return Expr(address_type, FIB_TYPE)
    if json["result"] == "oif":
        return Expr(lambda world: _interface(world, flags), INTERFACE)
    if json["result"] == "oifname":
        return Expr(lambda world: _interface(world, flags), INTERFACE)
    raise UnmodelledError(f"fib result {str(json['result'])[:40]}")
