"""`ip -j [-s] neigh [show nud all|show proxy]` -> Neighbour. Names: iproute2 ip/ipneigh.c."""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import parse_ip
from skoop.netstack.dump.jsontext import entries, located, with_line
from skoop.netstack.lines import neighbour_line
from skoop.netstack.state import Neighbour


class _Neighbour(Struct, frozen=True):
    dst: str
    dev: str = ""
    lladdr: str = ""
    state: tuple[str, ...] = ()
    proxy: object = msgspec.UNSET
    extern_learn: object = msgspec.UNSET
    extern_valid: object = msgspec.UNSET
    refcnt: int = 0
    updated: int = -1


_DECODER = msgspec.json.Decoder(_Neighbour)


def read_neighbours(text: str, source: str) -> tuple[Neighbour, ...]:
    """ARP and ND entries, proxy entries too; unresolved ones have no `mac`. Raises ParseError."""
    found = []
    for item, own in entries(text, _DECODER, source):
        try:
            family, address = parse_ip(item.dst)
        except ValueError as error:
            raise located(source, own, error) from error
        proxy = item.proxy is not msgspec.UNSET
        learned = (item.extern_learn, item.extern_valid) != (msgspec.UNSET, msgspec.UNSET)
        state = "NONE" if proxy or not item.state else item.state[0]
        entry = Neighbour(
            item.dev, family, address, item.lladdr, state, proxy,
            learned=learned, idle=-1 if item.refcnt else item.updated,
        )  # fmt: skip
        found.append(with_line(entry, neighbour_line(entry)))
    return tuple(found)


def with_ages(found: tuple[Neighbour, ...], aged: tuple[Neighbour, ...]) -> tuple[Neighbour, ...]:
    """The entries with the ages of those that another listing has in the same state."""
    if not aged:
        return found
    ages = {(one.device, one.family, one.address, one.state): one.idle for one in aged}
    return tuple(
        replace(one, idle=ages.get((one.device, one.family, one.address, one.state), one.idle))
        for one in found
    )
