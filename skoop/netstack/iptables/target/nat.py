"""DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP (xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c, xt_NETMAP.c).

Each ends its chain. Addresses 0 mean: this rule leaves the address alone (a DNAT or SNAT with ports
only), or the kernel picks it (MASQUERADE, REDIRECT).
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import by_name
from skoop.netstack.iptables.target.base import (
    Ending,
    Op,
    Option,
    Target,
    TargetType,
    UnmodelledError,
    ends,
)
from skoop.netstack.iptables.values import address_range, decimal, network
from skoop.netstack.netfilter import Action, Hook, Nat, NatKind, View

_SOURCE_HOOKS = (Hook.POSTROUTING, Hook.INPUT)


def _is_random(options: dict[str, Option]) -> bool:
    return "random" in options or "random-fully" in options


def _split(text: str, family: Family) -> tuple[str, str]:
    """ "1.1.1.1-1.1.1.5:80", "[fd00::1]:80", ":80" or a bare address into addresses and ports."""
    if family is Family.V4:
        addresses, _, ports = text.partition(":")
        return addresses, ports
    if text.startswith("["):
        addresses, _, ports = text[1:].partition("]")
        return addresses, ports.removeprefix(":")
    return ("", text[1:]) if text.startswith(":") and text[1:2].isdigit() else (text, "")


def _ports(text: str) -> tuple[int, int]:
    if not text:
        return 0, 0
    low, dash, high = text.partition("-")
    first = decimal(low)
    last = decimal(high) if dash else first
    if not 0 < first <= last <= 0xFFFF:
        raise UnmodelledError(f"{text[:20]!r} is not a range of ports")
    return first, last


def _with_base(nat: Nat, base: int) -> Target:
    """`:low-high/base`: port base+n becomes low+n (NF_NAT_RANGE_PROTO_OFFSET)."""
    span = nat.port_high - nat.port_low + 1

    def end(packet: Packet, view: View) -> Ending:  # noqa: ARG001
        if packet.dport < 0:
            return Ending(Action.NAT, nat)
        port = nat.port_low + (packet.dport - base) % 0x10000 % span
        return Ending(Action.NAT, replace(nat, port_low=port, port_high=port))

    return Target(op=Op.END, effect="dnat with shifted ports", end=end)


def _to_address(options: tuple[Option, ...], family: Family, name: str, kind: NatKind) -> Target:
    given = by_name(options)
    if name not in given or sum(option.name == name for option in options) > 1:
        raise UnmodelledError(f"{kind.value} takes one {name}")
    text = given[name].value
    addresses, ports_text = _split(text, family)
    ports_text, _, base = ports_text.partition("/")
    low, high = address_range(addresses, family) if addresses else (0, 0)
    port_low, port_high = _ports(ports_text)
    nat = Nat(kind, low, high, port_low, port_high, _is_random(given))
    if base:
        return _with_base(nat, decimal(base))
    return ends(f"{kind.value.lower()} to {text}", Ending(Action.NAT, nat))


def build_dnat(options: tuple[Option, ...], family: Family) -> Target:
    """--to-destination, with address and port ranges."""
    return _to_address(options, family, "to-destination", NatKind.DNAT)


def build_snat(options: tuple[Option, ...], family: Family) -> Target:
    """--to-source, with address and port ranges."""
    return _to_address(options, family, "to-source", NatKind.SNAT)


def _to_ports(options: tuple[Option, ...], kind: NatKind) -> Target:
    given = by_name(options)
    text = given["to-ports"].value if "to-ports" in given else ""
    low, high = _ports(text)
    nat = Nat(kind, 0, 0, low, high, _is_random(given))
    effect = kind.value.lower() + (f" to ports {text}" if text else "")
    return ends(effect, Ending(Action.NAT, nat))


def build_masquerade(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """SNAT to the output interface's address."""
    return _to_ports(options, NatKind.MASQUERADE)


def build_redirect(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """DNAT to this host: the input interface's address, or loopback in OUTPUT."""
    return _to_ports(options, NatKind.REDIRECT)


def build_netmap(options: tuple[Option, ...], family: Family) -> Target:
    """--to maps a network one to one; which end depends on the hook."""
    given = by_name(options)
    if "to" not in given:
        raise UnmodelledError("NETMAP without a network")
    base, mask = network(given["to"].value, family)
    length = mask.bit_count()
    if mask != ((1 << length) - 1) << (family.bits - length):
        raise UnmodelledError("NETMAP with a broken netmask")
    source = Ending(Action.NAT, Nat(NatKind.NETMAP_SRC, base, base, prefix_length=length))
    destination = Ending(Action.NAT, Nat(NatKind.NETMAP_DST, base, base, prefix_length=length))

    def end(packet: Packet, view: View) -> Ending:  # noqa: ARG001
        return source if view.hook in _SOURCE_HOOKS else destination

    return Target(op=Op.END, effect=f"netmap to {given['to'].value}", end=end)


_RANDOM = {"random": 0, "random-fully": 0, "persistent": 0}
DNAT = TargetType("DNAT", {"to-destination": 1, **_RANDOM}, build_dnat)
SNAT = TargetType("SNAT", {"to-source": 1, **_RANDOM}, build_snat)
MASQUERADE = TargetType("MASQUERADE", {"to-ports": 1, **_RANDOM}, build_masquerade)
REDIRECT = TargetType("REDIRECT", {"to-ports": 1, **_RANDOM}, build_redirect)
NETMAP = TargetType("NETMAP", {"to": 1}, build_netmap)
