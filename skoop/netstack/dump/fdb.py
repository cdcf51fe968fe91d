"""`bridge -j fdb` -> FdbEntry. Field names: iproute2 bridge/fdb.c."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.model.address import parse_ip
from skoop.netstack.dump.jsontext import entries, located, with_line
from skoop.netstack.lines import fdb_line
from skoop.netstack.state import FdbEntry


class _Fdb(Struct, frozen=True):
    mac: str
    ifname: str = ""
    flags: tuple[str, ...] = ()
    master: str = ""
    state: str = ""
    dst: str = ""
    port: int = -1
    vni: int = -1
    via: str = msgspec.field(default="", name="viaIf")
    vlan: int = 0
    nhid: int = 0


_DECODER = msgspec.json.Decoder(_Fdb)


def read_fdb(text: str, source: str) -> tuple[FdbEntry, ...]:
    """Forwarding entries of bridges and tunnel devices. Raises ParseError.

    "permanent" on an entry of a bridge means BR_FDB_LOCAL (net/bridge/br_fdb.c): the bridge itself
    takes such frames.
    """
    found = []
    for item, own in entries(text, _DECODER, source):
        if item.nhid:
            raise located(source, own, ValueError("entries with nexthop groups are not modelled"))
        own_entry = "self" in item.flags
        try:
            remote = parse_ip(item.dst) if item.dst else None
        except ValueError as error:
            raise located(source, own, error) from error
        entry = FdbEntry(
            device=item.ifname,
            mac=item.mac,
            master=item.master,
            self_=own_entry,
            remote=remote,
            vni=item.vni,
            port=item.port,
            via=item.via,
            vlan=item.vlan,
            permanent=item.state in ("permanent", "static"),
            local=item.state == "permanent" and bool(item.master) and not own_entry,
        )
        found.append(with_line(entry, fdb_line(entry, item.state)))
    return tuple(found)
