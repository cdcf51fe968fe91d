"""Namespace states by hand, in the words of iproute2 and iptables."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from msgspec import structs

from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.packet import EPHEMERAL, Icmp, Packet, Proto, TcpFlag
from skoop.netstack.conntrack import CtStatus, FlowTuple
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.nft import read_text
from skoop.netstack.state import (
    Address,
    BridgePort,
    BridgeSettings,
    CtEntry,
    Link,
    Namespace,
    Neighbour,
    NextHop,
    PolicyRule,
    Route,
    RouteType,
    Socket,
)

ON = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.forwarding": "1",
    "net.ipv6.conf.all.forwarding": "1",
}
_BUILT_IN = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")


def ip(text: str) -> int:
    """The integer of an address."""
    return parse_ip(text)[1]


def link(name: str, index: int = 0, **fields: Any) -> Link:
    """A device; its MAC follows from its index, so give one where devices meet."""
    fields.setdefault("kind", "veth")
    number = index or 2 + sum(name.encode()) % 200
    fields.setdefault("mac", f"02:00:00:00:00:{number:02x}")
    return Link(index=number, name=name, **fields)


def bridge(name: str, index: int, mac: str = "", **settings: Any) -> Link:
    """A bridge device."""
    made = link(name, index, kind="bridge", bridge=BridgeSettings(**settings))
    return structs.replace(made, mac=mac) if mac else made


def port(name: str, index: int, master: str, peer: int, nsid: int, **settings: Any) -> Link:
    """A veth that is a bridge port."""
    return link(
        name, index, master=master, peer_index=peer, peer_nsid=nsid, port=BridgePort(**settings)
    )


def address(text: str) -> Address:
    """ "10.0.0.1/24 eth0 [secondary] [tentative] [scope link]"."""
    words = text.split()
    family, value = parse_ip(words[0].partition("/")[0])
    loopback = words[1] == "lo"
    scope = words[words.index("scope") + 1] if "scope" in words else "host" if loopback else ""
    if not scope:
        scope = "link" if family is Family.V6 and value >> 118 == 0xFE80 >> 6 else "global"
    flags = tuple(word for word in ("tentative", "deprecated") if word in words)
    return Address(
        words[1], family, value, parse_prefix(words[0]), scope, "secondary" in words, flags=flags
    )


def _hops(words: list[str]) -> tuple[NextHop, ...]:
    """ "via G dev D weight N onlink dead linkdown", or several after "nexthop"."""
    if "nexthop" in words:
        starts = [i for i, word in enumerate(words) if word == "nexthop"] + [len(words)]
        parts = [words[a + 1 : b] for a, b in itertools.pairwise(starts)]
        return tuple(hop for part in parts for hop in _hops(part))
    if "dev" not in words:
        return ()
    said = {key: words[words.index(key) + 1] for key in ("dev", "via", "weight") if key in words}
    via = parse_ip(said["via"]) if "via" in said else None
    flags = tuple(word for word in ("onlink", "dead", "linkdown") if word in words)
    return (NextHop(said["dev"], via, int(said.get("weight", "1")), flags),)


def route(text: str) -> Route:
    """ "10.0.0.0/8 via G dev D table T metric N src S mtu N tos N", "blackhole DST", ..."""
    words = text.split()
    kind = RouteType.UNICAST
    if words[0] in {each.value for each in RouteType}:
        kind = RouteType(words.pop(0))
    if words[0] == "default":
        words[0] = "::/0" if any("::" in word for word in words) else "0.0.0.0/0"
    said = {
        key: words[words.index(key) + 1]
        for key in ("table", "metric", "src", "mtu", "tos", "from", "scope")
        if key in words
    }
    return Route(
        destination=parse_prefix(words[0]),
        type=kind,
        table=said.get("table", "main"),
        nexthops=_hops(words),
        metric=int(said.get("metric", "0")),
        prefsrc=ip(said["src"]) if "src" in said else 0,
        mtu=int(said.get("mtu", "0")),
        tos=int(said.get("tos", "0"), 0),
        source=parse_prefix(said["from"]) if "from" in said else None,
        scope=said.get("scope", "global"),
        raw=text,
    )


def rule(priority: int, family: Family = Family.V4, **fields: Any) -> PolicyRule:
    """A policy rule; `source` and `destination` as text."""
    for key in ("source", "destination"):
        if key in fields:
            fields[key] = parse_prefix(fields[key])
    fields.setdefault("raw", f"{priority}: {fields}")
    return PolicyRule(family=family, priority=priority, **fields)


DEFAULT_RULES = tuple(
    rule(priority, family, target=table)
    for family in Family
    for priority, table in ((0, "local"), (32766, "main"), (32767, "default"))
)


def neighbour(address_text: str, device: str, mac: str, state: str = "PERMANENT") -> Neighbour:
    """An ARP or ND entry."""
    family, value = parse_ip(address_text)
    raw = f"{address_text} dev {device} lladdr {mac} {state}"
    return Neighbour(device, family, value, mac, state, raw=raw)


def listen(text: str, **fields: Any) -> Socket:
    """ "tcp 0.0.0.0:80", "udp [::]:53", "tcp *:80" (a v6 wildcard that takes v4 too)."""
    protocol, _, where = text.partition(" ")
    host, _, number = where.rpartition(":")
    dual = host == "*"
    family, value = (Family.V6, 0) if dual else parse_ip(host.strip("[]"))
    return Socket(Proto[protocol.upper()], family, value, int(number), dual, raw=text, **fields)


def iptables(
    *rules: str, family: Family = Family.V4, engine: str = "iptables-legacy", **policies: str
) -> Ruleset:
    """ "-t nat -A PREROUTING ...", "-A FORWARD -j DROP"; policies as FORWARD="DROP"."""
    tables: dict[str, list[str]] = {"filter": []}
    for text in rules:
        table = "filter"
        if text.startswith("-t "):
            _, table, text = text.split(" ", 2)
        tables.setdefault(table, []).append(text)
    lines: list[str] = []
    for table, body in tables.items():
        chains = dict.fromkeys(line.split()[1] for line in body)
        if table == "filter":
            chains |= dict.fromkeys(policies)
        lines.append(f"*{table}")
        for name in chains:
            policy = policies.get(name, "ACCEPT") if name in _BUILT_IN else "-"
            lines.append(f":{name} {policy} [0:0]")
        lines += [*body, "COMMIT"]
    text = "\n".join(lines) + "\n"
    read = read_ruleset(text, engine=engine, family=family, source="test")
    return structs.replace(read, engine=engine, family=family, text=text)


def nft(text: str) -> Ruleset:
    """What `nft list ruleset` prints."""
    return read_text(text, covered=frozenset(), source="test")


def namespace(
    id: str = "node/k1",  # noqa: A002
    *,
    links: Iterable[Link] = (),
    addresses: Iterable[str] = (),
    routes: Iterable[str] = (),
    rules: Iterable[PolicyRule] = (),
    sysctls: dict[str, str] | None = None,
    **fields: Any,
) -> Namespace:
    """A namespace with lo, and the routes that addresses bring. Forwarding is on for nodes."""
    made = [address(text) for text in ("127.0.0.1/8 lo", "::1/128 lo", *addresses)]
    lo = Link(index=1, name="lo", kind="loopback", mtu=65536)
    settings = {**(ON if id.startswith("node/") else {}), **(sysctls or {})}
    return Namespace(
        id=id,
        links=(lo, *links),
        addresses=tuple(made),
        routes=(*connected(made), *(route(text) for text in routes)),
        rules=(*DEFAULT_RULES, *rules),
        sysctls=settings,
        **fields,
    )


def connected(addresses: Iterable[Address]) -> tuple[Route, ...]:
    """The local route of each address, and the one of its subnet."""
    found: list[Route] = []
    for each in addresses:
        own = parse_prefix(str(each.prefix).partition("/")[0])
        own = structs.replace(own, network=each.value)
        local = each.prefix if each.device == "lo" and each.prefix.length == 8 else own
        hop = (NextHop(each.device),)
        found.append(
            Route(
                destination=local,
                type=RouteType.LOCAL,
                table="local",
                nexthops=hop,
                prefsrc=each.value if each.family is Family.V4 else 0,
                raw=f"local {local} dev {each.device} table local",
            )
        )
        if each.device != "lo" and each.prefix.length < each.family.bits:
            raw = f"{each.prefix} dev {each.device} proto kernel scope link"
            found.append(
                Route(
                    destination=each.prefix,
                    nexthops=hop,
                    scope="link",
                    prefsrc=0 if each.family is Family.V6 else each.value,
                    raw=raw,
                )
            )
    return tuple(found)


def packet(text: str, **fields: Any) -> Packet:
    """ "tcp 10.0.0.1 -> 10.0.0.2:80": the first packet of a connection."""
    protocol, source, _, target = text.split()
    number = Proto[protocol.upper()]
    host, dport, sport = target, 0, 0
    if number in (Proto.TCP, Proto.UDP, Proto.SCTP):
        host, _, digits = target.rpartition(":")
        dport, sport = int(digits), EPHEMERAL
    family, src = parse_ip(source)
    fields.setdefault("sport", sport)
    fields.setdefault("flags", TcpFlag.SYN if number is Proto.TCP else 0)
    if number in (Proto.ICMP, Proto.ICMPV6):
        fields.setdefault("icmp", Icmp(8 if number is Proto.ICMP else 128, 0))
    return Packet(
        family=family, proto=number, src=src, dst=ip(host.strip("[]")), dport=dport, **fields
    )


def answer_to(sent: Packet, **fields: Any) -> Packet:
    """The same, turned round; a SYN-ACK for a SYN."""
    flags = sent.flags | TcpFlag.ACK if sent.proto == Proto.TCP else 0
    return structs.replace(
        sent, src=sent.dst, dst=sent.src, sport=sent.dport, dport=sent.sport, flags=flags, **fields
    )


def ct_entry(
    original: str, reply: str, *, status: CtStatus = CtStatus.NONE, tcp_state: str = ""
) -> CtEntry:
    """ "tcp 10.0.0.1:1000 10.0.0.2:80" both ways."""
    return CtEntry(_tuple(original), _tuple(reply), status, tcp_state=tcp_state, raw=original)


def _tuple(text: str) -> FlowTuple:
    protocol, source, target = text.split()
    (src, sport), (dst, dport) = (each.rsplit(":", 1) for each in (source, target))
    return FlowTuple(
        parse_ip(src)[0], Proto[protocol.upper()], ip(src), ip(dst), int(sport), int(dport)
    )
