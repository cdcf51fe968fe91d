"""`bridge -j vlan` -> the VLANs of bridge ports and bridges. Names: iproute2 bridge/vlan.c."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from skoop.netstack.dump.jsontext import entries
from skoop.netstack.state import Link, Vlan, Vlans


class _Vlan(Struct, frozen=True, rename={"end": "vlanEnd"}):
    vlan: int
    end: int = 0
    flags: tuple[str, ...] = ()


class _Port(Struct, frozen=True):
    ifname: str
    vlans: tuple[_Vlan, ...] = ()


_DECODER = msgspec.json.Decoder(_Port)


def read_vlans(text: str, source: str) -> Mapping[str, Vlans]:
    """By interface. Raises ParseError."""
    return {
        item.ifname: Vlans(
            known=True,
            carried=tuple(
                Vlan(
                    each.vlan,
                    max(each.vlan, each.end),
                    pvid="PVID" in each.flags,
                    untagged="Egress Untagged" in each.flags,
                )
                for each in item.vlans
            ),
        )
        for item, _ in entries(text, _DECODER, source)
    }


def with_vlans(links: tuple[Link, ...], vlans: Mapping[str, Vlans]) -> tuple[Link, ...]:
    """The links, those in bridges that filter completed: one that is not listed carries none."""
    filtering = {each.name for each in links if each.bridge and each.bridge.vlan_filtering}
    return tuple(
        msgspec.structs.replace(link, vlans=vlans.get(link.name, Vlans(known=True)))
        if link.name in filtering or link.master in filtering
        else link
        for link in links
    )
