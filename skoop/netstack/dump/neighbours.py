"""`ip -j neigh [show nud all|show proxy]` -> Neighbour. Names: iproute2 ip/ipneigh.c."""

from __future__ import annotations

import msgspec
from msgspec import Struct

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
        state = "NONE" if proxy or not item.state else item.state[0]
        entry = Neighbour(item.dev, family, address, item.lladdr, state, proxy)
        found.append(with_line(entry, neighbour_line(entry)))
    return tuple(found)
