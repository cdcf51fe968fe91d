"""`bridge -j [-d] link` -> BridgePort, for an `ip` whose `-d link` does not tell them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from skoop.netstack.dump.jsontext import entries
from skoop.netstack.dump.links import PortData
from skoop.netstack.linkline import port_words
from skoop.netstack.state import BridgePort, Link


class _Port(PortData, frozen=True, kw_only=True):
    ifname: str


_DECODER = msgspec.json.Decoder(_Port)


def read_ports(text: str, source: str) -> Mapping[str, BridgePort]:
    """Bridge ports by interface name. Raises ParseError."""
    return {item.ifname: item.port() for item, _ in entries(text, _DECODER, source)}


def with_ports(links: tuple[Link, ...], ports: Mapping[str, BridgePort]) -> tuple[Link, ...]:
    """The links, each bridge port that lacks its settings completed."""
    return tuple(
        _with_port(link, ports[link.name]) if link.port is None and link.name in ports else link
        for link in links
    )


def _with_port(link: Link, port: BridgePort) -> Link:
    return msgspec.structs.replace(link, port=port, raw=link.raw + port_words(port))
