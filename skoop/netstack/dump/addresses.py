"""`ip -j addr` -> Address. Field names: iproute2 ip/ipaddress.c, print_addrinfo."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.model.address import Family, Prefix, parse_ip
from skoop.netstack.dump.jsontext import entries, located
from skoop.netstack.state import Address

_FLAGS = [
    "deprecated",
    "dynamic",
    "tentative",
    "dadfailed",
    "nodad",
    "home",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "temporary",
    "optimistic",
]


class _Info(Struct, frozen=True):
    family: str
    prefixlen: int = 0
    local: str = ""
    address: str = ""
    scope: str = "global"
    secondary: bool = False
    temporary: bool = False
    deprecated: bool = False
    dynamic: bool = False
    tentative: bool = False
    dadfailed: bool = False
    optimistic: bool = False
    nodad: bool = False
    home: bool = False
    mngtmpaddr: bool = False
    noprefixroute: bool = False
    autojoin: bool = False


class _Device(Struct, frozen=True):
    ifname: str
    addr_info: tuple[_Info, ...] = ()


_DECODER = msgspec.json.Decoder(_Device)


def read_addresses(text: str, source: str) -> tuple[Address, ...]:
    """Every IPv4 and IPv6 address. Raises ParseError."""
    found: list[Address] = []
    for device, own in entries(text, _DECODER, source):
        try:
            found.extend(
                _address(device.ifname, info)
                for info in device.addr_info
                if info.family in ("inet", "inet6")
            )
        except ValueError as error:
            raise located(source, own, error) from error
    return tuple(found)


def _address(device: str, info: _Info) -> Address:
    """`address` is the peer's (point-to-point), and then the prefix is the peer's network
    (net/ipv4/devinet.c: ifa_address against ifa_local)."""
    family, value = parse_ip(info.local or info.address)
    peer = parse_ip(info.address)[1] if info.address and info.local else 0
    if not 0 <= info.prefixlen <= family.bits:
        raise ValueError(f"{device}: prefix length {info.prefixlen}")
    shift = family.bits - info.prefixlen
    return Address(
        device=device,
        family=Family(family),
        value=value,
        prefix=Prefix(family, (peer or value) >> shift << shift, info.prefixlen),
        scope=info.scope,
        secondary=info.secondary,
        peer=peer,
        flags=tuple(name for name in _FLAGS if getattr(info, name)),
    )
