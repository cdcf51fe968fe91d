"""`bridge -j [-d] link` -> BridgePort, for an `ip` whose `-d link` does not tell them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from skoop.netstack.dump.jsontext import entries
from skoop.netstack.dump.links import PORT
from skoop.netstack.linkline import port_words
from skoop.netstack.state import BridgePort, Link


class _Named(Struct, frozen=True):
    ifname: str


_NAMED = msgspec.json.Decoder(_Named)


def read_ports(text: str, source: str) -> Mapping[str, BridgePort]:
    """Bridge ports by interface name. Raises ParseError."""
    named, ports = entries(text, _NAMED, source), entries(text, PORT, source)
    return {item.ifname: port for (item, _), (port, _) in zip(named, ports, strict=True)}


def with_ports(links: tuple[Link, ...], ports: Mapping[str, BridgePort]) -> tuple[Link, ...]:
    """The links, each bridge port that lacks its settings completed."""
    return tuple(
        _with_port(link, ports[link.name]) if link.port is None and link.name in ports else link
        for link in links
    )


def _with_port(link: Link, port: BridgePort) -> Link:
    return msgspec.structs.replace(link, port=port, raw=link.raw + port_words(port))
