"""`tc -j qdisc` -> what may act on an interface's packets. Names: iproute2 tc/tc_qdisc.c.

A clsact or ingress qdisc only holds filters; which ones, `tc qdisc` does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from skoop.netstack.dump.jsontext import entries
from skoop.netstack.state import Link


class _Qdisc(Struct, frozen=True):
    kind: str
    dev: str = ""


_DECODER = msgspec.json.Decoder(_Qdisc)
_HOLDERS = frozenset(("clsact", "ingress", "netem"))


def read_qdiscs(text: str, source: str) -> Mapping[str, str]:
    """Per interface the qdisc that may drop packets or hold programs. Raises ParseError."""
    return {
        item.dev: f"qdisc {item.kind}"
        for item, _ in entries(text, _DECODER, source)
        if item.kind in _HOLDERS
    }


def with_qdiscs(links: tuple[Link, ...], qdiscs: Mapping[str, str]) -> tuple[Link, ...]:
    """The links, `tc` completed."""
    if not qdiscs:
        return links
    return tuple(
        msgspec.structs.replace(link, tc=qdiscs[link.name])
        if not link.tc and link.name in qdiscs
        else link
        for link in links
    )
