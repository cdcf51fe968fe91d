"""`ip -j nexthop` -> nexthop objects. Field names: iproute2 ip/ipnexthop.c."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from skoop.model.address import parse_ip
from skoop.netstack.dump.jsontext import entries, located
from skoop.netstack.state import NextHop


class _Member(Struct, frozen=True):
    id: int
    weight: int = 1


class _Via(Struct, frozen=True):
    host: str


class _Nexthop(Struct, frozen=True):
    id: int
    gateway: str = ""
    via: _Via | None = None
    dev: str = ""
    flags: tuple[str, ...] = ()
    encap: str = ""
    group: tuple[_Member, ...] = ()


_DECODER = msgspec.json.Decoder(_Nexthop)


def read_nexthops(text: str, source: str) -> Mapping[int, tuple[NextHop, ...]]:
    """Nexthop objects by id: one way for a plain one, several with weights for a group, none for a
    blackhole. Raises ParseError."""
    plain: dict[int, tuple[NextHop, ...]] = {}
    groups: list[_Nexthop] = []
    for item, own in entries(text, _DECODER, source):
        if item.group:
            groups.append(item)
            continue
        gateway = item.gateway or (item.via.host if item.via else "")
        try:
            hop = NextHop(
                item.dev, parse_ip(gateway) if gateway else None, 1, item.flags, item.encap
            )
        except ValueError as error:
            raise located(source, own, error) from error
        plain[item.id] = (hop,) if item.dev else ()
    for group in groups:
        plain[group.id] = tuple(
            msgspec.structs.replace(hop, weight=member.weight)
            for member in group.group
            for hop in plain.get(member.id, ())
        )
    return plain
